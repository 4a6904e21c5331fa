using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Switching;

/// <summary>The active unit fails for good while nobody looks: it is said at once, and where that is wanted traffic moves once, never to and fro.</summary>
public sealed class RescueTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    public RescueTests() => _plane.Options.Switch.Rescue = true;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RescueService Rescue => _plane.Get<RescueService>();

    [Fact]
    public async Task Switched_off_it_is_said_at_once_and_nothing_else_happens()
    {
        _plane.Options.Switch.Rescue = false;
        await _plane.StartAsync();

        Fail(SlotName.Blue);

        await IsAsync(RescueState.Off);
        Assert.Equal(
            "app-server-blue.service failed (exit code 3); `edgeproxy switch --to green` moves traffic to green; Switch:Rescue would do that by itself",
            Rescue.Current!.Reason);
        Assert.Equal((SlotName.Blue, 0), (Rescue.Current.Slot, Rescue.Attempts));
        Assert.False(Rescue.IsComing(SlotName.Blue));
        Assert.Equal(["start blue"], _plane.Units.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Traffic_moves_to_the_other_slot_and_waiting_requests_go_with_it(bool isWarm)
    {
        _plane.Options.Switch.KeepWarm = isWarm ? TimeSpan.FromHours(1) : TimeSpan.Zero;
        await _plane.StartAsync();
        await _plane.SwitchAsync(new(Label: "one"));
        await _plane.SwitchAsync(new(Label: "two")); // blue is active again
        var calls = _plane.Units.Calls.Count;
        using var waiting = new CancellationTokenSource();

        Fail(SlotName.Blue);
        var advice = _plane.Get<IOutageAdvisor>().WhenHopelessAsync(_plane.Slots.Active, waiting.Token);

        await Eventually.TrueAsync(() => _plane.Slots.Active.Name == SlotName.Green, "traffic moves");
        Assert.False(advice.IsCompleted); // two seconds have passed, but it was worth waiting
        await waiting.CancelAsync(); // as the gate does when traffic has moved
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => advice);
        await Eventually.TrueAsync(() => _plane.Switches.Running is null, "the switch ends");
        var ended = _plane.Switches.Last!;
        Assert.Equal((SwitchOutcome.Completed, "one"), (ended.Outcome, ended.Label));
        Assert.Equal("app-server-blue.service failed (exit code 3). EdgeProxy has switched by itself (Switch:Rescue).", ended.Reason);
        Assert.Equal(!isWarm, _plane.Units.Calls.Skip(calls).Contains("start green"));
        Assert.DoesNotContain("restart green", _plane.Units.Calls.Skip(calls));
        await Eventually.TrueAsync(() => Rescue.Current is null, "it is over");
    }

    [Fact]
    public async Task The_slot_that_it_brought_traffic_to_is_not_rescued_before_somebody_has_switched()
    {
        await _plane.StartAsync();
        Fail(SlotName.Blue);
        await Eventually.TrueAsync(() => _plane.Slots.Active.Name == SlotName.Green && _plane.Switches.Running is null, "traffic has moved");
        Assert.True(_plane.ReadActive()!.ByRescue);

        Fail(SlotName.Green);
        await IsAsync(RescueState.GivenUp);
        await _plane.StopAsync();
        _plane.Units[SlotName.Green].OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 3));
        await _plane.StartAsync(); // and a restart of the proxy does not make it forget
        await IsAsync(RescueState.GivenUp);
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Contains("traffic came here from blue for the same reason", Rescue.Current!.Reason, StringComparison.Ordinal);

        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
        Assert.False(_plane.ReadActive()!.ByRescue);
    }

    public static TheoryData<string, string, bool> Stops => new()
    {
        { "cleanly", "success", false },
        { "killed as it was too slow", "timeout", false },
        { "slowly and with an error", "exit-code", true },
    };

    [Theory]
    [MemberData(nameof(Stops))]
    public async Task What_an_operator_has_stopped_stays_stopped(string how, string result, bool isSeenStopping)
    {
        await _plane.StartAsync();
        var unit = _plane.Units[SlotName.Blue];
        if (isSeenStopping)
        {
            unit.Status = unit.Status with { State = UnitState.Deactivating };
            await LooksAsync(6);
        }

        unit.Ends(how == "cleanly" ? UnitState.Inactive : UnitState.Failed, result, 1);

        await LooksAsync(20);
        Assert.Null(Rescue.Current);
        Assert.Equal(["start blue"], _plane.Units.Calls);
    }

    [Fact]
    public async Task One_that_comes_back_soon_is_left_alone()
    {
        await _plane.StartAsync();
        Fail(SlotName.Blue);
        await IsAsync(RescueState.Due);
        Assert.True(Rescue.IsComing(SlotName.Blue));

        _plane.Units[SlotName.Blue].Runs();

        await Eventually.TrueAsync(() => Rescue.Current is null, "it is over");
        Assert.Equal((SlotName.Blue, 0), (_plane.Slots.Active.Name, Rescue.Attempts));
    }

    [Fact]
    public async Task Where_the_other_slot_does_not_start_it_is_tried_once()
    {
        await _plane.StartAsync();
        _plane.Units[SlotName.Green].OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 1));

        Fail(SlotName.Blue);

        await IsAsync(RescueState.GivenUp);
        await LooksAsync(20);
        Assert.Equal((1, SlotName.Blue), (Rescue.Attempts, _plane.Slots.Active.Name));
        Assert.Equal(SwitchOutcome.Aborted, _plane.Switches.Last!.Outcome);
        Assert.False(Rescue.IsComing(SlotName.Blue));
    }

    [Fact]
    public async Task Where_there_is_no_other_unit_it_is_not_tried()
    {
        await _plane.StartAsync();
        _plane.Units[SlotName.Green].Status = _plane.Units[SlotName.Green].Status with { LoadState = UnitLoadState.NotFound };

        Fail(SlotName.Blue);

        await IsAsync(RescueState.GivenUp);
        Assert.Contains("app-server-green.service cannot be started either", Rescue.Current!.Reason, StringComparison.Ordinal);
        Assert.Equal(0, Rescue.Attempts);
    }

    /// <summary>It brings traffic away from there anyway; a rescue beside it would meet it.</summary>
    [Fact]
    public async Task While_a_switch_runs_that_one_is_awaited()
    {
        await _plane.StartAsync();
        _plane.Green.Handler = SlotApp.Hangs;
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == SwitchPhase.Probe, "it is probed");

        Fail(SlotName.Blue);
        await IsAsync(RescueState.Due);
        await LooksAsync(30);
        Assert.Equal(0, Rescue.Attempts);
        _plane.Green.Handler = SlotApp.Responds(200);
        await _plane.Green.CloseAsync(); // frees the probe that hangs
        await _plane.Green.ListenAsync();

        Assert.Equal(SwitchOutcome.Completed, (await start.Completion.Within()).Outcome);
        await Eventually.TrueAsync(() => Rescue.Current is null, "it is over");
        Assert.Equal(0, Rescue.Attempts);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private void Fail(SlotName slot) => _plane.Units[slot].Ends(UnitState.Failed, "exit-code", 3);

    private Task IsAsync(RescueState state) => Eventually.TrueAsync(() => Rescue.Current?.State == state, $"it is {state}");

    private async Task LooksAsync(int count)
    {
        var before = _plane.Units.Looks;
        await Eventually.TrueAsync(() => _plane.Units.Looks >= before + count, "it has looked");
    }
}
