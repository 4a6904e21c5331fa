using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Common;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>What docs/fleet.md says, done: an etcd and nodes by <c>deploy/fleet</c>, and its HAProxy before them.</summary>
public sealed partial class FleetDeployTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly string _clientPort = $"{Backend.FreePort()}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Parts => _directory["parts"];

    private string Root => _directory["root"];

    [Fact]
    public async Task From_nothing_to_a_switch_behind_HAProxy_that_no_client_notices()
    {
        Tool.Demand("etcd");
        Tool.Demand("haproxy");
        await RunAsync("certificates", Parts, "a=127.0.0.1");
        var peerPort = $"{Backend.FreePort()}";
        await RunAsync("member", "a", Parts, "--root", Root, "--client-port", _clientPort, "--peer-port", peerPort);
        using var etcd = Tool.Start("etcd", [], [.. EtcdEnvironment("etcd")]);
        await Eventually.TrueAsync(async () => (await TryAsync("role", "shop", Parts, "--client-port", _clientPort)).ExitCode == 0, "the role is made");
        await RunAsync("role", "shop", Parts, "--client-port", _clientPort); // again: it is as it was
        using var second = await JoinAsync(peerPort);
        var section = await RunAsync("node", "shop", Parts, "--root", Root, "--client-port", _clientPort);
        await using var fleet = await FleetOfProcesses.StartAsync(["a", "b"], JsonNode.Parse($"{{{section}}}")!["Fleet"]!.AsObject());
        var port = Backend.FreePort();
        await File.WriteAllTextAsync(_directory["haproxy.cfg"], Configuration(fleet, port), Cancellation);
        using var haproxy = Tool.Start("haproxy", ["-db", "-f", _directory["haproxy.cfg"]]);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMilliseconds(50) });
        await Eventually.TrueAsync(async () => await SlotAsync() == "blue", "the balancer has found the nodes");

        var moving = fleet.RunAsync("b", "switch", "--label", "a1b2c3");
        var seen = new List<string>();
        while (!moving.IsCompleted)
        {
            seen.Add(await SlotAsync());
        }

        var done = await moving;
        Assert.True(done.ExitCode == ExitCode.Done, done.Output + done.Error);
        Assert.Equal(["blue", "green"], seen.Distinct().Order());
        Assert.Equal(("green", "green"), (await fleet.SlotAsync("a"), await fleet.SlotAsync("b")));

        fleet.Kill("b");
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("green", await SlotAsync()); // tried again at the other one
        }

        async Task<string> SlotAsync()
        {
            try
            {
                using var response = await client.GetAsync($"http://127.0.0.1:{port}/", Cancellation);
                return response.Headers.TryGetValues("X-Slot", out var slot) ? slot.First() : $"{(int)response.StatusCode}";
            }
            catch (HttpRequestException e)
            {
                return e.Message;
            }
        }
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>One more member, of an etcd that runs and asks for certificates.</summary>
    private async Task<RunningTool> JoinAsync(string peerPort)
    {
        await RunAsync("certificates", Parts, "a=127.0.0.1", "b=127.0.0.2");
        string[] join = ["member", "b", Parts, "--join", "--root", Root, "--client-port", _clientPort, "--peer-port", peerPort];
        await RunAsync(join);
        Assert.Contains(EtcdEnvironment("etcd-b"), pair => pair is ("ETCD_INITIAL_CLUSTER_STATE", "existing"));
        var member = Tool.Start("etcd", [], [.. EtcdEnvironment("etcd-b")]);
        await Eventually.TrueAsync(async () => (await TryAsync("role", "shop", Parts, "--client-port", _clientPort)).ExitCode == 0, "both agree");
        await RunAsync(join); // again: it is one already
        Assert.Contains(EtcdEnvironment("etcd-b"), pair => pair.Name == "ETCD_INITIAL_CLUSTER" && pair.Value.Split(',').Length == 2);
        Assert.Equal(2, (await TryAsync("certificates", Parts, "b=127.0.0.2")).ExitCode);
        return member;
    }

    private static Task<CommandLine> TryAsync(params string[] arguments) => Tool.RunAsync(Repository.File("deploy/fleet"), arguments);

    private static async Task<string> RunAsync(params string[] arguments)
    {
        var run = await TryAsync(arguments);
        Assert.True(run.ExitCode == 0, $"{arguments[0]}: {run.Output}{run.Error}");
        return run.Output;
    }

    /// <summary>What Debian's unit has of the file that the script writes.</summary>
    /// <param name="data">The member's directory.</param>
    private IEnumerable<(string Name, string Value)> EtcdEnvironment(string data)
    {
        foreach (var line in File.ReadLines(Path.Combine(Root, "etc/default/etcd")).Where(line => !line.StartsWith('#')))
        {
            var parts = line.Split('=', 2);
            var here = parts[1].Replace("/etc/etcd/", $"{Root}/etc/etcd/", StringComparison.Ordinal);
            yield return (parts[0], parts[0] == "ETCD_DATA_DIR" ? _directory[data] : here);
        }
    }

    /// <summary>That of the page, with the ports of the test.</summary>
    private static string Configuration(FleetOfProcesses fleet, int port)
    {
        var page = File.ReadAllText(Repository.File("docs/fleet.md"));
        var text = HaproxyBlock().Match(page).Groups[1].Value;
        Assert.Contains("bind :80\n", text, StringComparison.Ordinal);
        return "defaults\n    mode http\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n" // as Debian's
            + text.Replace("bind :80\n", $"bind 127.0.0.1:{port}\n", StringComparison.Ordinal)
                .Replace("bind :443\n", $"bind 127.0.0.1:{Backend.FreePort()}\n", StringComparison.Ordinal)
                .Replace("check port 80", $"check port {fleet.PortOf("a")}", StringComparison.Ordinal)
                .Replace("10.0.0.1:443", "127.0.0.1:443", StringComparison.Ordinal) // nobody is there
                .Replace("10.0.0.1:80", $"127.0.0.1:{fleet.PortOf("a")}", StringComparison.Ordinal)
                .Replace("10.0.0.2:80", $"127.0.0.1:{fleet.PortOf("b")}", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"```haproxy\n(.*?\n) *```", RegexOptions.Singleline)]
    private static partial Regex HaproxyBlock();
}
