using EdgeProxy.Common;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Nodes that are killed, as processes: what is known of them then is in etcd and on disk alone.</summary>
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

    private static async Task<bool> IsThereAsync(FleetOfProcesses fleet, string asked, string node) =>
        (await fleet.ViewAsync(asked))!["nodes"]!.AsArray().Any(one => (string?)one!["node"] == node && (bool)one["alive"]!);
}
