using EdgeProxy.Slots;

namespace EdgeProxy.Tests.Slots;

public sealed class SlotPairTests
{
    private readonly SlotPair _slots = new(
        new SlotsOptions { Blue = new() { Address = "http://127.0.0.1:8000" }, Green = new() { Address = "unix:/run/app/green.sock" } },
        SlotName.Blue);

    [Fact]
    public void A_lease_is_counted_in_its_class_until_it_is_released()
    {
        var http = _slots.Acquire(LeaseClass.Http);
        using var socket = _slots.Acquire(LeaseClass.WebSocket);
        Assert.Equal(new InFlight(1, 0, 1), http.Slot.InFlight);

        http.Reclassify(LeaseClass.Stream);
        Assert.Equal(new InFlight(0, 1, 1), http.Slot.InFlight);

        http.Dispose();
        http.Dispose();
        Assert.Equal(new InFlight(0, 0, 1), _slots[SlotName.Blue].InFlight);
    }

    [Fact]
    public async Task A_flip_moves_new_leases_and_leaves_the_old_ones_where_they_are()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var flipped = _slots.Flipped;
        var before = _slots.Acquire(LeaseClass.Http);

        _slots.Activate(SlotName.Green);
        using var after = _slots.Acquire(LeaseClass.Http);

        Assert.Equal(SlotName.Green, after.Slot.Name);
        Assert.True(flipped.IsCompleted);
        var idle = before.Slot.WaitIdleAsync(cancellation);
        Assert.False(idle.IsCompleted);
        before.Dispose();
        await idle;
    }

    [Fact]
    public void A_plan_does_not_change_but_is_replaced()
    {
        var before = _slots.Plan;
        _slots.Activate(SlotName.Green, "r1");
        var after = _slots.Plan;
        _slots.Activate(SlotName.Green, "r2");

        Assert.Equal((SlotName.Blue, SlotName.Green, null), (before.Active.Name, before.Previous.Name, before.Revision));
        Assert.Equal((SlotName.Green, SlotName.Blue, "r1"), (after.Active.Name, after.Previous.Name, after.Revision));
        Assert.Equal("r2", _slots.Plan.Revision);
    }

    [Fact]
    public void An_idle_slot_is_reported_at_once() =>
        Assert.True(_slots.Active.WaitIdleAsync(TestContext.Current.CancellationToken).IsCompletedSuccessfully);

    [Fact]
    public void Ending_the_leases_of_a_slot_spares_those_that_come_later()
    {
        using var old = _slots.Acquire(LeaseClass.Http);
        _slots.Active.EndLeases();
        using var late = _slots.Acquire(LeaseClass.Http);

        Assert.True(old.Ended.IsCancellationRequested);
        Assert.False(late.Ended.IsCancellationRequested);
    }

    /// <summary>The property that a drain rests on: once the old slot was idle after a flip, nobody holds a lease on it.</summary>
    [Fact]
    public async Task Under_contention_a_drained_slot_has_no_lease_left()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var stop = new CancellationTokenSource();
        var held = new int[2];
        var workers = Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    using var lease = _slots.Acquire(LeaseClass.Http);
                    Interlocked.Increment(ref held[(int)lease.Slot.Name]);
                    Thread.SpinWait(50);
                    Interlocked.Decrement(ref held[(int)lease.Slot.Name]);
                }
            },
            cancellation)).ToArray();

        for (var i = 0; i < 200; i++)
        {
            var old = _slots.Active;
            _slots.Activate(old.Name.Other());
            await old.WaitIdleAsync(cancellation);
            Assert.Equal(0, Volatile.Read(ref held[(int)old.Name]));
        }

        await stop.CancelAsync();
        await Task.WhenAll(workers);
        Assert.Equal(0, _slots[SlotName.Blue].InFlight.Total + _slots[SlotName.Green].InFlight.Total);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8000", "127.0.0.1:8000")]
    [InlineData("http://localhost:8100/", "127.0.0.1:8100")]
    [InlineData("http://[::1]:8000", "[::1]:8000")]
    [InlineData("http://app-blue:80", "app-blue:80")]
    [InlineData("unix:/run/app/blue.sock", "localhost")]
    public void Addresses_name_an_endpoint(string text, string authority)
    {
        Assert.True(SlotAddress.TryParse(text, out var address));
        Assert.Equal(authority, address.Authority);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("127.0.0.1:8000")]
    [InlineData("https://127.0.0.1:8000")]
    [InlineData("http://127.0.0.1:8000/path")]
    [InlineData("http://user@127.0.0.1:8000")]
    [InlineData("unix:relative.sock")]
    public void Anything_else_is_refused(string? text) => Assert.False(SlotAddress.TryParse(text, out _));
}
