using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using EdgeProxy.Demo;
using EdgeProxy.Fleet;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Packages;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Three nodes and three members of etcd, each a machine of a network that can be cut. The proxies are native where there is such a binary.</summary>
internal sealed class FleetOnLan : IAsyncDisposable
{
    public static readonly string[] Nodes = ["a", "b", "c"];

    public static readonly string[] Members = ["m0", "m1", "m2"];

    private const int Port = 8080;

    private readonly TemporaryDirectory _directory = new();
    private readonly DirectoryInfo _data = // synced often: in memory where there is such a place
        Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"edgeproxy-lan-{Guid.NewGuid():N}"));

    private readonly ConcurrentDictionary<string, Process> _processes = [];

    private FleetOnLan(Lan lan) => Lan = lan;

    public Lan Lan { get; }

    public FleetKey Key => FleetKey.Load(new FleetOptions { KeyFile = Part("fleet.key") });

    /// <summary>How this machine reaches etcd.</summary>
    public EtcdOptions Etcd => new()
    {
        Endpoints = [.. Members.Select(member => $"https://{Lan.AddressOf(member)}:2379")],
        Certificate = Part("edgeproxy.pem"),
        Key = Part("edgeproxy.key"),
        TrustedRoots = Part("ca.pem"),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Program => Package.NativeBinary ?? ChildLauncher.OwnExecutable;

    /// <param name="flip">See <see cref="FleetOptions.Flip"/>.</param>
    public static async Task<FleetOnLan> StartAsync(FleetFlip flip)
    {
        Tool.Demand("etcd");
        var fleet = new FleetOnLan(await Lan.StartAsync([.. Nodes, .. Members]));
        try
        {
            var certificates = await Tool.RunAsync(
                Repository.File("deploy/fleet"),
                ["certificates", fleet.Part(""), .. Members.Select(member => $"{member}={fleet.Lan.AddressOf(member)}")]);
            Assert.True(certificates.ExitCode == 0, certificates.Error);
            foreach (var node in Nodes)
            {
                await File.WriteAllTextAsync(fleet._directory[$"{node}.json"], fleet.Settings(node, flip).ToJsonString(), Cancellation);
            }

            foreach (var machine in (IEnumerable<string>)[.. Members, .. Nodes])
            {
                fleet.Start(machine);
            }

            await fleet.CalmAsync();
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public Uri UrlOf(string node) => new($"http://{Lan.AddressOf(node)}:{Port}");

    public void Start(string machine)
    {
        string[] command = Members.Contains(machine) ? EtcdCommand(machine) : [Program, "run", "--config", _directory[$"{machine}.json"]];
        // The shell becomes the program, as ip(8) has become the shell.
        string[] words =
        [
            .. Lan.On(machine), "sh", "-c", "log=$1; shift; exec env --default-signal=HUP,INT,QUIT,TERM \"$@\" >> \"$log\" 2>&1", "sh",
            _directory[$"{machine}.out"], .. command,
        ];
        _processes[machine] = Process.Start(new ProcessStartInfo(words[0], words[1..]))!;
    }

    /// <summary>The power of the machine is cut: units are children of the proxy, which end with it.</summary>
    public void Kill(string machine)
    {
        _processes.TryRemove(machine, out var process);
        process!.KillAndWait();
        process!.Dispose();
    }

    /// <summary>Nothing is answered and nothing is closed.</summary>
    public Task FreezeAsync(string machine) => SignalAsync(machine, "STOP");

    public Task ThawAsync(string machine) => SignalAsync(machine, "CONT");

    public Task<CommandLine> RunAsync(string node, params string[] arguments) => CommandLine.RunAsync([.. arguments, "--socket", _directory[$"{node}.sock"]]);

    /// <summary>All nodes are there, ready, and serve the same.</summary>
    public Task CalmAsync() => Eventually.TrueAsync(
        async () =>
        {
            var views = await Task.WhenAll(Nodes.Select(ViewAsync));
            return views.All(view => view is not null && (bool)view["ready"]! && view["switch"] is null
                && view["nodes"]!.AsArray() is { Count: 3 } all && all.All(one => (bool)one!["alive"]! && (string?)one["state"] == "Member"))
                && views.Select(view => (long?)view!["epoch"]).Distinct().Count() == 1;
        },
        $"all nodes are ready; {_directory.Path}",
        TimeSpan.FromMinutes(2));

    /// <summary>Null: it does not respond.</summary>
    public async Task<JsonNode?> ViewAsync(string node)
    {
        var shown = await RunAsync(node, "fleet", "--json");
        return shown.ExitCode == 0 ? JsonNode.Parse(shown.Output) : null;
    }

    /// <summary>When each node had flipped, by switch, as its history has it.</summary>
    public IEnumerable<(string Switch, string Node, DateTimeOffset At)> Flips()
    {
        foreach (var node in Nodes)
        {
            foreach (var line in File.ReadLines(Path.Combine(_directory[$"{node}.state"], "history.jsonl")))
            {
                var one = JsonNode.Parse(line)!;
                if (one["phases"]!.AsArray().FirstOrDefault(phase => (string?)phase!["phase"] == "Flip") is { } flip)
                {
                    yield return ((string)one["id"]!, node, (DateTimeOffset)flip["startedAt"]! + TimeSpan.Parse((string)flip["duration"]!, null));
                }
            }
        }
    }

    /// <summary>The last lines of what a machine has written.</summary>
    public string LogOf(string machine) =>
        $"{machine}:\n{string.Join('\n', File.Exists(_directory[$"{machine}.out"]) ? File.ReadLines(_directory[$"{machine}.out"]).TakeLast(40) : [])}";

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.Values)
        {
            process.KillAndWait();
            process.Dispose();
        }

        await Lan.DisposeAsync();
        _data.Delete(recursive: true);
        _directory.Dispose();
    }

    private string Part(string file) => Path.Combine(_directory["parts"], file);

    private string[] EtcdCommand(string member)
    {
        string UrlOf(string one, int port) => $"https://{Lan.AddressOf(one)}:{port}";
        return
        [
            "/usr/bin/etcd", "--name", member, "--data-dir", Path.Combine(_data.FullName, member), "--logger", "zap", "--log-level", "error",
            "--listen-client-urls", UrlOf(member, 2379), "--advertise-client-urls", UrlOf(member, 2379),
            "--listen-peer-urls", UrlOf(member, 2380), "--initial-advertise-peer-urls", UrlOf(member, 2380),
            "--initial-cluster", string.Join(',', Members.Select(one => $"{one}={UrlOf(one, 2380)}")), "--initial-cluster-state", "new",
            "--heartbeat-interval", "100", "--election-timeout", "1000", "--client-cert-auth", "--trusted-ca-file", Part("ca.pem"),
            "--cert-file", Part($"member-{member}.pem"), "--key-file", Part($"member-{member}.key"), "--peer-client-cert-auth",
            "--peer-trusted-ca-file", Part("ca.pem"), "--peer-cert-file", Part($"member-{member}.pem"), "--peer-key-file", Part($"member-{member}.key"),
        ];
    }

    private async Task SignalAsync(string machine, string name)
    {
        using var kill = Process.Start("/bin/kill", [$"-{name}", $"{_processes[machine].Id}"]);
        await kill.EndWithin();
    }

    private JsonObject Settings(string node, FleetFlip flip)
    {
        var command = $"{CommandTemplate.Quote(Program)} {SampleBackend.Verb} --port {{port}} --slot {{slot}}";
        return new JsonObject
        {
            ["AllowedHosts"] = "*",
            ["Kestrel"] = JsonNode.Parse($$"""{ "Endpoints": { "Http": { "Url": "http://0.0.0.0:{{Port}}" } } }"""),
            ["EdgeProxy"] = new JsonObject
            {
                ["Slots"] = JsonNode.Parse("""{ "Blue": { "Address": "http://127.0.0.1:8001" }, "Green": { "Address": "http://127.0.0.1:8002" } }"""),
                ["Switch"] = new JsonObject { ["Observe"] = "00:00:00.3" },
                ["Units"] = new JsonObject { ["Manager"] = "Process", ["Process"] = new JsonObject { ["Command"] = command } },
                ["Admin"] = new JsonObject { ["Socket"] = _directory[$"{node}.sock"], ["Url"] = "" },
                ["State"] = new JsonObject { ["Directory"] = _directory[$"{node}.state"] },
                ["AccessLog"] = new JsonObject { ["Path"] = _directory[$"{node}.log"] },
                ["Fleet"] = new JsonObject
                {
                    ["Name"] = "shop",
                    ["Node"] = node,
                    ["KeyFile"] = Part("fleet.key"),
                    ["LostAfter"] = "00:00:03",
                    ["StartPatience"] = "00:00:02",
                    ["Flip"] = $"{flip}",
                    [nameof(Etcd)] = new JsonObject
                    {
                        ["Endpoints"] = new JsonArray([.. Etcd.Endpoints!.Select(url => (JsonNode)url)]),
                        ["Certificate"] = Etcd.Certificate,
                        [nameof(Key)] = Etcd.Key,
                        ["TrustedRoots"] = Etcd.TrustedRoots,
                    },
                },
            },
        };
    }
}
