using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching;

public sealed class RollbackTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SwitchPhase.Observe, false)]
    [InlineData(SwitchPhase.Observe, true)]
    [InlineData(SwitchPhase.Drain, false)]
    [InlineData(SwitchPhase.Drain, true)]
    public async Task The_running_switch_is_called_back_and_nothing_is_restarted(SwitchPhase phase, bool bySwitch)
    {
        await _plane.StartAsync();
        await _plane.SwitchAsync(new(Label: "one"));
        await _plane.SwitchAsync(new(Label: "two"));
        var calls = _plane.Units.Calls.Count;
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        var running = await BeginAsync(phase);

        var start = bySwitch
            ? await _plane.Switches.BeginAsync(new(SlotName.Blue), Cancellation)
            : await _plane.Switches.BeginRollbackAsync(force: false, Cancellation);

        var recalled = Assert.IsType<SwitchStart.Joined>(start);
        var ended = await recalled.Completion.Within();
        Assert.Same(ended, await running);
        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.Contains("a rollback was asked for. Traffic is back on blue, which was not restarted", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["start green", "stop green"], _plane.Units.Calls.Skip(calls));
        Assert.Equal(("two", "three"), (_plane.ReadActive()!.LabelOf(SlotName.Blue), _plane.ReadActive()!.LabelOf(SlotName.Green)));
        Assert.False(inFlight.Ended.IsCancellationRequested); // it goes on where it was
        Assert.Equal(1, _plane.Slots[SlotName.Blue].InFlight.Total);
    }

    [Fact]
    public async Task A_deploy_that_names_no_slot_does_not_undo_the_running_one()
    {
        await _plane.StartAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        var running = await BeginAsync(SwitchPhase.Drain);

        Assert.IsType<SwitchStart.Busy>(await _plane.Switches.BeginAsync(new(), Cancellation));
        Assert.IsType<SwitchStart.Busy>(await _plane.Switches.BeginAsync(new(SlotName.Green), Cancellation));

        inFlight.Dispose();
        Assert.Equal(SwitchOutcome.Completed, (await running).Outcome);
    }

    [Theory]
    [InlineData(SwitchPhase.StartIdle)]
    [InlineData(SwitchPhase.StopOld)]
    public async Task Before_the_flip_and_once_the_old_unit_is_being_stopped_it_is_too_early_or_too_late(SwitchPhase phase)
    {
        await _plane.StartAsync();
        var goOn = new TaskCompletionSource();
        var unit = _plane.Units[phase == SwitchPhase.StartIdle ? SlotName.Green : SlotName.Blue];
        var (start, stop) = (unit.OnStart, unit.OnStop);
        unit.OnStart = async (one, cancellation) => { await goOn.Task.WaitAsync(cancellation); return await start(one, cancellation); };
        unit.OnStop = async (one, cancellation) => { await goOn.Task.WaitAsync(cancellation); return await stop(one, cancellation); };
        var running = await BeginAsync(phase, observe: TimeSpan.Zero);

        var response = await _plane.Switches.BeginRollbackAsync(force: true, Cancellation);

        Assert.Equal(phase, Assert.IsType<SwitchStart.Busy>(response).Running.Phase);
        goOn.SetResult();
        Assert.Equal(SwitchOutcome.Completed, (await running).Outcome);
    }

    [Fact]
    public async Task Where_the_old_slot_does_not_respond_the_switch_goes_on()
    {
        await _plane.StartAsync();
        var running = await BeginAsync(SwitchPhase.Observe);
        _plane.Blue.Handler = SlotApp.Responds(500);

        Assert.IsType<SwitchStart.Joined>(await _plane.Switches.BeginRollbackAsync(force: false, Cancellation));

        var ended = await running;
        Assert.Equal((SwitchOutcome.CompletedWithWarnings, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains("blue cannot take the traffic back", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("stop blue", _plane.Units.Calls);
    }

    [Fact]
    public async Task A_stopped_slot_is_started_again_by_an_ordinary_switch()
    {
        await _plane.StartAsync();
        await _plane.SwitchAsync(new(Label: "one"));
        await _plane.SwitchAsync(new(Label: "two"));

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginRollbackAsync(force: false, Cancellation));

        var ended = await start.Completion.Within();
        Assert.Equal((SwitchOutcome.Completed, SlotName.Green, "one"), (ended.Outcome, _plane.Slots.Active.Name, ended.Label));
    }

    [Theory]
    [InlineData("/srv/app", "/srv/app", true)]
    [InlineData("/srv/app/blue", "/srv/app/green", false)]
    [InlineData(null, null, false)]
    public async Task Where_both_slots_run_from_one_tree_it_must_be_forced(string? blue, string? green, bool isRefused)
    {
        SetDirectory(SlotName.Blue, blue);
        SetDirectory(SlotName.Green, green);
        await _plane.StartAsync();

        var start = await _plane.Switches.BeginRollbackAsync(force: false, Cancellation);

        if (isRefused)
        {
            Assert.Contains("both slots run from /srv/app", Assert.IsType<SwitchStart.Refused>(start).Reason, StringComparison.Ordinal);
            Assert.Equal(["start blue"], _plane.Units.Calls);
            start = await _plane.Switches.BeginRollbackAsync(force: true, Cancellation);
        }

        Assert.Equal(SwitchOutcome.Completed, (await Assert.IsType<SwitchStart.Started>(start).Completion.Within()).Outcome);
    }

    /// <summary>The file names the old slot again, by this very switch.</summary>
    [Fact]
    public async Task A_rollback_that_the_proxy_leaves_behind_is_told_as_one()
    {
        await _plane.StartAsync();
        _plane.Units[SlotName.Green].OnStop = async (_, cancellation) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            throw new InvalidOperationException();
        };
        var running = await BeginAsync(SwitchPhase.Observe);
        await _plane.Switches.BeginRollbackAsync(force: false, Cancellation);
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.StopOld, "the candidate is being stopped");

        await _plane.StopAsync();
        _plane.Units[SlotName.Green].OnStop = (unit, _) => Task.FromResult(unit.Ends());
        await _plane.StartAsync();

        var ended = _plane.Get<SwitchHistory>().Find((await running).Id)!;
        Assert.Equal((SwitchOutcome.RolledBack, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.False(_plane.Units[SlotName.Green].Status.IsRunning);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task<Task<Switch>> BeginAsync(SwitchPhase phase, TimeSpan? observe = null)
    {
        _plane.Options.Switch.Observe = observe ?? (phase == SwitchPhase.Observe ? TimeSpan.FromMinutes(10) : TimeSpan.Zero);
        var start = await _plane.Switches.BeginAsync(new(Label: "three"), Cancellation);
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == phase, $"the switch is in {phase}");
        return Assert.IsType<SwitchStart.Started>(start).Completion;
    }

    private void SetDirectory(SlotName slot, string? directory) => _plane.Units[slot].Status = _plane.Units[slot].Status with { WorkingDirectory = directory };
}
