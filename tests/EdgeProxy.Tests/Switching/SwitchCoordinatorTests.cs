using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Switching;

public sealed class SwitchCoordinatorTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    [Fact]
    public async Task A_switch_starts_the_idle_unit_proves_it_moves_traffic_and_stops_the_old_one()
    {
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync(new(SlotName.Green, "a1b2c3"));

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Null(ended.Reason);
        Assert.Equal(
            [SwitchPhase.StartIdle, SwitchPhase.Probe, SwitchPhase.WarmUp, SwitchPhase.Flip, SwitchPhase.Observe, SwitchPhase.Drain, SwitchPhase.StopOld],
            ended.Phases.Select(phase => phase.Phase));
        Assert.Equal(["start blue", "start green", "stop blue"], _plane.Units.Calls);
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Equal(_plane.Options.Health.Successes, _plane.Green.Requests);
        Assert.Equal(UnitState.Inactive, _plane.Units[SlotName.Blue].Status.State);
    }

    [Fact]
    public async Task What_a_switch_did_is_kept()
    {
        await _plane.StartAsync();

        var first = await _plane.SwitchAsync(new(Label: "one"));
        var second = await _plane.SwitchAsync(new(Label: "two"));

        var active = _plane.ReadActive()!;
        Assert.Equal((SlotName.Blue, second.Id, "two", "one"), (active.Slot, active.Switch, active.LabelOf(SlotName.Blue), active.LabelOf(SlotName.Green)));
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        Assert.Equal([second.Id, first.Id], _plane.Get<SwitchHistory>().Recent.Select(ended => ended.Id));
        Assert.Equal(second.Id, _plane.Switches.Last!.Id);
        Assert.Null(_plane.Switches.Running);
    }

    [Fact]
    public async Task Its_course_is_published()
    {
        await _plane.StartAsync();
        using var listener = _plane.Get<EventHub>().Subscribe();

        var ended = await _plane.SwitchAsync();

        var seen = new List<EdgeEvent>();
        while (listener.Events.TryRead(out var @event))
        {
            seen.Add(@event);
        }

        var own = seen.Where(e => e.SwitchId == ended.Id).ToList();
        Assert.Equal("switch", own[0].Name);
        Assert.Equal("switch", own[^1].Name);
        Assert.Contains("\"outcome\":\"Completed\"", own[^1].Data, StringComparison.Ordinal);
        Assert.Equal(2 * ended.Phases.Count, own.Count(e => e.Name == "phase"));
        Assert.Equal(_plane.Options.Health.Successes, own.Count(e => e.Name == "probe"));
        Assert.Contains(own, e => e.Name == "slot" && e.Data.Contains("\"slot\":\"green\",\"active\":true", StringComparison.Ordinal));
    }

    [Fact]
    public async Task One_switch_runs_at_a_time()
    {
        await _plane.StartAsync();

        var starts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => _plane.Switches.BeginAsync(new(), TestContext.Current.CancellationToken).AsTask())));

        var started = Assert.Single(starts.OfType<SwitchStart.Started>());
        Assert.All(starts.OfType<SwitchStart.Busy>(), busy => Assert.Equal(started.Switch.Id, busy.Running.Id));
        Assert.Equal(7, starts.OfType<SwitchStart.Busy>().Count());
        Assert.Equal(SwitchOutcome.Completed, (await started.Completion.Within()).Outcome);
    }

    [Fact]
    public async Task A_switch_to_the_active_slot_is_refused()
    {
        await _plane.StartAsync();

        var start = await _plane.Switches.BeginAsync(new(SlotName.Blue), TestContext.Current.CancellationToken);

        Assert.Equal("blue is active already", Assert.IsType<SwitchStart.Refused>(start).Reason);
        Assert.Null(_plane.Switches.Running);
        Assert.Equal(["start blue"], _plane.Units.Calls);
    }

    [Fact]
    public async Task An_idle_unit_that_runs_is_restarted_as_it_must_run_the_new_code()
    {
        await _plane.StartAsync();
        await _plane.Green.ListenAsync();
        _plane.Units[SlotName.Green].Runs();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Contains("restart green", _plane.Units.Calls);
    }

    [Fact]
    public async Task The_good_responses_must_come_from_one_process()
    {
        await _plane.StartAsync();
        _plane.Green.Handler = context =>
        {
            if (_plane.Green.Requests == 2)
            {
                var unit = _plane.Units[SlotName.Green];
                unit.Status = unit.Status with { MainPid = unit.Status.MainPid + 1 }; // re-executed itself: no restart for the manager
            }

            return context.Response.WriteAsync("ok");
        };

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(1 + _plane.Options.Health.Successes, _plane.Green.Requests);
    }

    [Fact]
    public async Task A_bad_response_starts_the_count_anew()
    {
        await _plane.StartAsync();
        _plane.Green.Handler = context => SlotApp.Responds(_plane.Green.Requests is 1 or 3 ? 503 : 200)(context);

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(3 + _plane.Options.Health.Successes, _plane.Green.Requests);
    }

    [Fact]
    public async Task Every_page_to_warm_up_is_asked_for_before_traffic_moves()
    {
        var asked = new System.Collections.Concurrent.ConcurrentBag<string>();
        _plane.Options.Switch.WarmUp = ["/", "/v1/items/?page=1"];
        await _plane.StartAsync();
        _plane.Green.Handler = context =>
        {
            Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
            asked.Add(context.Request.Path + context.Request.QueryString);
            return Task.CompletedTask;
        };

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(4, asked.Count(path => path == "/"));
        Assert.Equal(4, asked.Count(path => path == "/v1/items/?page=1"));
    }

    [Fact]
    public async Task The_old_unit_is_not_stopped_before_its_last_request_has_ended()
    {
        await _plane.StartAsync();
        var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), TestContext.Current.CancellationToken));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Drain, "the drain begins");

        using (var later = _plane.Slots.Acquire(LeaseClass.Http))
        {
            Assert.Equal(SlotName.Green, later.Slot.Name);
        }

        Assert.DoesNotContain("stop blue", _plane.Units.Calls);
        Assert.False(inFlight.Ended.IsCancellationRequested);
        inFlight.Dispose();
        Assert.Equal(SwitchOutcome.Completed, (await start.Completion.Within()).Outcome);
        Assert.Contains("stop blue", _plane.Units.Calls);
    }

    [Fact]
    public async Task A_request_that_outlasts_the_drain_is_ended_and_that_is_a_warning()
    {
        _plane.Options.Switch.DrainTimeout = TimeSpan.FromMilliseconds(100);
        await _plane.StartAsync();
        var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        using var ends = inFlight.Ended.Register(inFlight.Dispose);

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("Traffic is on green", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("1 of them were ended after 0.1 s", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("stop blue", _plane.Units.Calls);
    }

    [Fact]
    public async Task An_old_unit_that_had_to_be_killed_is_a_warning()
    {
        await _plane.StartAsync();
        _plane.Units[SlotName.Blue].OnStop = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "timeout", 9));

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Contains("was killed (timeout)", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("TimeoutStopSec", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["log of blue"], ended.UnitLog);
    }

    [Fact]
    public async Task The_caller_may_leave_and_the_switch_goes_on()
    {
        await _plane.StartAsync();
        using var client = new CancellationTokenSource();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), client.Token));

        await client.CancelAsync();

        Assert.Equal(SwitchOutcome.Completed, (await start.Completion.Within()).Outcome);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();
}
