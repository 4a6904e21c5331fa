using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Switching;

/// <summary>A new version that shows only under traffic that it is bad: the old one takes the traffic back, and was never stopped.</summary>
public sealed class ObserveTests : IAsyncDisposable
{
    private ControlPlane _plane = NewPlane();

    [Fact]
    public async Task A_version_that_fails_more_often_than_the_old_one_is_rolled_back()
    {
        await _plane.StartAsync();
        Respond(SlotName.Blue, good: 90, bad: 10);
        var running = await ObserveAsync();

        Respond(SlotName.Green, good: 6, bad: 4);

        var ended = await RolledBackAsync(running);
        Assert.Contains("green responded to 4 of 10 requests with a 5xx; blue had 10 of 100", ended.Reason, StringComparison.Ordinal);
    }

    /// <summary>0.3 is not more than 0.1 + 0.2 allow, and nine requests say nothing.</summary>
    [Theory]
    [InlineData(7, 3)]
    [InlineData(0, 9)]
    public async Task One_that_may_be_as_good_stays(int good, int bad)
    {
        var time = new FakeTimeProvider();
        _plane = NewPlane(time);
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(1);
        _plane.Options.Health.Timeout = TimeSpan.FromHours(1); // its clock runs faster than a probe
        await PassAsync(_plane.StartAsync());
        Respond(SlotName.Blue, good: 9, bad: 1);
        var running = await PassAsync(ObserveAsync());

        Respond(SlotName.Green, good, bad);

        var ended = await PassAsync(running);
        Assert.Equal((SwitchOutcome.Completed, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        var observed = ended.Phases.Single(phase => phase.Phase == SwitchPhase.Observe);
        Assert.Equal($"{good + bad} requests in 60 s, {bad} of them with a 5xx", observed.Detail);
        Assert.True(observed.Duration >= TimeSpan.FromMinutes(1), $"{observed.Duration}");

        // Lets its time pass until it is done.
        async Task<T> PassAsync<T>(Task<T> task)
        {
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(task.IsCompleted ? TimeSpan.Zero : TimeSpan.FromMilliseconds(500));
                    return task.IsCompleted;
                },
                "it is done");
            return await task;
        }
    }

