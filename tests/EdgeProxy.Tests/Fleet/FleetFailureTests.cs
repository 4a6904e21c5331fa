using System.Text.Json.Nodes;
using EdgeProxy.Common;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Nodes that are killed, as processes: what is known of them then is in etcd and on disk alone.</summary>
/// <remarks>
/// The rows of the table in docs/fleet.md and their tests; <see cref="FleetChaosTests"/> has all of them at random, but for the last three.
/// <list type="table">
/// <item>dead before the switch: <see cref="The_command_line_moves_a_fleet_and_ends_with_4_where_it_cannot"/>,
/// <see cref="FleetSwitchTests.A_node_that_was_away_comes_to_the_version_of_the_fleet_before_it_serves"/></item>
/// <item>dies in Prepare, or is killed and starts at once: <see cref="A_node_that_dies_in_Prepare_ends_the_switch_for_all"/></item>
/// <item>dies after its vote: <see cref="A_node_that_dies_after_its_vote_comes_to_what_was_decided"/></item>
/// <item>dies after the commit, the one that drives it or another: <see cref="A_node_that_is_killed_after_the_flip_is_left_behind_and_adopts"/></item>
/// <item>the one that drives it dies before: <see cref="A_node_that_is_killed_before_the_flip_ends_the_switch"/></item>
/// <item>one member of etcd: <see cref="EtcdClientTests.Reads_and_the_watch_leave_a_member_that_is_gone"/></item>
/// <item>etcd outside of a switch: <see cref="FleetSwitchTests.Without_a_quorum_all_serve_and_are_ready_and_a_switch_is_refused"/></item>
/// <item>etcd in a switch: <see cref="FleetSwitchTests.Without_etcd_while_all_prepare_nothing_moves_until_it_is_back"/>,
/// <see cref="FleetSwitchTests.A_member_of_a_switch_that_hears_nothing_is_not_ready_until_it_does"/></item>
/// <item>etcd's data: <see cref="FleetSwitchTests.An_etcd_that_has_forgotten_changes_nothing_until_an_operator_restores_it"/>,
/// <see cref="FleetSwitchTests.An_old_backup_of_etcd_moves_nothing_until_an_operator_restores_the_fleets_state"/></item>
/// <item>a stranger in etcd: <see cref="FleetSwitchTests.Who_can_write_to_etcd_and_has_not_the_secret_moves_nothing"/></item>
/// <item>a clock jumps: <see cref="FleetSwitchTests.A_clock_that_jumps_stops_no_switch"/></item>
/// </list>
/// </remarks>
public sealed class FleetFailureTests
{
    [Fact]
    public async Task The_command_line_moves_a_fleet_and_ends_with_4_where_it_cannot()
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:01");

        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("c", "fleet", "stage", "d4e5f6")).ExitCode);
        var other = await fleet.RunAsync("b", "switch", "--label", "a1b2c3d");
        Assert.Equal(ExitCode.Failed, other.ExitCode);
        Assert.Contains("c: green has d4e5f6 staged", other.Output + other.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("c", "fleet", "stage", "a1b2c3d45")).ExitCode); // another abbreviation of the commit

        var done = await fleet.RunAsync("b", "switch", "--label", "a1b2c3d");
        Assert.True(done.ExitCode == ExitCode.Done, done.Output + done.Error);
        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.Equal("green", await fleet.SlotAsync(name));
        }

        var shown = await fleet.RunAsync("c", "fleet");
        Assert.StartsWith("fleet shop: green, a1b2c3d; this is c, at epoch 2, ready", shown.Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Refused, (await fleet.RunAsync("a", "switch", "--preview", "1m")).ExitCode);
        Assert.Equal(ExitCode.Refused, (await fleet.RunAsync("a", "fleet", "remove", "b")).ExitCode);
        Assert.Equal(ExitCode.Refused, (await fleet.RunAsync("a", "fleet", "restore")).ExitCode);

        fleet.Kill("c");
        await Eventually.TrueAsync(async () => !await IsThereAsync(fleet, "a", "c"), "c is gone");
        var refused = await fleet.RunAsync("a", "switch");
        Assert.Equal((ExitCode.Refused, true), (refused.ExitCode, refused.Error.Contains("c is not there", StringComparison.Ordinal)));
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("a", "switch", "--without", "c")).ExitCode);
        fleet.Start("c");
        await fleet.ReadyAsync(FleetOfProcesses.Names);
        Assert.Equal("blue", await fleet.SlotAsync("c"));

        fleet.Etcd.Kill(0);
        var away = await fleet.RunAsync("a", "switch");
        Assert.Equal((ExitCode.Refused, true), (away.ExitCode, away.Error.Contains("no quorum", StringComparison.Ordinal)));
        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.True(await fleet.IsReadyAsync(name));
        }
    }

    /// <summary>The one that drives the switch, and one that does not; before the commit is known there is nothing to undo but candidates.</summary>
    [Theory]
    [InlineData("a")]
    [InlineData("c")]
    public async Task A_node_that_is_killed_after_the_flip_is_left_behind_and_adopts(string killed)
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:04");
        var rest = FleetOfProcesses.Names.Except([killed]).ToArray();
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("a", "switch", "--no-wait")).ExitCode);
        await Eventually.TrueAsync(async () => await fleet.SlotAsync("b") == "green" && await fleet.SlotAsync(killed) == "green", "they have flipped");

        fleet.Kill(killed);

        await Eventually.TrueAsync(
            async () => await fleet.ViewAsync("b") is { } view && view["switch"] is null && (long?)view["epoch"] == 2, "the others have gone on");
        foreach (var name in rest)
        {
            Assert.Equal("green", await fleet.SlotAsync(name));
        }

        fleet.Start(killed);
        await fleet.ReadyAsync(FleetOfProcesses.Names);
        Assert.Equal("green", await fleet.SlotAsync(killed));
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync(killed, "switch")).ExitCode);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("c")]
    public async Task A_node_that_is_killed_before_the_flip_ends_the_switch(string killed)
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:01");
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("a", "switch", "--no-wait")).ExitCode);

        fleet.Kill(killed); // before all have voted: three probes, 50 ms apart, of an app that takes longer to start

        await Eventually.TrueAsync(async () => await fleet.ViewAsync("b") is { } view && view["switch"] is null, "it has ended");
        var epoch = (long?)(await fleet.ViewAsync("b"))!["epoch"];
        fleet.Start(killed);
        await fleet.ReadyAsync(FleetOfProcesses.Names);
        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.Equal(epoch == 1 ? "blue" : "green", await fleet.SlotAsync(name)); // together, whichever came first
        }

        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("b", "switch")).ExitCode);
    }

    /// <summary>Before it has voted; whether it stays away, or is started again at once.</summary>
    [Theory]
    [InlineData(true, "c is gone")]
    [InlineData(false, "c")]
    public async Task A_node_that_dies_in_Prepare_ends_the_switch_for_all(bool staysAway, string reason)
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:01");
        await fleet.RestartAsync("c", crashAt: "candidate ready");

        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("a", "switch", "--no-wait")).ExitCode);
        await fleet.CrashedAsync("c");
        if (!staysAway)
        {
            fleet.Start("c");
        }

        await Eventually.TrueAsync(async () => await fleet.ViewAsync("a") is { } view && view["switch"] is null, "it has ended");
        if (staysAway)
        {
            fleet.Start("c");
        }

        await fleet.ReadyAsync(FleetOfProcesses.Names);
        await EndedAsync(fleet, "Aborted", reason);
        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.Equal("blue", await fleet.SlotAsync(name));
        }

        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("c", "switch")).ExitCode);
    }

    /// <summary>Its vote counts for as long as its lease does.</summary>
    [Fact]
    public async Task A_node_that_dies_after_its_vote_comes_to_what_was_decided()
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:01");
        await fleet.RestartAsync("c", crashAt: "vote put");

        var ended = await fleet.RunAsync("a", "switch");
        await fleet.CrashedAsync("c");

        fleet.Start("c");
        await fleet.ReadyAsync(FleetOfProcesses.Names);
        // Where the others took longer than the lease, nothing was decided: then it is as if it had died before.
        var slot = ended.ExitCode == ExitCode.Failed ? "blue" : "green";
        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.Equal(slot, await fleet.SlotAsync(name));
        }

        await EndedAsync(fleet, slot == "green" ? "CompletedWithWarnings" : "Aborted", slot == "green" ? "c was gone" : "c is gone");
        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("c", "switch")).ExitCode);
    }

    /// <summary>With the lease of the process before, so that no other node sees it away; also the one that drives a switch.</summary>
    [Fact]
    public async Task A_node_that_replaces_its_process_stays_the_node()
    {
        await using var fleet = await FleetOfProcesses.StartAsync(observe: "00:00:01");
        var lease = await fleet.LeaseAsync("a");

        await fleet.ReloadAsync("a");
        Assert.True(await fleet.IsReadyAsync("a"));
        Assert.Equal(lease, await fleet.LeaseAsync("a"));
        await fleet.SetAsync("a", "Node", "d");
        var refused = await fleet.RunAsync("a", "reload");
        Assert.Equal((ExitCode.Refused, true), (refused.ExitCode, refused.Error.Contains("EdgeProxy:Fleet:Node", StringComparison.Ordinal)));
        await fleet.SetAsync("a", "Node", "a");

        Assert.Equal(ExitCode.Done, (await fleet.RunAsync("a", "switch", "--no-wait")).ExitCode);
        await fleet.ReloadAsync("a"); // at the end of the switch
        await Eventually.TrueAsync(async () => await fleet.ViewAsync("b") is { } view && view["switch"] is null && (long?)view["epoch"] == 2, "it has ended");
        Assert.True(await fleet.IsReadyAsync("a"));
        var done = await fleet.RunAsync("b", "switch");
        Assert.True(done.ExitCode == ExitCode.Done, done.Output + done.Error);

        foreach (var name in FleetOfProcesses.Names)
        {
            Assert.Equal("blue", await fleet.SlotAsync(name));
        }

        Assert.Equal(lease, await fleet.LeaseAsync("a"));
        Assert.Equal((long?)3, (long?)(await fleet.ViewAsync("a"))!["epoch"]);
    }

    /// <summary>As one node tells it.</summary>
    private static Task EndedAsync(FleetOfProcesses fleet, string outcome, string reason) => Eventually.TrueAsync(
        async () => JsonNode.Parse((await fleet.RunAsync("a", "history", "--json")).Output)!["switches"]!.AsArray() is [{ } last, ..]
            && (string?)last["outcome"] == outcome && ((string?)last["reason"])!.Contains(reason, StringComparison.Ordinal),
        $"the switch is {outcome}, as {reason}");

    private static async Task<bool> IsThereAsync(FleetOfProcesses fleet, string asked, string node) =>
        (await fleet.ViewAsync(asked))!["nodes"]!.AsArray().Any(one => (string?)one!["node"] == node && (bool)one["alive"]!);
}
