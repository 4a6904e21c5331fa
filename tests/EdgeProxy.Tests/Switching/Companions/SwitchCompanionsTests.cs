using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Switching.Companions;

/// <summary>Companions follow the traffic: at a switch, at a rollback, and after a crash at any step.</summary>
public sealed class SwitchCompanionsTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();
    private readonly Dictionary<string, FakeUnits> _units = [];

    public SwitchCompanionsTests() =>
        _plane.ConfigureAppServices = services => services.AddSingleton<CreateCompanionUnits>((name, _, _) => _units[name]);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_worker_of_the_new_slot_starts_before_that_of_the_old_one_ends()
    {
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" });
        await _plane.StartAsync();
        Assert.Equal(["start blue"], worker.Calls);

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(["start blue", "start green", "stop blue"], worker.Calls);
        Assert.Equal(
            [SwitchPhase.Flip, SwitchPhase.Companions, SwitchPhase.Observe, SwitchPhase.MoveCompanions, SwitchPhase.Drain],
            ended.Phases.Skip(3).Take(5).Select(phase => phase.Phase));
        AssertRuns(worker, SlotName.Green);
    }

    [Theory]
    [InlineData(CompanionStart.AfterFlip)]
    [InlineData(CompanionStart.AfterObserve)]
    public async Task There_are_never_two_of_a_singleton(CompanionStart when)
    {
        var beat = Add(new() { Name = "beat", BlueUnit = "b.service", GreenUnit = "g.service", When = when, Singleton = true });
        foreach (var slot in SlotNameExtensions.All)
        {
            beat[slot].OnStart = (unit, _) =>
            {
                Assert.NotEqual(UnitState.Active, beat[slot.Other()].Status.State);
                return Task.FromResult(unit.Runs());
            };
        }

        await _plane.StartAsync();
        await _plane.SwitchAsync();
        await _plane.SwitchAsync();

        Assert.Equal(["start blue", "stop blue", "start green", "stop green", "start blue"], beat.Calls);
        AssertRuns(beat, SlotName.Blue);
    }

    [Fact]
    public async Task A_singleton_that_does_not_stop_is_not_started_twice_and_the_switch_goes_back()
    {
        var beat = Add(new() { Name = "beat", BlueUnit = "b.service", GreenUnit = "g.service", Singleton = true });
        await _plane.StartAsync();
        beat[SlotName.Blue].OnStop = (_, _) => Task.FromResult(UnitJobResult.Failed);

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.Contains("it was not started for green, as there may never be two", ended.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("start green", beat.Calls);
        AssertRuns(beat, SlotName.Blue);
    }

    [Fact]
    public async Task A_shared_one_is_restarted_once_a_switch()
    {
        var shared = Add(new() { Name = "worker", Unit = "w.service", When = CompanionStart.AfterObserve });
        await _plane.StartAsync();

        await _plane.SwitchAsync();
        await _plane.SwitchAsync();

        Assert.Equal(["start blue", "restart blue", "restart blue"], shared.Calls);
    }

    [Fact]
    public async Task A_rollback_takes_all_of_them_back()
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10);
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" });
        var beat = Add(new() { Name = "beat", BlueUnit = "bb.service", GreenUnit = "bg.service", Singleton = true });
        var late = Add(new() { Name = "late", BlueUnit = "lb.service", GreenUnit = "lg.service", When = CompanionStart.AfterObserve });
        var shared = Add(new() { Name = "shared", Unit = "s.service" });
        await _plane.StartAsync();

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Observe, "it is observed");
        AssertRuns(beat, SlotName.Green);
        AssertRuns(late, SlotName.Blue);
        await _plane.Switches.BeginRollbackAsync(force: false, Cancellation);

        Assert.Equal(SwitchOutcome.RolledBack, (await start.Completion.Within()).Outcome);
        Assert.All([worker, beat, late], units => AssertRuns(units, SlotName.Blue));
        Assert.DoesNotContain("stop blue", worker.Calls); // it went on with its tasks
        Assert.Equal(["start blue", "restart blue", "restart blue"], shared.Calls);
    }

    [Theory]
    [InlineData(CompanionStart.AfterFlip, SwitchOutcome.RolledBack)]
    [InlineData(CompanionStart.AfterObserve, SwitchOutcome.CompletedWithWarnings)]
    public async Task One_that_does_not_start_says_something_about_the_version(CompanionStart when, SwitchOutcome outcome)
    {
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service", When = when });
        await _plane.StartAsync();
        worker[SlotName.Green].OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 1));

        var ended = await _plane.SwitchAsync();

        Assert.Equal(outcome, ended.Outcome);
        Assert.Contains("companion worker: app-server-green.service failed (exit code 1)", ended.Reason, StringComparison.Ordinal);
        AssertRuns(worker, SlotName.Blue); // work goes on with the old code
    }

    [Fact]
    public async Task A_stop_that_takes_too_long_is_a_warning()
    {
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service", StopTimeout = TimeSpan.FromSeconds(1) });
        await _plane.StartAsync();
        worker[SlotName.Blue].OnStop = async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
            return UnitJobResult.Done;
        };

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("has not done what it was told within 1 s (StopTimeout)", ended.Reason, StringComparison.Ordinal);
    }

    /// <summary>Its start job was done: that says that a process was made, not that the code runs.</summary>
    [Theory]
    [InlineData("fails", false, "companion worker: app-server-green.service failed (exit code 1)")]
    [InlineData("waits for its restart", false, "companion worker: app-server-green.service ended (exit code 1) and is in auto-restart")]
    [InlineData("was restarted", false, "companion worker: app-server-green.service ended and was started again meanwhile")]
    [InlineData("was restarted", true, "companion worker: app-server-blue.service ended and was started again meanwhile")]
    public async Task One_that_ends_while_the_new_slot_is_observed_takes_traffic_back(string how, bool isShared, string reason)
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10);
        var worker = Add(
            isShared ? new() { Name = "worker", Unit = "w.service" } : new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" },
            TimeSpan.FromMinutes(5));
        await _plane.StartAsync();
        var unit = worker[isShared ? SlotName.Blue : SlotName.Green];
        unit.Log.Add("ImportError: no module named tasks");

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Observe, "it is observed");
        End(unit, how);

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.StartsWith(reason, ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["ImportError: no module named tasks"], ended.UnitLog);
        AssertRuns(worker, SlotName.Blue);
        Assert.DoesNotContain("stop blue", worker.Calls);
    }

    /// <summary>Nothing is observed, so that nothing has noticed it before.</summary>
    [Theory]
    [InlineData(CompanionStart.AfterFlip, "fails")]
    [InlineData(CompanionStart.AfterObserve, "waits for its restart")]
    [InlineData(CompanionStart.AfterObserve, "was restarted")]
    public async Task The_last_good_one_is_not_stopped_for_one_that_does_not_run_on(CompanionStart when, string how)
    {
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service", When = when }, TimeSpan.FromMinutes(5));
        await _plane.StartAsync();
        var green = worker[SlotName.Green];
        green.Log.Add("ImportError");

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.MoveCompanions && green.Status.MainPid != 0, "it was started");
        End(green, how);

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("; app-server-blue.service was not stopped", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["ImportError"], ended.UnitLog);
        Assert.Equal(UnitState.Active, worker[SlotName.Blue].Status.State);
        Assert.DoesNotContain("stop blue", worker.Calls);
    }

    [Fact]
    public async Task The_old_singleton_is_started_again_where_the_new_one_does_not_run_on()
    {
        var beat = Add(
            new() { Name = "beat", BlueUnit = "b.service", GreenUnit = "g.service", When = CompanionStart.AfterObserve, Singleton = true },
            TimeSpan.FromMinutes(5));
        await _plane.StartAsync();

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => beat[SlotName.Green].Status.MainPid != 0, "it was started");
        End(beat[SlotName.Green], "waits for its restart");

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("; app-server-blue.service was started again", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["start blue", "stop blue", "start green", "stop green", "start blue"], beat.Calls);
        AssertRuns(beat, SlotName.Blue);
    }

    [Fact]
    public async Task One_that_has_settled_while_it_was_observed_is_not_waited_for_again()
    {
        _plane.Options.Switch.Observe = TimeSpan.FromSeconds(1);
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" }, TimeSpan.FromSeconds(1));
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.InRange(ended.Phases.Single(phase => phase.Phase == SwitchPhase.MoveCompanions).Duration, TimeSpan.Zero, TimeSpan.FromSeconds(0.9));
        AssertRuns(worker, SlotName.Green);
    }

    [Fact]
    public async Task A_rollback_while_companions_move_says_once_why()
    {
        var worker = Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" }, TimeSpan.FromMinutes(5));
        await _plane.StartAsync();

        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.MoveCompanions, "they move");
        Assert.IsType<SwitchStart.Joined>(await _plane.Switches.BeginRollbackAsync(force: false, Cancellation));

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.StartsWith("a rollback was asked for. Traffic is back on blue", ended.Reason, StringComparison.Ordinal);
        AssertRuns(worker, SlotName.Blue);
    }

    /// <summary>Whatever a killed process has left running, of both slots, with traffic on either.</summary>
    [Fact]
    public async Task After_a_crash_at_any_step_they_are_where_traffic_is()
    {
        foreach (var (blueRuns, greenRuns, active) in
            from blue in (bool[])[false, true] from green in (bool[])[false, true] from slot in SlotNameExtensions.All select (blue, green, slot))
        {
            await using var plane = new SwitchCompanionsTests();
            var worker = plane.Add(new() { Name = "worker", BlueUnit = "b.service", GreenUnit = "g.service" });
            var beat = plane.Add(new() { Name = "beat", BlueUnit = "bb.service", GreenUnit = "bg.service", Singleton = true });
            var shared = plane.Add(new() { Name = "shared", Unit = "s.service" });
            shared[SlotName.Blue].Runs();
            foreach (var units in (FakeUnits[])[worker, beat])
            {
                _ = blueRuns ? units[SlotName.Blue].Runs() : default;
                _ = greenRuns && !(units == beat && blueRuns) ? units[SlotName.Green].Runs() : default;
            }

            plane.WriteKilled(active);
            await plane._plane.StartAsync();

            AssertRuns(worker, active);
            AssertRuns(beat, active);
            Assert.Equal(active == SlotName.Green ? ["restart blue"] : [], shared.Calls); // where traffic has moved it may run the old code
        }
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private static void End(FakeUnit unit, string how)
    {
        switch (how)
        {
            case "fails":
                unit.Ends(UnitState.Failed, "exit-code", 1);
                break;
            case "waits for its restart":
                unit.Ends(UnitState.AutoRestart, "exit-code", 1);
                break;
            default:
                unit.RestartsByItself();
                break;
        }
    }

    private static void AssertRuns(FakeUnits units, SlotName slot) => Assert.Equal(
        (UnitState.Active, false), (units[slot].Status.State, units[slot.Other()].Status.IsRunning));

    private FakeUnits Add(CompanionOptions options, TimeSpan? settle = null)
    {
        options.Settle = settle ?? TimeSpan.Zero;
        _plane.Options.Companions = [.. _plane.Options.Companions ?? [], options];
        return _units[options.Name!] = new FakeUnits();
    }

    /// <summary>A switch from blue to green was killed; who is active its flip has decided.</summary>
    private void WriteKilled(SlotName active)
    {
        File.WriteAllBytes(_plane.StateFile(ActiveSlotFile.FileName), JsonSerializer.SerializeToUtf8Bytes(
            new ActiveSlot { Version = 1, Slot = active, Since = DateTimeOffset.UnixEpoch, Switch = active == SlotName.Green ? "killed" : "before" },
            SwitchingJson.Default.ActiveSlot));
        File.WriteAllBytes(_plane.StateFile(SwitchCheckpointFile.FileName), JsonSerializer.SerializeToUtf8Bytes(
            new SwitchCheckpoint
            {
                Version = 1,
                StartsCandidate = true,
                Switch = new() { Id = "killed", From = SlotName.Blue, To = SlotName.Green, Phase = SwitchPhase.Flip, StartedAt = DateTimeOffset.UnixEpoch },
            },
            SwitchingJson.Default.SwitchCheckpoint));
    }
}