    [Fact]
    public async Task What_a_slot_did_in_an_earlier_version_does_not_count()
    {
        await _plane.StartAsync();
        Respond(SlotName.Green, good: 0, bad: 100); // when it was active the last time
        var running = await ObserveAsync();

        Respond(SlotName.Green, good: 5, bad: 5);

        Assert.Contains("green responded to 5 of 10 requests", (await RolledBackAsync(running)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_version_whose_probe_fails_three_times_in_a_row_is_rolled_back()
    {
        await _plane.StartAsync();
        var running = await ObserveAsync();
        var bad = 0;

        _plane.Green.Handler = context =>
        {
            Interlocked.Increment(ref bad);
            return SlotApp.Responds(500)(context);
        };

        var ended = await RolledBackAsync(running);
        Assert.Contains("3 probes in a row failed", ended.Reason, StringComparison.Ordinal);
        Assert.True(bad >= Observation.BadInARow, $"after {bad}"); // the monitor looks, too
        Assert.Equal(500, ended.LastProbe!.Status);
    }

    /// <summary>Clients that keep an app full cannot have a deploy rolled back; an app that hangs is found out although it is full.</summary>
    [Fact]
    public async Task Probes_that_get_no_worker_count_once_nobody_else_is_served()
    {
        _plane.Options.Upstream.MaxConcurrent = 1;
        _plane.Options.Health.Timeout = TimeSpan.FromMilliseconds(300);
        await _plane.StartAsync();
        var running = await ObserveAsync();
        var green = _plane.Slots[SlotName.Green];
        Assert.True(green.Places!.TryTake());
        var late = 0;
        _plane.Green.Handler = context =>
        {
            Interlocked.Increment(ref late);
            return SlotApp.Hangs(context);
        };

        await Eventually.TrueAsync(
            () =>
            {
                green.Record(isError: false);
                return Volatile.Read(ref late) > 2 * Observation.BadInARow;
            },
            "it is probed often enough");
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);

        Assert.Contains("3 probes in a row failed", (await RolledBackAsync(running)).Reason, StringComparison.Ordinal); // nobody is served any more
    }

    [Fact]
    public async Task A_version_that_does_not_accept_a_client_is_rolled_back()
    {
        await _plane.StartAsync();
        using var client = new HttpMessageInvoker(_plane.Get<SlotConnections>(), disposeHandler: false);
        _plane.Options.Health.Timeout = TimeSpan.FromMinutes(1);
        var running = await ObserveAsync();

        await _plane.Green.CloseAsync(); // its unit seems to run on
        using var request = new HttpRequestMessage(HttpMethod.Get, new UpstreamTarget(SlotName.Green, "/"));
        await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(request, TestContext.Current.CancellationToken));

        Assert.Contains("green did not accept 1 connections of clients", (await RolledBackAsync(running)).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnitState.Failed, "failed (exit code 3)")]
    [InlineData(UnitState.AutoRestart, "is in auto-restart")]
    public async Task A_version_whose_unit_ends_is_rolled_back(UnitState state, string words)
    {
        await _plane.StartAsync();
        var running = await ObserveAsync();

        _plane.Units[SlotName.Green].Ends(state, "exit-code", 3);

        Assert.Contains(words, (await RolledBackAsync(running)).Reason, StringComparison.Ordinal);
    }

    /// <summary>A restart of the bus is no reason to take a good version back.</summary>
    [Fact]
    public async Task One_whose_unit_cannot_be_asked_for_is_judged_by_its_responses()
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMilliseconds(300);
        _plane.Options.Switch.WarmUp = ["/last-before-the-flip"];
        await _plane.StartAsync();
        _plane.Green.Handler = context =>
        {
            if (context.Request.Path == "/last-before-the-flip")
            {
                _plane.Units[SlotName.Green].Failure = new UnitManagerUnavailableException("the bus is away");
            }

            return Task.CompletedTask;
        };

        var ended = await _plane.SwitchAsync();

        Assert.Equal((SwitchOutcome.Completed, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains("0 requests in 0.3 s", ended.Phases.Single(phase => phase.Phase == SwitchPhase.Observe).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_old_slot_does_not_respond_either_traffic_stays()
    {
        await _plane.StartAsync();
        var running = await ObserveAsync();
        _plane.Blue.Handler = SlotApp.Responds(503);

        _plane.Units[SlotName.Green].Ends(UnitState.AutoRestart, "exit-code", 3);

        var ended = await running;
        Assert.Equal((SwitchOutcome.CompletedWithWarnings, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.StartsWith("Traffic is on green. app-server-green.service ended", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("blue cannot take the traffic back", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(SlotName.Green, _plane.ReadActive()!.Slot);
        Assert.Equal(["log of green"], ended.UnitLog);
    }

    [Fact]
    public async Task Where_the_flip_back_cannot_be_kept_traffic_stays()
    {
        await _plane.StartAsync();
        var running = await ObserveAsync();
        File.Delete(_plane.StateFile(ActiveSlotFile.FileName));
        Directory.CreateDirectory(_plane.StateFile(ActiveSlotFile.FileName)); // a rename onto a directory fails for root, too

        _plane.Units[SlotName.Green].Ends(UnitState.AutoRestart, "exit-code", 3);

        var ended = await running;
        Assert.Equal((SwitchOutcome.CompletedWithWarnings, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains("cannot write", ended.Reason, StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private static ControlPlane NewPlane(TimeProvider? time = null) => new(time)
    {
        Options =
        {
            Switch =
            {
                Observe = TimeSpan.FromMinutes(10), // a verdict ends it
                MinObservedRequests = 10,
            },
        },
    };

    private async Task<Task<Switch>> ObserveAsync()
    {
        var start = await _plane.Switches.BeginAsync(new(Label: "bad"), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(
            () => _plane.Switches.Running?.Phase == SwitchPhase.Observe && _plane.Green.Requests > _plane.Options.Health.Successes, "it is observed");
        return Assert.IsType<SwitchStart.Started>(start).Completion;
    }

    private async Task<Switch> RolledBackAsync(Task<Switch> running)
    {
        var ended = await running;
        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.Contains("Traffic is back on blue", ended.Reason, StringComparison.Ordinal);
        Assert.Equal((SlotName.Blue, SlotName.Green), (ended.From, ended.To));
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.Equal((SlotName.Blue, ended.Id, "bad"), (_plane.ReadActive()!.Slot, _plane.ReadActive()!.Switch, _plane.ReadActive()!.LabelOf(SlotName.Green)));
        Assert.Equal(["start blue", "start green", "stop green"], _plane.Units.Calls);
        Assert.Equal(["log of green"], ended.UnitLog);
        Assert.Equal(
            [SwitchPhase.Flip, SwitchPhase.Observe, SwitchPhase.Flip, SwitchPhase.Drain, SwitchPhase.StopOld],
            ended.Phases.Select(phase => phase.Phase).Skip(3));
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        return ended;
    }

    private void Respond(SlotName slot, int good, int bad)
    {
        foreach (var isError in Enumerable.Repeat(true, bad).Concat(Enumerable.Repeat(false, good)))
        {
            _plane.Slots[slot].Record(isError);
        }
    }
}
