using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Switching;

/// <summary>Another process that shares the store has made another slot active: traffic follows, and the next switch runs.</summary>
public sealed class ChangedElsewhereTests : IAsyncDisposable
{
    private readonly SharedStore _store = new();
    private readonly ControlPlane _plane;

    public ChangedElsewhereTests() => _plane = new ControlPlane { ConfigureAppServices = services => services.AddSingleton<IActiveSlotStore>(_store) };

    [Fact]
    public async Task Traffic_moves_to_the_slot_that_another_process_has_made_active()
    {
        await _plane.StartAsync();

        await StoreAsync(SlotName.Green);

        await FollowedAsync(SlotName.Green);
        Assert.Equal(["start blue", "start green", "stop blue"], _plane.Units.Calls);
        Assert.Equal((SlotName.Blue, _store.Revision), (_plane.Slots.Plan.Previous.Name, _plane.Slots.Plan.Revision));
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync(new(SlotName.Blue))).Outcome);
        Assert.Equal(SlotName.Blue, _store.Value!.Slot);
    }

    [Fact]
    public async Task Requests_in_the_slot_that_it_leaves_come_to_their_end()
    {
        await _plane.StartAsync();
        var request = _plane.Slots.Acquire(LeaseClass.Http);

        await StoreAsync(SlotName.Green);
        await Eventually.TrueAsync(() => _plane.Slots.Active.Name == SlotName.Green, "traffic is on green");

        Assert.True(_plane.Units[SlotName.Blue].Status.IsRunning);
        Assert.False(request.Ended.IsCancellationRequested);
        request.Dispose();
        await FollowedAsync(SlotName.Green);
    }

    /// <summary>A slot that does not respond gets no traffic, whoever says that it is active. What is asked for later tries again.</summary>
    [Fact]
    public async Task Traffic_stays_where_the_other_slot_does_not_prove_healthy_and_follows_once_it_does()
    {
        (_plane.Options.Health.Attempts, _plane.Options.Health.Interval) = (1, TimeSpan.FromSeconds(2));
        _plane.Green.Handler = SlotApp.Responds(500);
        await _plane.StartAsync();

        await StoreAsync(SlotName.Green);
        await Eventually.TrueAsync(() => _plane.Units.Calls.Contains("start green"), "green was started");
        await _plane.Get<Reconciliation>().Finished.Within();
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.True(_plane.Units[SlotName.Blue].Status.IsRunning);

        _plane.Green.Handler = SlotApp.Responds(200);
        var refused = await _plane.SwitchAsync();
        Assert.StartsWith("Flip: another process has changed which slot is active: green since", refused.Reason, StringComparison.Ordinal);
        await FollowedAsync(SlotName.Green);
    }

    /// <summary>The flip is where two that switch at a time are told apart: one has moved traffic, the other leaves it where it was, and follows.</summary>
    [Fact]
    public async Task A_switch_does_not_flip_over_another_process()
    {
        var mayRespond = new TaskCompletionSource();
        _plane.Green.Handler = async context =>
        {
            await mayRespond.Task;
            await SlotApp.Responds(200)(context);
        };
        await _plane.StartAsync();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), TestContext.Current.CancellationToken));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Probe, "the candidate is probed");

        await StoreAsync(SlotName.Green);
        mayRespond.SetResult();
        var ended = await start.Completion.Within();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.StartsWith("Flip: another process has changed which slot is active: green since", ended.Reason, StringComparison.Ordinal);
        Assert.Equal("theirs", _store.Value!.Switch);
        Assert.False(File.Exists(_plane.StateFile(ActiveSlotFile.FileName)));
        await FollowedAsync(SlotName.Green);
    }

    [Fact]
    public async Task A_switch_that_had_to_wait_for_the_change_does_not_go_the_wrong_way()
    {
        await _plane.StartAsync();
        SwitchStart start;
        using (await _plane.Get<WarmSlot>().TakeTurnAsync(TestContext.Current.CancellationToken))
        {
            await StoreAsync(SlotName.Green); // its round waits for the turn
            await Eventually.TrueAsync(() => _plane.Get<ActiveSlotRecord>().Current!.Slot == SlotName.Green, "the change is seen");
            start = await _plane.Switches.BeginAsync(new(), TestContext.Current.CancellationToken);
        }

        var ended = await Assert.IsType<SwitchStart.Started>(start).Completion.Within(TimeSpan.FromMinutes(1));

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        await FollowedAsync(SlotName.Green);
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
    }

    /// <summary>What could not be written is kept in memory; but not what nobody has written because another process was faster.</summary>
    [Fact]
    public async Task The_end_of_a_warm_slot_does_not_hide_what_another_process_has_stored()
    {
        await _plane.StartAsync();
        var warm = _plane.Get<WarmSlot>();
        using (await warm.TakeTurnAsync(TestContext.Current.CancellationToken))
        {
            await StoreAsync(SlotName.Green);
            await Assert.ThrowsAsync<StateException>(async () => await warm.KeepAsync(DateTimeOffset.UnixEpoch));
            Assert.Equal("theirs", _plane.Get<ActiveSlotRecord>().Current!.Switch);
        }

        await FollowedAsync(SlotName.Green);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task StoreAsync(SlotName slot) => Assert.NotNull(await _store.TryReplaceAsync(
        _store.Revision, new ActiveSlot { Version = 1, Slot = slot, Since = DateTimeOffset.UnixEpoch, Switch = "theirs" }));

    private async Task FollowedAsync(SlotName slot)
    {
        await Eventually.TrueAsync(() => _plane.Slots.Active.Name == slot, $"traffic is on {slot.ToKey()}");
        await Eventually.TrueAsync(() => _plane.Units[slot.Other()].Status.State == UnitState.Inactive, "the other unit is stopped");
        await _plane.Get<Reconciliation>().Finished.Within();
    }
}
