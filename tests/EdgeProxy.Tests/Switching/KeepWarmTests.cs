using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Switching;

/// <summary>An old slot that is kept running: how long, for whom, and what ends it.</summary>
public sealed class KeepWarmTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    public KeepWarmTests() => _plane.Options.Switch.KeepWarm = TimeSpan.FromHours(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_switch_ends_with_the_drain_and_the_old_unit_runs_on()
    {
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(["start blue", "start green"], _plane.Units.Calls);
        var until = _plane.Get<WarmSlot>().Until(SlotName.Blue);
        Assert.InRange(until!.Value - ended.StartedAt, TimeSpan.FromHours(1), TimeSpan.FromHours(1) + Eventually.Patience);
        Assert.Equal(until.Value.ToUnixTimeMilliseconds(), _plane.ReadActive()!.WarmUntil!.Value.ToUnixTimeMilliseconds());
        Assert.Null(_plane.Get<WarmSlot>().Until(SlotName.Green));
        Assert.StartsWith("app-server-blue.service is kept warm until 20", ended.Phases[^1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_its_time_is_over_it_is_stopped()
    {
        _plane.Options.Switch.KeepWarm = TimeSpan.FromMilliseconds(100);
        await _plane.StartAsync();

        await _plane.SwitchAsync();

        await Eventually.TrueAsync(() => _plane.Get<WarmSlot>().Kept is null, "its time is over");
        Assert.Equal(["start blue", "start green", "stop blue"], _plane.Units.Calls);
        Assert.Null(_plane.ReadActive()!.WarmUntil);
    }

    [Theory]
    [InlineData("rollback")]
    [InlineData("switch --to blue")]
    [InlineData("switch --to blue --label one")]
    public async Task Traffic_goes_back_to_it_without_a_restart_and_the_other_is_warm_then(string how)
    {
        await DeployAsync("one", "two");
        var calls = _plane.Units.Calls.Count;
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10); // whoever goes back is not observed

        var start = how switch
        {
            "rollback" => await _plane.Switches.BeginRollbackAsync(force: false, Cancellation),
            _ => await _plane.Switches.BeginAsync(new(SlotName.Blue, how.EndsWith("one", StringComparison.Ordinal) ? "one" : null), Cancellation),
        };

        var ended = await Assert.IsType<SwitchStart.Started>(start).Completion.Within();
        Assert.Equal((SwitchOutcome.Completed, "one"), (ended.Outcome, ended.Label));
        Assert.Equal(calls, _plane.Units.Calls.Count);
        Assert.Equal((SlotName.Blue, "one", "two"), (_plane.Slots.Active.Name, _plane.ReadActive()!.Label, _plane.ReadActive()!.IdleLabel));
        Assert.Equal("app-server-blue.service is warm and was not restarted", ended.Phases[0].Detail);
        Assert.True(_plane.Units[SlotName.Green].Status.IsRunning);
        Assert.NotNull(_plane.Get<WarmSlot>().Until(SlotName.Green));
        Assert.Null(_plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(SlotName.Blue)]
    public async Task A_deploy_onto_it_restarts_it(SlotName? to)
    {
        await DeployAsync("one", "two");

        var ended = await _plane.SwitchAsync(new(to, "three"));

        Assert.Equal((SwitchOutcome.Completed, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Equal("restart blue", _plane.Units.Calls.Last());
        Assert.Equal("three", _plane.ReadActive()!.Label);
    }

    [Fact]
    public async Task A_deploy_onto_it_that_fails_leaves_it_stopped()
    {
        await DeployAsync("one", "two");
        _plane.Blue.Handler = SlotApp.Responds(500);
        _plane.Options.Health.Attempts = 1;
        _plane.Options.Health.Interval = TimeSpan.FromSeconds(1);

        var ended = await _plane.SwitchAsync(new(Label: "three"));

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.Equal(["restart blue", "stop blue"], _plane.Units.Calls.TakeLast(2));
        Assert.Null(_plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.Null(_plane.ReadActive()!.WarmUntil);
    }

    [Fact]
    public async Task It_outlives_the_proxy()
    {
        await DeployAsync("one", "two");
        var until = _plane.ReadActive()!.WarmUntil;
        var calls = _plane.Units.Calls.Count;

        await _plane.StopAsync();
        await _plane.StartAsync();

        Assert.Equal(until, _plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.Equal(SwitchOutcome.Completed, (await RollBackAsync(force: false)).Outcome);
        Assert.Equal(calls, _plane.Units.Calls.Count);
    }

    [Fact]
    public async Task After_a_restart_it_does_not_stay_longer_than_the_settings_say_now()
    {
        await DeployAsync("one", "two");
        await _plane.StopAsync();
        _plane.Options.Switch.KeepWarm = TimeSpan.FromMinutes(1);

        await _plane.StartAsync();

        Assert.InRange(_plane.Get<WarmSlot>().Until(SlotName.Blue)!.Value, DateTimeOffset.UnixEpoch, TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(1));
        await _plane.StopAsync();
        _plane.Options.Switch.KeepWarm = TimeSpan.Zero;

        await _plane.StartAsync();

        Assert.Null(_plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.Equal("stop blue", _plane.Units.Calls.Last());
    }

    [Fact]
    public async Task Of_a_switch_that_the_proxy_left_in_its_drain_the_old_slot_is_warm_too()
    {
        await _plane.StartAsync();
        using var request = _plane.Slots.Acquire(LeaseClass.Http);
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Drain, "it drains");
        await _plane.StopAsync();

        await _plane.StartAsync();

        Assert.NotNull(_plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.DoesNotContain("stop blue", _plane.Units.Calls);
        var ended = _plane.Get<SwitchHistory>().Find(start.Switch.Id)!;
        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("Traffic is on green; app-server-blue.service is kept warm.", ended.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_an_unfinished_deploy_has_restarted_is_not_the_old_version_any_more()
    {
        await DeployAsync("one", "two");
        _plane.Blue.Handler = SlotApp.Hangs;
        await _plane.Switches.BeginAsync(new(Label: "three"), Cancellation);
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Probe, "it is probed");
        await _plane.StopAsync();

        await _plane.StartAsync();

        Assert.Equal(["restart blue", "stop blue"], _plane.Units.Calls.TakeLast(2));
        Assert.Null(_plane.ReadActive()!.WarmUntil);
    }

    /// <summary>By force it is started again: as it is not known what it would run, only so.</summary>
    [Fact]
    public async Task One_that_has_ended_is_not_gone_back_to_without_force()
    {
        await DeployAsync("one", "two");
        _plane.Units[SlotName.Blue].Ends(UnitState.Failed, "exit-code", 3);
        await _plane.Blue.CloseAsync();

        var aborted = await RollBackAsync(force: false);
        var forced = await RollBackAsync(force: true);

        Assert.Equal(SwitchOutcome.Aborted, aborted.Outcome);
        Assert.Contains("blue is not warm any more: app-server-blue.service failed (exit code 3)", aborted.Reason, StringComparison.Ordinal);
        Assert.Equal((SwitchOutcome.Completed, SlotName.Blue), (forced.Outcome, _plane.Slots.Active.Name));
        Assert.Equal("start blue", _plane.Units.Calls.Last());
    }

    [Fact]
    public async Task One_that_is_not_healthy_is_soon_given_up_and_stays_as_it_is()
    {
        _plane.Options.Health.Timeout = TimeSpan.FromMilliseconds(300);
        await DeployAsync("one", "two");
        _plane.Blue.Handler = SlotApp.Responds(500);
        var calls = _plane.Units.Calls.Count;

        var ended = await RollBackAsync(force: false);

        Assert.Equal((SwitchOutcome.Aborted, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains("blue, which is warm, did not prove healthy within 0.3 s (Health:Timeout)", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(calls, _plane.Units.Calls.Count);
        Assert.NotNull(_plane.Get<WarmSlot>().Until(SlotName.Blue));
    }

    /// <summary>Where it can be kept but not written down, it is kept, and the switch says so.</summary>
    [Fact]
    public async Task Where_the_file_cannot_be_written_the_next_process_does_not_know()
    {
        await _plane.StartAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Drain, "it drains");
        File.Delete(_plane.StateFile(ActiveSlotFile.FileName));
        Directory.CreateDirectory(_plane.StateFile(ActiveSlotFile.FileName)); // a rename onto a directory fails for root, too
        inFlight.Dispose();

        var ended = await start.Completion.Within();

        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("is kept warm until", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("but not beyond a restart of EdgeProxy: cannot write", ended.Reason, StringComparison.Ordinal);
        Assert.NotNull(_plane.Get<WarmSlot>().Until(SlotName.Blue));
        Assert.DoesNotContain("stop blue", _plane.Units.Calls);
    }

    [Fact]
    public async Task After_a_rollback_by_itself_the_bad_version_is_not_kept()
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10);
        await _plane.StartAsync();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Observe, "it is observed");
        _plane.Units[SlotName.Green].Ends(UnitState.AutoRestart, "exit-code", 3);

        Assert.Equal(SwitchOutcome.RolledBack, (await start.Completion.Within()).Outcome);

        Assert.Equal("stop green", _plane.Units.Calls.Last());
        Assert.Null(_plane.Get<WarmSlot>().Kept);
    }

    /// <summary>A switch that comes while the unit is being stopped waits for that, and starts it again.</summary>
    [Fact]
    public async Task A_switch_does_not_meet_the_stop()
    {
        var stopping = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        _plane.Options.Switch.KeepWarm = TimeSpan.FromMilliseconds(100);
        await _plane.StartAsync();
        var stop = _plane.Units[SlotName.Blue].OnStop;
        _plane.Units[SlotName.Blue].OnStop = async (unit, cancellation) =>
        {
            stopping.TrySetResult();
            await goOn.Task.WaitAsync(cancellation);
            return await stop(unit, cancellation);
        };
        await _plane.SwitchAsync();
        await stopping.Task.Within();

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        goOn.SetResult();

        Assert.Equal(SwitchOutcome.Completed, (await start.Completion.Within()).Outcome);
        Assert.Equal(["start blue", "start green", "stop blue", "start blue"], _plane.Units.Calls.Take(4));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task DeployAsync(params string[] labels)
    {
        await _plane.StartAsync();
        await _plane.SwitchAsync(new(Label: "zero"));
        foreach (var label in labels)
        {
            await _plane.SwitchAsync(new(Label: label));
        }

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
    }

    private async Task<Switch> RollBackAsync(bool force) =>
        await Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginRollbackAsync(force, Cancellation)).Completion;
}
