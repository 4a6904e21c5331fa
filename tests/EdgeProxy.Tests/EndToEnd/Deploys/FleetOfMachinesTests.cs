using System.Diagnostics;
using System.Text.Json.Nodes;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>docs/fleet.md on two machines with systemd: an etcd and nodes by <c>deploy/fleet</c>, and a deploy by <c>restart_app.sh --stage</c>.</summary>
/// <remarks>They share this machine's network, as two machines share theirs; each has a database of its own, which shows who has migrated.</remarks>
[Collection(EndToEndCollection.Name)]
public sealed class FleetOfMachinesTests
{
    private const string Script = $"{SystemdLab.TestsInside}/deploy/fleet";
    private const string Parts = "/root/fleet";
    private const string Settings = "/etc/edgeproxy/appsettings.json";

    private readonly string[] _ports = ["--client-port", $"{Backend.FreePort()}", "--peer-port", $"{Backend.FreePort()}"];

    [Fact]
    public async Task Code_is_staged_on_each_machine_and_one_of_them_moves_both()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        Tool.Demand("etcd");
        await using var a = new SiteWithTwoTrees();
        await using var b = new SiteWithTwoTrees();
        await Task.WhenAll(a.InitializeAsync().AsTask(), b.InitializeAsync().AsTask());
        await RunAsync(a, Script, ["certificates", Parts, "m=127.0.0.1"]);
        await RunAsync(a, Script, ["member", "m", Parts, .. _ports]);
        await Eventually.TrueAsync(async () => await a.Vps.ActiveStateAsync("etcd.service") == "active", "systemd has etcd");
        await RunAsync(a, Script, ["role", "shop", Parts, .. _ports]);
        await CopyAsync(a, b, Parts);
        await JoinAsync(a, "a");
        await JoinAsync(b, "b");

        var (branch, commit) = await a.PushAsync(DeploySite.Migration("shop", "0002_colour", DeploySite.AddColumn("colour")));
        await CopyAsync(a, b, "/srv/origin.git");
        await CopyAsync(a, b, "/srv/wheels"); // each has made its own, of which the lock file means one
        var loads = new[] { a, b }.Select(site => MixedLoad.Start(site.Vps.Public, withSlow: false)).ToArray();
        var staged = await b.DeployedAsync(branch, "--stage");
        Assert.Equal((SlotName.Blue, SlotName.Blue), (await a.Vps.ActiveSlotAsync(), await b.Vps.ActiveSlotAsync()));
        var said = await a.DeployedAsync(branch);

        Assert.Contains($"staged: green has {commit}", staged, StringComparison.Ordinal);
        Assert.Contains($"live: green with {commit} ", said, StringComparison.Ordinal);
        foreach (var site in (IEnumerable<DeploySite>)[a, b])
        {
            Assert.Equal((SlotName.Green, commit), (await site.Vps.ActiveSlotAsync(), await site.HeadAsync(SlotName.Green)));
        }

        Assert.Equal((true, false), (await a.IsAppliedAsync("shop", "0002_colour"), await b.IsAppliedAsync("shop", "0002_colour")));
        await b.DeployedAsync("--rollback");
        Assert.Equal((SlotName.Blue, SlotName.Blue), (await a.Vps.ActiveSlotAsync(), await b.Vps.ActiveSlotAsync()));
        foreach (var load in loads)
        {
            Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
        }
    }

    private static async Task<string> RunAsync(DeploySite site, params string[] command) => (await site.Vps.Lab.RunAsync(command)).Text;

    private static Task<string> RunAsync(DeploySite site, string program, string[] arguments) => RunAsync(site, [program, .. arguments]);

    /// <summary>As by scp(1).</summary>
    private static async Task CopyAsync(DeploySite from, DeploySite to, string directory)
    {
        await RunAsync(to, "rm", "-rf", directory);
        using var copy = Process.Start("cp", ["-a", $"{from.Vps.Lab.Root}{directory}", $"{to.Vps.Lab.Root}{directory}"]);
        Assert.Equal(0, await copy.EndWithin());
    }

    /// <summary>Puts the section that is printed into the settings, checks them, and restarts.</summary>
    private async Task JoinAsync(DeploySite site, string node)
    {
        var printed = await RunAsync(site, Script, ["node", "shop", Parts, .. _ports]);
        var lab = site.Vps.Lab;
        var settings = JsonNode.Parse(await File.ReadAllTextAsync($"{lab.Root}{Settings}", TestContext.Current.CancellationToken))!;
        var section = JsonNode.Parse($"{{{printed}}}")!["Fleet"]!.DeepClone();
        section["Node"] = node; // both have one host's name
        settings["EdgeProxy"]!["Fleet"] = section;
        await lab.WriteFileAsync(Settings, settings.ToJsonString());
        await RunAsync(site, "edgeproxy", "check", "--config", Settings);
        await site.Vps.SystemctlAsync("restart", Vps.Proxy);
        await Eventually.TrueAsync(
            async () => (await lab.RunAsync("edgeproxy", "fleet")).Output.Contains(", ready", StringComparison.Ordinal), $"{node} is ready");
    }
}
