using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Demo;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Processes;
using EdgeProxy.State;
using EdgeProxy.Tests.Handover;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Three proxies as processes of their own, whose slots are child processes that end with them: a killed node is a dead machine.</summary>
internal sealed class FleetOfProcesses : IAsyncDisposable
{
    public static readonly string[] Names = ["a", "b", "c"];

    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, int> _ports;
    private readonly EtcdCluster? _etcd;
    private readonly Dictionary<string, CommandProcess> _processes = [];
    private readonly List<int> _successors = [];
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero });

    private FleetOfProcesses(string[] names, EtcdCluster? etcd) => (_ports, _etcd) = (names.ToDictionary(name => name, _ => Backend.FreePort()), etcd);

    public EtcdCluster Etcd => _etcd!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<FleetOfProcesses> StartAsync(string observe)
    {
        var fleet = new FleetOfProcesses(Names, await EtcdCluster.StartAsync());
        await File.WriteAllTextAsync(fleet._directory["fleet.key"], FleetKey.Create(), Cancellation);
        var section = new JsonObject
        {
            ["Name"] = "shop",
            ["KeyFile"] = fleet._directory["fleet.key"],
            [nameof(Etcd)] = new JsonObject { ["Endpoints"] = new JsonArray([.. fleet.Etcd.Endpoints.Select(url => (JsonNode)url)]) },
        };
        return await fleet.StartAsync(observe, section);
    }

    /// <summary>With an etcd of the caller.</summary>
    /// <param name="names">Of the nodes.</param>
    /// <param name="section">Of the settings, but for what is each node's.</param>
    public static Task<FleetOfProcesses> StartAsync(string[] names, JsonObject section) =>
        new FleetOfProcesses(names, etcd: null).StartAsync("00:00:01", section);

    /// <summary>Where clients reach a node.</summary>
    public int PortOf(string name) => _ports[name];

    private async Task<FleetOfProcesses> StartAsync(string observe, JsonObject section)
    {
        foreach (var name in _ports.Keys)
        {
            await File.WriteAllTextAsync(_directory[$"{name}.json"], Settings(name, observe, section).ToJsonString(), Cancellation);
            Start(name);
        }

        await ReadyAsync([.. _ports.Keys]);
        return this;
    }

    /// <param name="name">The node.</param>
    /// <param name="crashAt">See <see cref="CrashPoint"/>; null: nowhere.</param>
    public void Start(string name, string? crashAt = null) =>
        _processes[name] = CommandProcess.StartProgram(ChildLauncher.OwnExecutable, crashAt, "run", "--config", _directory[$"{name}.json"]);

    /// <summary>A new process, once the old one's lease has ended.</summary>
    public async Task RestartAsync(string name, string crashAt)
    {
        Kill(name);
        Start(name, crashAt);
        await ReadyAsync(Names);
    }

    public void Kill(string name)
    {
        _processes[name].Kill();
        _processes[name].Dispose();
        _processes.Remove(name);
    }

    /// <summary>It ends where it was told to, and leaves nothing but what is in etcd and on disk.</summary>
    public async Task CrashedAsync(string name)
    {
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(_processes[name].Id), $"{name} crashes");
        Kill(name);
    }

    /// <summary>Changes a member of the settings' section <c>Fleet</c>.</summary>
    public async Task SetAsync(string name, string key, string value)
    {
        var settings = JsonNode.Parse(await File.ReadAllTextAsync(_directory[$"{name}.json"], Cancellation))!;
        settings["EdgeProxy"]!["Fleet"]![key] = value;
        await File.WriteAllTextAsync(_directory[$"{name}.json"], settings.ToJsonString(), Cancellation);
    }

    /// <summary>A new process takes the place of the node's.</summary>
    public async Task ReloadAsync(string name)
    {
        var reload = await RunAsync(name, "reload");
        Assert.True(reload.ExitCode == 0, reload.Error);
        _successors.Add(int.Parse(reload.Output.Split(' ')[1], CultureInfo.InvariantCulture)); // "process 4711 has taken over"
    }

    /// <summary>The lease that a node is there with; null: it is not there.</summary>
    public async Task<long?> LeaseAsync(string name)
    {
        using var client = new EtcdClient(Etcd.Options, TimeProvider.System);
        var all = await client.ReadAsync("/edgeproxy/shop/", Cancellation);
        return all.Keys.FirstOrDefault(key => key.Name.EndsWith($"/alive/{name}", StringComparison.Ordinal))?.Lease;
    }

    public Task<CommandLine> RunAsync(string name, params string[] arguments) => CommandLine.RunAsync([.. arguments, "--socket", _directory[$"{name}.sock"]]);

    /// <summary>They are ready, by what a balancer is told, and count as there.</summary>
    public async Task ReadyAsync(params string[] names)
    {
        foreach (var name in names)
        {
            await Eventually.TrueAsync(async () => await IsReadyAsync(name) && (await ViewAsync(names[0]))?["nodes"]!.AsArray()
                .Any(node => (string?)node!["node"] == name && (bool)node["alive"]! && (string?)node["state"] == "Member") is true, $"{name} is ready");
        }
    }

    public async Task<bool> IsReadyAsync(string name) => await GetAsync(name, "/.edgeproxy/ready") is (HttpStatusCode.OK, _);

    /// <summary>What a client of the node gets; null: nothing.</summary>
    public async Task<string?> SlotAsync(string name) => (await GetAsync(name, "/")).Slot;

    /// <summary>Null: it does not respond.</summary>
    public async Task<JsonNode?> ViewAsync(string name)
    {
        var shown = await RunAsync(name, "fleet", "--json");
        return shown.ExitCode == 0 ? JsonNode.Parse(shown.Output) : null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var successor in _successors.Where(HandoverSite.IsAlive))
        {
            await HandoverSite.SignalAsync(successor, "KILL");
        }

        foreach (var process in _processes.Values)
        {
            process.Kill();
            process.Dispose();
        }

        _client.Dispose();
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }

        _directory.Dispose();
    }

    private async Task<(HttpStatusCode? Status, string? Slot)> GetAsync(string name, string path)
    {
        try
        {
            using var response = await _client.GetAsync($"http://127.0.0.1:{_ports[name]}{path}", Cancellation);
            return (response.StatusCode, response.Headers.TryGetValues("X-Slot", out var slot) ? slot.First() : null);
        }
        catch (HttpRequestException)
        {
            return default;
        }
    }

    private JsonObject Settings(string name, string observe, JsonObject section)
    {
        var fleet = section.DeepClone().AsObject();
        (fleet["Node"], fleet["LostAfter"]) = (name, "00:00:03");
        var command = $"{CommandTemplate.Quote(ChildLauncher.OwnExecutable)} {SampleBackend.Verb} --port {{port}} --slot {{slot}}";
        return new JsonObject
        {
            ["AllowedHosts"] = "shop.example.com;127.0.0.1",
            ["Kestrel"] = JsonNode.Parse($$"""{ "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{_ports[name]}}" } } }"""),
            ["EdgeProxy"] = new JsonObject
            {
                ["Slots"] = JsonNode.Parse(
                    $$"""
                    { "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } }
                    """),
                ["Switch"] = new JsonObject { ["Observe"] = observe },
                ["Units"] = new JsonObject { ["Manager"] = "Process", ["Process"] = new JsonObject { ["Command"] = command } },
                ["Admin"] = new JsonObject { ["Socket"] = _directory[$"{name}.sock"], ["Url"] = "" },
                ["State"] = new JsonObject { ["Directory"] = _directory[$"{name}.state"] },
                ["AccessLog"] = new JsonObject { ["Path"] = _directory[$"{name}.log"] },
                ["Fleet"] = fleet,
            },
        };
    }
}
