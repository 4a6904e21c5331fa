using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching.Progressive;

/// <summary>What the judge finds ends a step and an observation, and is told with the figure and the paths.</summary>
public sealed class JudgedCanaryTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_slower_candidate_is_found_in_a_canary_beside_the_old_slot_and_in_Observe_by_its_past(bool isCanary)
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10);
        await _plane.StartAsync();
        Respond(SlotName.Blue, 200, 20, "/items/");
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(
            new(Canary: isCanary ? [new CanaryStep { Share = 50, For = TimeSpan.FromMinutes(10) }] : []), Cancellation));
        await Eventually.TrueAsync(() => _plane.Slots[SlotName.Green].Tally is not null, "it is judged");
        if (isCanary)
        {
            Respond(SlotName.Blue, 200, 100, "/items/"); // both are slower now than it was before: not the candidate's fault
            Respond(SlotName.Green, 100, 100, "/items/");
            await LookedAsync();
            Respond(SlotName.Green, 100, 100, "/items/");
            await LookedAsync();
            Assert.Null(_plane.Switches.Running!.Phases[^1].Detail);
        }

        await Eventually.TrueAsync(
            () =>
            {
                if (isCanary)
                {
                    Respond(SlotName.Blue, 40, 100, "/items/");
                }

                Respond(SlotName.Green, 400, 300, "/orders/17/");
                return start.Completion.IsCompleted;
            },
            "it is found once the first seconds are over");

        var ended = await start.Completion.Within();
        Assert.Equal((SwitchOutcome.RolledBack, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        var judged = Assert.Single(ended.Phases, phase => phase.Failed).Judgement!;
        Assert.Equal((JudgedFigure.P95, isCanary), (judged.Figure, judged.AtTheSameTime));
        Assert.InRange(judged.Candidate, 0.3, 0.34);
        Assert.InRange(judged.Reference, isCanary ? 0.1 : 0.02, isCanary ? 0.115 : 0.0226);
        Assert.Equal("/orders/*/", judged.Paths[0].Path);
        Assert.Contains("the p95 latency of green was ", ended.Reason, StringComparison.Ordinal);
        Assert.Contains(isCanary ? "at the same time; chance" : "before; chance", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("worst paths: /orders/*/ (", ended.Reason, StringComparison.Ordinal);
        Assert.Null(_plane.Slots[SlotName.Green].Tally);
        Assert.Equal(["log of green"], ended.UnitLog);
    }

    [Fact]
    public async Task A_few_more_errors_are_found_and_their_paths_named()
    {
        _plane.Options.Switch.Observe = TimeSpan.FromMinutes(10);
        await _plane.StartAsync();
        Respond(SlotName.Blue, 500, 20, "/");
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Slots[SlotName.Green].Tally is not null, "it is judged");

        for (var i = 0; i < 2; i++)
        {
            Respond(SlotName.Green, 180, 20, "/");
            Respond(SlotName.Green, 20, 20, "/pay", isError: true); // 10 %, which MaxErrorRatio allows
            await LookedAsync();
        }

        var ended = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.RolledBack, ended.Outcome);
        Assert.Contains("the 5xx ratio of green was ", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("that of blue 0.0 % in 500 before; chance explains that once in ", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("worst paths: /pay (", ended.Reason, StringComparison.Ordinal);
    }

    /// <summary>Thirty clients that wait and ask for nothing more are found within the step; three are, at its end; and so many are not where the old slot
    /// hangs, too.</summary>
    [Theory]
    [InlineData(30, 0, 600, true)]
    [InlineData(3, 0, 6, true)]
    [InlineData(30, 30, 8, false)]
    [InlineData(3, 3, 6, false)]
    public async Task A_candidate_that_does_not_respond_is_not_called_good(int waiting, int waitingForOld, int seconds, bool isBad)
    {
        await _plane.StartAsync();
        Respond(SlotName.Blue, 500, 20, "/");
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(
            new(Canary: [new CanaryStep { Share = 50, For = TimeSpan.FromSeconds(seconds) }]), Cancellation));
        await Eventually.TrueAsync(() => _plane.Slots[SlotName.Green].Tally is not null, "it is judged");
        Hang(SlotName.Green, waiting);
        Hang(SlotName.Blue, waitingForOld);

        var ended = await start.Completion.Within();

        Assert.Equal((isBad ? SwitchOutcome.RolledBack : SwitchOutcome.Completed, !isBad), (ended.Outcome, ended.Reason is null));
        if (isBad)
        {
            Assert.Contains($" in {waiting} requests ({waiting} without a response yet), that of blue ", ended.Reason, StringComparison.Ordinal);
        }
        else
        {
            var canary = Assert.Single(ended.Phases, phase => phase.Detail?.Contains("% of the clients", StringComparison.Ordinal) == true);
            Assert.EndsWith($"0 requests, 0 of them with a 5xx, {waiting} more without a response yet", canary.Detail, StringComparison.Ordinal);
        }
    }

    /// <summary>The figures of the last hour, not of a busy night before it.</summary>
    [Fact]
    public async Task The_past_is_an_hour_long()
    {
        await _plane.StartAsync();
        var traffic = _plane.Get<SlotTraffic>();
        Respond(SlotName.Blue, 100, 20, "/");
        for (var mark = 0; mark < 20; mark++)
        {
            traffic.Mark(SlotName.Blue);
            Respond(SlotName.Blue, 1, 20, "/");
        }

        Assert.Equal(12, traffic.Before(SlotName.Blue, _plane.Slots[SlotName.Blue].Figures).Requests);
        traffic.Begin(SlotName.Blue);
        Assert.Equal(0, traffic.Before(SlotName.Blue, _plane.Slots[SlotName.Blue].Figures).Requests);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    /// <summary>Two looks at the counters later: the running step has seen what there is, unless it has ended.</summary>
    private async Task LookedAsync()
    {
        var probes = _plane.Green.Requests;
        await Eventually.TrueAsync(
            () => _plane.Green.Requests >= probes + 2 || _plane.Slots[SlotName.Green].Tally is null, "it was looked at, more often than it is probed");
    }

    private void Hang(SlotName slot, int requests)
    {
        for (var i = 0; i < requests; i++)
        {
            _plane.Slots[slot].Pending.Enter(TimeProvider.System.GetElapsedTime(0, TimeProvider.System.GetTimestamp()));
        }
    }

    private void Respond(SlotName slot, int requests, int milliseconds, string path, bool isError = false)
    {
        for (var i = 0; i < requests; i++)
        {
            _plane.Slots[slot].Record(isError, TimeSpan.FromMilliseconds(milliseconds), path);
        }
    }
}
