using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Switching.Progressive;

/// <summary>A part of the clients gets the candidate first: it goes on by itself, goes back in one write, and leaves nothing behind.</summary>
public sealed class CanaryTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new() { Options = { Switch = { MinObservedRequests = 10 } } };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Step_by_step_then_everybody()
    {
        _plane.Options.Switch.Canary = [Step(1, 50), Step(25, 50)];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(
            [
                SwitchPhase.StartIdle, SwitchPhase.Probe, SwitchPhase.WarmUp, SwitchPhase.Canary, SwitchPhase.Canary, SwitchPhase.Flip, SwitchPhase.Observe,
                SwitchPhase.Drain, SwitchPhase.StopOld,
            ],
            ended.Phases.Select(phase => phase.Phase));
        Assert.StartsWith("1 % of the clients for 0.", ended.Phases[3].Detail, StringComparison.Ordinal);
        Assert.StartsWith("25 % of the clients for 0.", ended.Phases[4].Detail, StringComparison.Ordinal);
        Assert.True(ended.Phases[3].Duration >= TimeSpan.FromMilliseconds(45)); // a timer may be a tick early
        Assert.Null(_plane.Slots.Plan.Candidate);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_plane.StateFile(CandidateTraffic.KeyFile)));
    }

    [Fact]
    public async Task The_steps_that_are_asked_for_come_before_those_of_the_settings()
    {
        _plane.Options.Switch.Canary = [Step(1, 60_000)];
        await _plane.StartAsync();

        Assert.Equal(2, (await _plane.SwitchAsync(new(Canary: [Step(5, 1), Step(6, 1)]))).Phases.Count(phase => phase.Phase == SwitchPhase.Canary));
        Assert.DoesNotContain((await _plane.SwitchAsync(new(Canary: []))).Phases, phase => phase.Phase == SwitchPhase.Canary);
    }

    [Fact]
    public async Task A_bad_candidate_goes_back_in_one_write_and_its_requests_are_waited_for()
    {
        await _plane.StartAsync();
        Respond(SlotName.Blue, good: 100, bad: 0);
        var running = await BeginAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http, new CandidateClient(_plane.Slots.Plan.Candidate!.Key, 0));
        Assert.Equal(SlotName.Green, inFlight.Slot.Name);

        Respond(SlotName.Green, good: 6, bad: 4);

        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Drain, "it goes back");
        Assert.Null(_plane.Slots.Plan.Candidate);
        Assert.DoesNotContain("stop green", _plane.Units.Calls);
        inFlight.Dispose();
        var ended = await running.Within();
        Assert.Equal((SwitchOutcome.RolledBack, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains("green responded to 4 of 10 requests with a 5xx; blue had 0 of 100", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("with 5 % of the clients. Traffic is back on blue, which was not restarted", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["log of green"], ended.UnitLog);
        Assert.Equal(["start blue", "start green", "stop green"], _plane.Units.Calls);
        Assert.DoesNotContain(ended.Phases, phase => phase.Phase == SwitchPhase.Flip);
        Assert.Equal(SlotName.Blue, _plane.ReadActive()!.Slot);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    [Fact]
    public async Task A_candidate_that_ends_takes_no_client_with_it()
    {
        await _plane.StartAsync();
        var running = await BeginAsync();

        _plane.Units[SlotName.Green].Ends(UnitState.Failed, "exit-code", 3);

        var ended = await running.Within();
        Assert.Equal((SwitchOutcome.RolledBack, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Equal(SwitchPhase.Canary, ended.Phases.Single(phase => phase.Failed).Phase);
    }

    [Theory]
    [InlineData(false, "a rollback was asked for")]
    [InlineData(true, "an abort was asked for")]
    public async Task It_is_called_back(bool isAbort, string words)
    {
        await _plane.StartAsync();
        var running = await BeginAsync();

        var start = isAbort ? _plane.Switches.Abort() : await _plane.Switches.BeginRollbackAsync(force: false, Cancellation);

        var ended = await Assert.IsType<SwitchStart.Joined>(start).Completion.Within();
        Assert.Same(ended, await running);
        Assert.Equal((SwitchOutcome.RolledBack, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains(words, ended.Reason, StringComparison.Ordinal);
        Assert.Null(_plane.Slots.Plan.Candidate);
    }

    [Fact]
    public async Task An_abort_before_any_client_had_it_moves_nothing()
    {
        await _plane.StartAsync();
        _plane.Green.Handler = SlotApp.Responds(503);
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Probe, "it is probed");

        Assert.IsType<SwitchStart.Joined>(_plane.Switches.Abort());

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.StartsWith("Probe: an abort was asked for. Traffic stays on blue.", ended.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("Mend it", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["start blue", "start green", "stop green"], _plane.Units.Calls);
        Assert.IsType<SwitchStart.Refused>(_plane.Switches.Abort());
    }

    [Fact]
    public async Task A_promotion_leaves_out_the_rest_of_it()
    {
        await _plane.StartAsync();
        Assert.IsType<SwitchStart.Refused>(_plane.Switches.Promote());
        var running = await BeginAsync();

        Assert.IsType<SwitchStart.Joined>(_plane.Switches.Promote());

        var ended = await running.Within();
        Assert.Equal((SwitchOutcome.Completed, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.EndsWith("; promoted", ended.Phases.Single(phase => phase.Phase == SwitchPhase.Canary).Detail, StringComparison.Ordinal);
    }

    /// <summary>No rescue can begin while a switch runs: the candidate is proved, and takes the traffic.</summary>
    [Fact]
    public async Task Where_the_active_unit_fails_for_good_it_waits_no_longer()
    {
        _plane.Options.Switch.Rescue = true;
        await _plane.StartAsync();
        var running = await BeginAsync();

        _plane.Units[SlotName.Blue].Ends(UnitState.Failed, "exit-code", 3);

        var ended = await running.Within();
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Contains("traffic moves on (Switch:Rescue)", ended.Phases.Single(phase => phase.Phase == SwitchPhase.Canary).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_process_serves_everybody_from_the_active_slot()
    {
        await _plane.StartAsync();
        var running = await BeginAsync();
        var id = _plane.Switches.Running!.Id;
        await _plane.StopAsync();
        Assert.Null((await running).Outcome);

        await _plane.StartAsync();

        Assert.Null(_plane.Slots.Plan.Candidate);
        var concluded = _plane.Get<SwitchHistory>().Find(id)!;
        Assert.Equal(SwitchOutcome.RolledBack, concluded.Outcome);
        Assert.Contains("EdgeProxy ended in Canary, after traffic had moved back. Traffic is on blue", concluded.Reason, StringComparison.Ordinal);
        Assert.Equal("stop green", _plane.Units.Calls.Last());
    }

    [Fact]
    public async Task Without_a_key_that_can_be_kept_nobody_gets_it()
    {
        Directory.CreateDirectory(_plane.StateFile(CandidateTraffic.KeyFile)); // a rename onto a directory fails for root, too
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync(new(Canary: [Step(5, 60_000)]));

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.Contains(CandidateTraffic.KeyFile, ended.Reason, StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private static CanaryStep Step(double share, int milliseconds) => new() { Share = share, For = TimeSpan.FromMilliseconds(milliseconds) };

    private async Task<Task<Switch>> BeginAsync()
    {
        var request = new SwitchRequest(Canary: [Step(5, 600_000), Step(50, 600_000)]);
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(request, Cancellation));
        await Eventually.TrueAsync(() => _plane.Slots.Plan.Candidate is { Share: 500 }, "the candidate has its share");
        return start.Completion;
    }

    private void Respond(SlotName slot, int good, int bad)
    {
        foreach (var isError in Enumerable.Repeat(true, bad).Concat(Enumerable.Repeat(false, good)))
        {
            _plane.Slots[slot].Record(isError);
        }
    }
}
