using EdgeProxy.AdminCalls;
using EdgeProxy.Apps;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using static EdgeProxy.Tests.Fleet.FleetOfPlanes;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Three nodes over a real etcd switch as one: together, or not at all.</summary>
public sealed class FleetSwitchTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(nameof(FleetFlip.Watch))]
    [InlineData(nameof(FleetFlip.Hold))]
    public async Task A_switch_that_one_node_is_asked_for_moves_all_of_them(string flip)
    {
        await using var fleet = await FleetOfPlanes.StartAsync(options => options.Fleet!.Flip = Enum.Parse<FleetFlip>(flip));

        var ended = await fleet.SwitchAsync(fleet.B, new SwitchRequest(Label: "a1b2c3"));

        Assert.Equal(3, ended.Length);
        Assert.All(ended, one => Assert.Equal((SwitchOutcome.Completed, SlotName.Green, "a1b2c3"), (one.Outcome!.Value, one.To, one.Label)));
        Assert.Single(ended.Select(one => one.Id).Distinct());
        Assert.All(fleet.Nodes, node =>
        {
            Assert.Equal((SlotName.Green, 2L, ended[0].Id), (node.ReadActive()!.Slot, node.ReadActive()!.Epoch, node.ReadActive()!.Release));
            Assert.Equal(UnitState.Inactive, node.Units[SlotName.Blue].Status.State);
            Assert.False(node.Get<FleetHold>().IsOn);
        });

        ended = await fleet.SwitchAsync(fleet.C);
        Assert.All(ended, one => Assert.Equal((SwitchOutcome.Completed, SlotName.Blue), (one.Outcome!.Value, one.To)));
        Assert.Equal([SlotName.Blue], fleet.ActiveSlots());
    }

    [Fact]
    public async Task A_candidate_that_fails_on_one_node_is_served_by_none()
    {
        await using var fleet = await FleetOfPlanes.StartAsync(options => (options.Health.Attempts, options.Health.Interval) = (2, TimeSpan.FromSeconds(1)));
        fleet.C.Green.Handler = SlotApp.Responds(500);

        var ended = await fleet.SwitchAsync(fleet.A);

        Assert.All(ended, one => Assert.Equal(SwitchOutcome.Aborted, one.Outcome));
        Assert.Contains("c: Probe: ", ended[0].Reason, StringComparison.Ordinal);
        Assert.All(fleet.Nodes, node => Assert.Equal((SlotName.Blue, 1L), (node.ReadActive()!.Slot, node.ReadActive()!.Epoch)));
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => !node.Units[SlotName.Green].Status.IsRunning), "no candidate is left");

        fleet.C.Green.Handler = SlotApp.Responds(200);
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task A_rollback_that_one_node_is_asked_for_brings_all_of_them_back()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        var request = fleet.C.Slots.Acquire(LeaseClass.Http); // c drains for as long as it lasts
        var begun = await BeginAsync(fleet.A);
        await Eventually.TrueAsync(
            () => fleet.Nodes.All(node => Member(node).Now.Seen.State?.Switch?.Phase == FleetPhase.Drain && node.Switches.Running is not null), "all drain");
        Assert.Equal([SlotName.Green], fleet.ActiveSlots());

        Assert.IsType<SwitchStart.Joined>(
            await fleet.B.Get<FleetSwitches>().RollBackAsync(force: false, new LeftOut([], Lost: false), Cancellation).Within());
        await Eventually.TrueAsync(() => fleet.ActiveSlots().SequenceEqual([SlotName.Blue]), "all are back");
        request.Dispose();

        Assert.All(await fleet.EndAsync(begun.Switch.Id), one => Assert.Equal(SwitchOutcome.RolledBack, one.Outcome));
        Assert.All(fleet.Nodes, node =>
        {
            Assert.Equal((SlotName.Blue, 3L), (node.ReadActive()!.Slot, node.ReadActive()!.Epoch));
            Assert.DoesNotContain("restart blue", node.Units.Calls);
            Assert.DoesNotContain("stop blue", node.Units.Calls);
        });
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task An_abort_before_the_flip_ends_the_switch_everywhere()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        var mayAnswer = new TaskCompletionSource();
        fleet.C.Green.Handler = async context =>
        {
            await mayAnswer.Task;
            await SlotApp.Responds(200)(context);
        };
        var begun = await BeginAsync(fleet.A);
        await Eventually.TrueAsync(() => fleet.C.Switches.Running?.Phase == SwitchPhase.Probe, "c probes");

        Assert.IsType<SwitchStart.Joined>(await fleet.B.Get<FleetSwitches>().AbortAsync(Cancellation).Within());
        await begun.Completion.Within();
        mayAnswer.SetResult();

        Assert.All(await fleet.EndAsync(begun.Switch.Id), one => Assert.Equal(SwitchOutcome.Aborted, one.Outcome));
        Assert.Equal([SlotName.Blue], fleet.ActiveSlots());
    }

    [Fact]
    public async Task A_second_switch_is_refused_while_one_runs()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        using var request = fleet.C.Slots.Acquire(LeaseClass.Http);
        var begun = await BeginAsync(fleet.A);
        await Eventually.TrueAsync(() => fleet.B.Switches.Running?.Id == begun.Switch.Id, "it runs on b");

        Assert.Equal(begun.Switch.Id, Assert.IsType<SwitchStart.Busy>(await AskAsync(fleet.B)).Running.Id);
        Assert.IsType<SwitchStart.Refused>(await AskAsync(fleet.B, new SwitchRequest(Label: "a b")));
        request.Dispose();
        await fleet.EndAsync(begun.Switch.Id);
    }

    [Fact]
    public async Task A_node_that_was_away_comes_to_the_version_of_the_fleet_before_it_serves()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        await fleet.C.StopAsync();
        await Eventually.TrueAsync(() => !Member(fleet.A).Now.Seen.IsAlive("c"), "c is gone");
        Assert.StartsWith("c is not there", Assert.IsType<SwitchStart.Refused>(await AskAsync(fleet.A)).Reason, StringComparison.Ordinal);

        Assert.All(await fleet.SwitchAsync(fleet.A, withoutLost: true), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
        Assert.All(await fleet.SwitchAsync(fleet.B), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome)); // it is no member any more
        Assert.All(await fleet.SwitchAsync(fleet.B), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));

        await fleet.C.StartAsync();
        Assert.Equal(SlotName.Green, fleet.C.Slots.Active.Name);
        await JoinedAsync(fleet.Nodes);
        Assert.Equal(fleet.A.ReadActive()!.Release, fleet.C.ReadActive()!.Release);
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    /// <summary>Colours come again: who missed two switches finds its own colour with other code in it.</summary>
    [Fact]
    public async Task A_node_that_missed_two_switches_starts_its_own_colour_anew()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        await fleet.C.StopAsync();
        await Eventually.TrueAsync(() => !Member(fleet.A).Now.Seen.IsAlive("c"), "c is gone");
        await fleet.SwitchAsync(fleet.A, withoutLost: true);
        await fleet.SwitchAsync(fleet.A);
        fleet.C.Units.Calls.Clear();

        await fleet.C.StartAsync();

        await JoinedAsync(fleet.Nodes);
        Assert.Equal(SlotName.Blue, fleet.C.Slots.Active.Name);
        Assert.Equal(fleet.A.ReadActive()!.Release, fleet.C.ReadActive()!.Release);
        Assert.Contains("restart blue", fleet.C.Units.Calls);
    }

    [Fact]
    public async Task Without_a_quorum_all_serve_and_are_ready_and_a_switch_is_refused()
    {
        await using var fleet = await FleetOfPlanes.StartAsync(members: 3);
        fleet.Etcd.Kill(0);
        fleet.Etcd.Kill(1);

        var refused = Assert.IsType<SwitchStart.Unavailable>(await AskAsync(fleet.A));
        Assert.Contains("no quorum", refused.Reason, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => Member(fleet.A).Silence > TimeSpan.FromSeconds(4), "etcd is silent");
        Assert.All(fleet.Nodes, node => Assert.Null(Member(node).WhyNotReady()));

        fleet.Etcd.Start(0);
        fleet.Etcd.Start(1);
        await JoinedAsync(fleet.Nodes);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).Silence < TimeSpan.FromSeconds(2)), "etcd is there");
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task A_member_of_a_switch_that_hears_nothing_is_not_ready_until_it_does()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        var request = fleet.C.Slots.Acquire(LeaseClass.Http);
        var begun = await BeginAsync(fleet.A);
        await Eventually.TrueAsync(() => Member(fleet.A).Now.Seen.State?.Switch?.Phase == FleetPhase.Drain, "it drains");

        await fleet.Etcd.FreezeAsync(0);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).WhyNotReady() is not null), "all are in doubt");
        Assert.Contains("has not heard of etcd", fleet.B.Get<IAppReadiness>().WhyNotReady(), StringComparison.Ordinal);
        Assert.Equal([SlotName.Green], fleet.ActiveSlots());
        await fleet.Etcd.ThawAsync(0);

        request.Dispose();
        var ended = await fleet.EndAsync(begun.Switch.Id);
        Assert.All(ended, one => Assert.True(one.Outcome is SwitchOutcome.Completed or SwitchOutcome.CompletedWithWarnings, one.Reason));
        await JoinedAsync(fleet.Nodes);
    }

    [Fact]
    public async Task Without_etcd_while_all_prepare_nothing_moves_until_it_is_back()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        var mayRespond = new TaskCompletionSource();
        fleet.C.Green.Handler = async context =>
        {
            await mayRespond.Task;
            await SlotApp.Responds(200)(context);
        };
        var begun = await BeginAsync(fleet.A);
        await Eventually.TrueAsync(() => fleet.C.Switches.Running?.Phase == SwitchPhase.Probe, "c probes");

        await fleet.Etcd.FreezeAsync(0);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).WhyNotReady() is not null), "all are in doubt");
        mayRespond.SetResult();
        await Eventually.TrueAsync(() => fleet.C.Switches.Running?.Phase == SwitchPhase.Agree, "c would vote");
        Assert.Equal([SlotName.Blue], fleet.ActiveSlots());
        await fleet.Etcd.ThawAsync(0);

        var ended = await fleet.EndAsync(begun.Switch.Id);
        Assert.Single(ended.Select(one => one.Outcome).Distinct()); // aborted where the leases have ended meanwhile
        await JoinedAsync(fleet.Nodes);
        Assert.Equal([ended[0].Outcome == SwitchOutcome.Aborted ? SlotName.Blue : SlotName.Green], fleet.ActiveSlots());
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    /// <summary>What the fleet itself has signed, earlier: a restored backup, or who plays it back.</summary>
    [Fact]
    public async Task An_old_backup_of_etcd_moves_nothing_until_an_operator_restores_the_fleets_state()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        using var client = new EtcdClient(fleet.Etcd.Options, TimeProvider.System);
        var key = Member(fleet.A).Keys.State;
        var old = (await client.FindAsync(key, Cancellation))!.Value;
        await fleet.SwitchAsync(fleet.A);

        await client.CommitAsync([], [Transaction.Put(key, old)], Cancellation);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).Now.Seen.State?.Epoch == 1), "all see it");

        Assert.IsType<SwitchStart.Refused>(await AskAsync(fleet.A));
        Assert.Equal([SlotName.Green], fleet.ActiveSlots());
        Assert.All(fleet.Nodes, node => Assert.Contains("an old backup?", Member(node).WhyNotReady(), StringComparison.Ordinal));
        Assert.Null(await fleet.B.Get<FleetSwitches>().RestoreAsync(Cancellation).Within());
        await JoinedAsync(fleet.Nodes);
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task A_clock_that_jumps_stops_no_switch()
    {
        var clock = new JumpingClock();
        await using var fleet = await FleetOfPlanes.StartAsync(timeOfC: clock);
        foreach (var offset in new[] { TimeSpan.FromDays(400), TimeSpan.FromDays(-400) })
        {
            clock.Offset = offset;
            Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
            Assert.All(fleet.Nodes, node => Assert.Null(Member(node).WhyNotReady()));
        }
    }

    [Fact]
    public async Task An_etcd_that_has_forgotten_changes_nothing_until_an_operator_restores_it()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        await fleet.SwitchAsync(fleet.A);

        await fleet.Etcd.CtlAsync("del", "--prefix", "/edgeproxy/");
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).Now.Seen.State is null), "all see it");
        Assert.IsType<SwitchStart.Refused>(await AskAsync(fleet.A));
        Assert.All(fleet.Nodes, node => Assert.Null(Member(node).WhyNotReady()));

        Assert.Null(await fleet.B.Get<FleetSwitches>().RestoreAsync(Cancellation).Within());
        await JoinedAsync(fleet.Nodes);
        Assert.Equal(2, Member(fleet.C).Now.Seen.State!.Epoch);
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task Who_can_write_to_etcd_and_has_not_the_secret_moves_nothing()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        using var client = new EtcdClient(fleet.Etcd.Options, TimeProvider.System);
        var keys = Member(fleet.A).Keys;
        var state = (await client.FindAsync(keys.State, Cancellation))!.Value;

        await client.CommitAsync([], [Transaction.Put(keys.State, state.Replace("\"blue\"", "\"green\"", StringComparison.Ordinal))], Cancellation);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).Now.Seen.Foreign == keys.State), "all have seen it");

        Assert.IsType<SwitchStart.Unavailable>(await AskAsync(fleet.A));
        Assert.Equal([SlotName.Blue], fleet.ActiveSlots());
        Assert.All(fleet.Nodes, node => Assert.Null(Member(node).WhyNotReady()));

        await client.CommitAsync([], [Transaction.Put(keys.State, state)], Cancellation);
        await Eventually.TrueAsync(() => fleet.Nodes.All(node => Member(node).Now.Seen.Foreign is null), "it is right again");
        Assert.All(await fleet.SwitchAsync(fleet.C), one => Assert.Equal(SwitchOutcome.Completed, one.Outcome));
    }

    [Fact]
    public async Task A_node_that_does_not_come_back_is_removed()
    {
        await using var fleet = await FleetOfPlanes.StartAsync();
        var door = fleet.A.Get<FleetSwitches>();
        Assert.IsType<SwitchStart.Refused>(await door.RemoveAsync("c", Cancellation).Within());
        Assert.IsType<SwitchStart.Refused>(await door.RemoveAsync("d", Cancellation).Within());
        await fleet.C.StopAsync();
        await Eventually.TrueAsync(() => !Member(fleet.A).Now.Seen.IsAlive("c"), "c is gone");

        Assert.Null(await door.RemoveAsync("c", Cancellation).Within());

        Assert.Equal(2, (await fleet.SwitchAsync(fleet.A)).Length);
    }

    /// <summary>A fleet that is not set costs nothing: no service of it is made.</summary>
    [Fact]
    public async Task Without_the_section_there_is_nothing_of_it()
    {
        await using var plane = await new ControlPlane().StartAsync();
        Assert.Throws<InvalidOperationException>(() => plane.Get<FleetSwitches>());
        Assert.Throws<InvalidOperationException>(() => plane.Get<IAppPart>());
        Assert.DoesNotContain(plane.Get<EdgeProxy.Apps.AppRegistry>().Only!.Hosted, part => part is FleetMember);
        Assert.Throws<InvalidOperationException>(() => plane.Get<FleetNode>());
        Assert.Throws<InvalidOperationException>(() => plane.Get<IIdleClaim>());
        await plane.SwitchAsync();
        Assert.DoesNotContain("epoch", await File.ReadAllTextAsync(plane.StateFile("active.json"), Cancellation), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>What date(1) sets, and what it does not.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        private long _offset;

        public TimeSpan Offset
        {
            set => Volatile.Write(ref _offset, value.Ticks);
        }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Volatile.Read(ref _offset));
    }
}
