using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Switching;

/// <summary>What a start makes of the files and units that the process before it has left.</summary>
public sealed class ReconciliationTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    [Fact]
    public async Task With_nothing_known_and_nothing_running_the_initial_slot_is_started()
    {
        _plane.Options.InitialSlot = SlotName.Green;
        await _plane.StartAsync();

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Equal(["start green"], _plane.Units.Calls);
        Assert.Equal(SlotName.Green, _plane.ReadActive()!.Slot);
    }

    [Fact]
    public async Task The_file_alone_decides_whatever_runs()
    {
        await RunAsync(SlotName.Blue);
        WriteActive(SlotName.Green);

        await _plane.StartAsync();

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Equal(["start green", "stop blue"], _plane.Units.Calls);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{\"version\":1,\"sl")]
    [InlineData("{\"version\":7,\"slot\":\"blue\",\"since\":\"2026-01-31T23:59:59Z\"}")]
    public async Task Without_a_readable_file_what_runs_and_responds_is_active(string? content)
    {
        await RunAsync(SlotName.Green);
        _plane.Units[SlotName.Blue].Runs(); // runs, but nothing responds
        if (content is not null)
        {
            await File.WriteAllTextAsync(_plane.StateFile(ActiveSlotFile.FileName), content, TestContext.Current.CancellationToken);
        }

        await _plane.StartAsync();

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Equal(["stop blue"], _plane.Units.Calls);
        Assert.Equal(SlotName.Green, _plane.ReadActive()!.Slot);
    }

    [Fact]
    public async Task Without_a_file_and_without_a_manager_the_initial_slot_is_active_and_the_proxy_starts()
    {
        foreach (var slot in SlotNameExtensions.All)
        {
            _plane.Units[slot].Failure = new UnitAccessDeniedException("no");
        }

        await _plane.StartAsync();

        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
    }

    [Fact]
    public async Task A_state_directory_that_cannot_be_used_stops_switches_not_the_proxy()
    {
        await File.WriteAllTextAsync(_plane.StateFile("file"), "", TestContext.Current.CancellationToken);
        _plane.Options.State.Directory = _plane.StateFile("file/state");
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.Contains("cannot create the state directory", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["start blue"], _plane.Units.Calls);
        Assert.Equal(ended.Id, _plane.Switches.Last!.Id);
    }

    [Fact]
    public async Task While_the_active_unit_does_not_start_the_idle_one_is_left_alone()
    {
        await RunAsync(SlotName.Green);
        WriteActive(SlotName.Blue);
        _plane.Units[SlotName.Blue].OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 3));

        await _plane.StartAsync();

        Assert.Equal(["start blue"], _plane.Units.Calls);
    }

    [Fact]
    public async Task A_second_instance_does_not_start()
    {
        await _plane.StartAsync();
        await using var second = new ControlPlane();
        second.Options.State.Directory = _plane.StatePath;

        await Assert.ThrowsAsync<StateDirectoryInUseException>(second.StartAsync);
        Assert.Empty(second.Units.Calls);
    }

    [Fact]
    public async Task A_switch_stopped_before_the_flip_is_undone_by_the_next_process()
    {
        _plane.Green.Handler = SlotApp.Hangs;
        await _plane.StartAsync();
        var left = await StopInAsync(SwitchPhase.Probe);

        await _plane.StartAsync();

        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.False(_plane.Units[SlotName.Green].Status.IsRunning);
        var ended = AssertConcluded(left, SwitchOutcome.Aborted);
        Assert.Equal(SwitchPhase.Probe, ended.Phase);
        Assert.Contains("Traffic is on blue", ended.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_switch_stopped_within_the_start_of_the_candidate_is_undone_too()
    {
        _plane.Units[SlotName.Green].OnStart = async (unit, cancellation) =>
        {
            unit.Status = unit.Status with { State = UnitState.Activating };
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return UnitJobResult.Done;
        };
        await _plane.StartAsync();
        var left = await StopInAsync(SwitchPhase.StartIdle);

        await _plane.StartAsync();

        Assert.False(_plane.Units[SlotName.Green].Status.IsRunning);
        AssertConcluded(left, SwitchOutcome.Aborted);
    }

    [Fact]
    public async Task A_switch_stopped_after_the_flip_is_finished_by_the_next_process()
    {
        await _plane.StartAsync();
        using var request = _plane.Slots.Acquire(LeaseClass.Http);
        var left = await StopInAsync(SwitchPhase.Drain);
        Assert.True(_plane.Units[SlotName.Blue].Status.IsRunning);

        await _plane.StartAsync();

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.False(_plane.Units[SlotName.Blue].Status.IsRunning);
        Assert.True(_plane.Units[SlotName.Green].Status.IsRunning);
        Assert.Contains("Traffic is on green", AssertConcluded(left, SwitchOutcome.CompletedWithWarnings).Reason, StringComparison.Ordinal);
    }

    /// <summary>Killed between the rename of active.json and the write of the next journal: the file decides, not the phase in the journal.</summary>
    [Fact]
    public async Task A_kill_right_after_the_flip_became_durable_counts_as_moved()
    {
        await RunAsync(SlotName.Blue);
        await RunAsync(SlotName.Green);
        WriteActive(SlotName.Green, "killed");
        WriteJournal(SwitchPhase.Flip);

        await _plane.StartAsync();

        Assert.Equal(["stop blue"], _plane.Units.Calls);
        AssertConcluded("killed", SwitchOutcome.CompletedWithWarnings);
    }

    /// <summary>systemd's job goes on when the process that asked for it has ended. A switch that came meanwhile would find the address taken.</summary>
    [Fact]
    public async Task A_stop_that_goes_on_is_waited_for()
    {
        await RunAsync(SlotName.Blue);
        await RunAsync(SlotName.Green);
        WriteActive(SlotName.Green, "killed");
        WriteJournal(SwitchPhase.StopOld);
        _plane.Units[SlotName.Blue].Status = _plane.Units[SlotName.Blue].Status with { State = UnitState.Deactivating };

        await _plane.StartAsync();

        Assert.Equal(["stop blue"], _plane.Units.Calls);
        Assert.Equal(UnitState.Inactive, _plane.Units[SlotName.Blue].Status.State);
        Assert.Contains("app-server-blue.service was stopped", AssertConcluded("killed", SwitchOutcome.CompletedWithWarnings).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_history_does_not_claim_that_a_unit_was_stopped_that_was_not()
    {
        await RunAsync(SlotName.Green);
        WriteActive(SlotName.Blue);
        WriteJournal(SwitchPhase.Probe);
        _plane.Units[SlotName.Blue].OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 3));

        await _plane.StartAsync();

        var reason = AssertConcluded("killed", SwitchOutcome.Aborted).Reason;
        Assert.Contains("could not be brought in line: app-server-blue.service failed (exit code 3)", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("was stopped", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SwitchPhase.StartIdle, false)]
    [InlineData(SwitchPhase.StartIdle, true)]
    [InlineData(SwitchPhase.Probe, true)]
    [InlineData(SwitchPhase.Flip, true)]
    public async Task A_kill_before_that_counts_as_not_moved(SwitchPhase phase, bool candidateRuns)
    {
        await RunAsync(SlotName.Blue);
        if (candidateRuns)
        {
            await RunAsync(SlotName.Green);
        }

        WriteActive(SlotName.Blue);
        WriteJournal(phase);

        await _plane.StartAsync();

        Assert.Equal(candidateRuns ? ["stop green"] : [], _plane.Units.Calls);
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        AssertConcluded("killed", SwitchOutcome.Aborted);
    }

    /// <summary>Killed between the history and the removal of the journal.</summary>
    [Fact]
    public async Task A_switch_that_is_in_the_history_already_is_not_told_twice()
    {
        await _plane.StartAsync();
        var ended = await _plane.SwitchAsync();
        await _plane.StopAsync();
        WriteJournal(SwitchPhase.StopOld, ended.Id);

        await _plane.StartAsync();

        Assert.Equal(SwitchOutcome.Completed, Assert.Single(_plane.Get<SwitchHistory>().Recent).Outcome);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    [Fact]
    public async Task A_journal_of_garbage_is_dropped()
    {
        await File.WriteAllTextAsync(_plane.StateFile(SwitchCheckpointFile.FileName), "{\"version\":1", TestContext.Current.CancellationToken);

        await _plane.StartAsync();

        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
    }

    /// <summary>As a handover takes it from a process that has just started and waits for systemd.</summary>
    [Fact]
    public async Task The_turn_is_taken_from_a_round_that_waits_and_the_round_comes_after()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var begun = new SemaphoreSlim(0);
        _plane.Units[SlotName.Blue].OnStart = async (unit, given) =>
        {
            begun.Release();
            await Task.Delay(unit.Status.ExitStatus == 7 ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, TimeProvider.System, given);
            return unit.Runs();
        };
        var starting = _plane.StartAsync();
        await begun.WaitAsync(cancellation).Within();

        using (await _plane.Get<Reconciliation>().TakeTurnAsync(cancellation).Within(TimeSpan.FromSeconds(10)))
        {
            Assert.False(await begun.WaitAsync(0, cancellation));
            _plane.Units[SlotName.Blue].Ends(UnitState.Inactive, "success", 7);
        }

        await starting.Within();
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task RunAsync(SlotName slot)
    {
        await _plane[slot].ListenAsync();
        _plane.Units[slot].Runs();
    }

    /// <summary>Begins a switch, and ends the process when it has reached a phase.</summary>
    private async Task<string> StopInAsync(SwitchPhase phase)
    {
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), TestContext.Current.CancellationToken));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == phase, $"the switch is in {phase}");
        await Eventually.TrueAsync(() => File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)), "the journal is written");

        await _plane.StopAsync();

        Assert.Null((await start.Completion.Within()).Outcome);
        Assert.True(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        return start.Switch.Id;
    }

    private Switch AssertConcluded(string id, SwitchOutcome outcome)
    {
        var ended = _plane.Get<SwitchHistory>().Find(id);
        Assert.Equal(outcome, ended!.Outcome);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        return ended;
    }

    private void WriteActive(SlotName slot, string? switchId = null) => File.WriteAllBytes(
        _plane.StateFile(ActiveSlotFile.FileName),
        JsonSerializer.SerializeToUtf8Bytes(
            new ActiveSlot { Version = 1, Slot = slot, Since = DateTimeOffset.UnixEpoch, Switch = switchId }, SwitchingJson.Default.ActiveSlot));

    private void WriteJournal(SwitchPhase phase, string id = "killed") => File.WriteAllBytes(
        _plane.StateFile(SwitchCheckpointFile.FileName),
        JsonSerializer.SerializeToUtf8Bytes(
            new SwitchCheckpoint
            {
                Version = 1,
                StartsCandidate = true,
                Switch = new() { Id = id, From = SlotName.Blue, To = SlotName.Green, Phase = phase, StartedAt = DateTimeOffset.UnixEpoch },
            },
            SwitchingJson.Default.SwitchCheckpoint));
}
