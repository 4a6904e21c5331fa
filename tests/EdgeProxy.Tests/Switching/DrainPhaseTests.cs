using System.Threading.Channels;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Phases;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Switching;

/// <summary>Deadlines of 20 s for requests and 40 s for streams, the first forced ends 2 s and 4 s before.</summary>
public sealed class DrainPhaseTests
{
    private readonly SteppedTime _time = new();
    private readonly SlotPair _slots = new(
        new SlotsOptions { Blue = new() { Address = "http://127.0.0.1:8000" }, Green = new() { Address = "http://127.0.0.1:8100" } },
        SlotName.Blue);

    private readonly List<SlotName> _closedIdle = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_class_ends_at_its_own_deadline()
    {
        var ends = Enum.GetValues<LeaseClass>().ToDictionary(@class => @class, _ => TimeSpan.Zero);
        foreach (var @class in ends.Keys)
        {
            Hold(@class, at => ends[@class] = at);
        }

        var result = await RunAsync(Drain(Cancellation));

        Assert.Equal(TimeSpan.FromSeconds(20), ends[LeaseClass.Http]);
        Assert.Equal(TimeSpan.FromSeconds(40), ends[LeaseClass.Stream]);
        Assert.Equal(TimeSpan.FromSeconds(40), ends[LeaseClass.WebSocket]);
        Assert.Contains(
            "3 requests were in flight; 3 of them were ended after 20 s (Switch:DrainTimeout; streams 40 s", result.Problem, StringComparison.Ordinal);
        Assert.Equal([SlotName.Blue], _closedIdle);
    }

    [Fact]
    public async Task Forced_ends_are_spread_over_the_last_tenth()
    {
        List<TimeSpan> ends = [];
        for (var i = 0; i < 100; i++)
        {
            Hold(LeaseClass.WebSocket, ends.Add, inOrder: true);
        }

        var result = await RunAsync(Drain(Cancellation));

        Assert.Equal(100, ends.Count);
        Assert.Equal(TimeSpan.FromSeconds(36.2), ends[0]);
        Assert.Equal(TimeSpan.FromSeconds(40), ends[^1]);
        Assert.Equal(LeaseCancellations.Waves, ends.Distinct().Count());
        Assert.All(ends.GroupBy(at => at), wave => Assert.Equal(100 / LeaseCancellations.Waves, wave.Count()));
        Assert.Null(result.Problem);
        Assert.Contains("100 streams and WebSockets were closed in order after 40 s", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_became_a_stream_follows_the_deadline_of_streams()
    {
        var lease = _slots.Acquire(LeaseClass.Http);
        var drained = Drain(Cancellation);
        lease.Reclassify(LeaseClass.Stream);
        var ended = TimeSpan.Zero;
        var start = _time.GetTimestamp();
        using var ends = lease.Ended.Register(() =>
        {
            ended = _time.GetElapsedTime(start);
            lease.Dispose();
        });

        await RunAsync(drained);

        Assert.Equal(TimeSpan.FromSeconds(40), ended);
    }

    [Fact]
    public async Task Requests_that_do_not_end_when_told_are_not_waited_for_as_long_as_streams()
    {
        using var stuck = _slots.Acquire(LeaseClass.Http);
        var start = _time.GetTimestamp();

        var result = await RunAsync(Drain(Cancellation));

        Assert.Equal(TimeSpan.FromSeconds(25), _time.GetElapsedTime(start));
        Assert.Contains("1 of them were ended", result.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drain_that_is_given_up_cuts_nobody_and_leaves_its_leases_to_the_next()
    {
        using var giveUp = new CancellationTokenSource();
        using var before = _slots.Acquire(LeaseClass.Stream);
        var first = Drain(giveUp.Token);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        _slots.Activate(SlotName.Blue);
        using var after = _slots.Acquire(LeaseClass.Stream);
        Assert.False(before.Ended.IsCancellationRequested);

        await RunAsync(Drain(Cancellation));

        Assert.True(before.Ended.IsCancellationRequested);
        Assert.True(after.Ended.IsCancellationRequested);
        _slots.Activate(SlotName.Blue);
        using var next = _slots.Acquire(LeaseClass.Stream);
        Assert.False(next.Ended.IsCancellationRequested);
    }

    private Task<PhaseResult> Drain(CancellationToken stopping)
    {
        _slots.Activate(SlotName.Green);
        var options = new SwitchOptions { DrainTimeout = TimeSpan.FromSeconds(20), StreamDrainTimeout = TimeSpan.FromSeconds(40) };
        return new DrainPhase(options, _slots, new NoFormerRequests(), _closedIdle.Add, _time).DrainAsync(SlotName.Blue, stopping);
    }

    /// <summary>A request that ends as soon as it is told, and says when.</summary>
    private void Hold(LeaseClass @class, Action<TimeSpan> ended, bool inOrder = false)
    {
        var lease = _slots.Acquire(@class);
        var start = _time.GetTimestamp();
        lease.Ended.Register(() =>
        {
            ended(_time.GetElapsedTime(start));
            lease.EndsInOrder = inOrder;
            lease.Dispose();
        });
    }

    /// <summary>Lets time pass, from one instant for which the drain waits to the next, until it is over.</summary>
    private async Task<PhaseResult> RunAsync(Task<PhaseResult> drain)
    {
        while (await Task.WhenAny(
            drain, _time.Awaited.WaitToReadAsync(Cancellation).AsTask()).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation) != drain)
        {
            _time.Advance(await _time.Awaited.ReadAsync(Cancellation));
        }

        return await drain;
    }

    /// <summary>Tells how long its users wait.</summary>
    private sealed class SteppedTime : FakeTimeProvider
    {
        private readonly Channel<TimeSpan> _awaited = Channel.CreateUnbounded<TimeSpan>();

        public ChannelReader<TimeSpan> Awaited => _awaited.Reader;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            _awaited.Writer.TryWrite(dueTime);
            return timer;
        }
    }
}
