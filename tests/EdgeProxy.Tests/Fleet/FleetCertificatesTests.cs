using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json.Nodes;
using EdgeProxy.Demo;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;
using EdgeProxy.Tests.Tls.Acme;
using EdgeProxy.Tls;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Fleet;

/// <summary>One certificate for all nodes, from a real authority that comes to any of them.</summary>
public sealed class FleetCertificatesTests : IDisposable
{
    private const string Domain = "shop.test";
    private const string Prefix = "/edgeproxy/shop/.tls/";

    /// <summary>An attempt that fails on a busy machine is made again after a minute.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, (int Http, int Https)> _ports =
        FleetOfProcesses.Names.ToDictionary(name => name, _ => (Backend.FreePort(), Backend.FreePort()));

    private readonly Dictionary<string, SettingsFile> _settings = [];
    private readonly Dictionary<string, CommandProcess> _processes = [];

    private readonly ConcurrentQueue<string> _log = [];

    private string Logs => string.Join('\n', _log);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_node_that_orders_is_killed_and_another_one_gets_the_certificate_for_all()
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, ("PEBBLE_VA_NOSLEEP", "0"), ("PEBBLE_VA_SLEEPTIME", "3"));
        await using var etcd = await EtcdCluster.StartAsync();
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);
        await using var balancer = new RoundRobin(pebble.HttpPort, [.. _ports.Values.Select(ports => ports.Http)]);
        var key = StartAll(pebble, etcd, AcmeChallenge.Http01);
        await Eventually.TrueAsync(async () => (await ReadAsync(client, "challenges/http/")).Count > 0, "the proof is shown", Patience);
        var orderer = Assert.Single(await ReadAsync(client, "orderers/"));
        var killed = key.Unseal(orderer.Name, orderer.Value)!;

        Kill(killed);

        foreach (var name in _ports.Keys.Except([killed]))
        {
            await Eventually.TrueAsync(async () => await SerialAsync(name) is not null, $"{name} serves it", Patience);
        }

        Start(killed);
        await Eventually.TrueAsync(async () => await SerialAsync(killed) is not null, $"{killed} serves it, too", Patience);
        Assert.Single((await Task.WhenAll(_ports.Keys.Select(SerialAsync))).Distinct());
        Assert.True(pebble.Orders <= 2, Logs); // of the killed one, and the next
        Assert.Empty(await ReadAsync(client, "challenges/"));
        foreach (var stored in await ReadAsync(client, ""))
        {
            Assert.DoesNotContain("---", stored.Value, StringComparison.Ordinal);
            Assert.NotNull(key.Unseal(stored.Name, stored.Value));
        }
    }

    [Fact]
    public async Task By_a_handshake_as_well_and_a_node_without_etcd_serves_its_copy()
    {
        await using var pebble = await Pebble.StartAsync();
        await using var etcd = await EtcdCluster.StartAsync();
        await using var balancer = new RoundRobin(pebble.TlsPort, [.. _ports.Values.Select(ports => ports.Https)]);
        StartAll(pebble, etcd, AcmeChallenge.TlsAlpn01);
        await ServedAsync();
        var serial = await SerialAsync("a");
        Assert.True(pebble.Orders == 1, Logs);

        var renewed = await CommandLine.RunAsync("certificates", "renew", "--socket", _directory["b.sock"]);

        Assert.True(renewed.ExitCode == 0, renewed.Output + renewed.Error);
        foreach (var name in _ports.Keys)
        {
            await Eventually.TrueAsync(async () => await SerialAsync(name) is { } now && now != serial, $"{name} serves the new one");
        }

        Assert.Equal(2, pebble.Orders);
        etcd.Kill(0);
        Kill("c");
        Start("c");
        await Eventually.TrueAsync(async () => await SerialAsync("c") is not null, "it starts from its copy");
        Assert.Equal(await SerialAsync("a"), await SerialAsync("c"));
    }

    public void Dispose()
    {
        foreach (var name in _processes.Keys.ToArray())
        {
            Kill(name);
        }

        foreach (var file in _settings.Values)
        {
            file.Dispose();
        }

        _directory.Dispose();
    }

    private static async Task<IReadOnlyList<EtcdKey>> ReadAsync(EtcdClient client, string below) =>
        (await client.ReadAsync(Prefix + below, Cancellation)).Keys;

    private async Task ServedAsync()
    {
        foreach (var name in _ports.Keys)
        {
            await Eventually.TrueAsync(async () => await SerialAsync(name) is not null, $"{name} serves a certificate", Patience);
        }
    }

    /// <summary>Of what a client of the node is shown; null: nothing.</summary>
    private async Task<string?> SerialAsync(string name)
    {
        try
        {
            return (await TlsClient.SeeAsync(_ports[name].Https, Domain)).SerialNumber;
        }
        catch (Exception notYet) when (notYet is SocketException or AuthenticationException or IOException)
        {
            return null;
        }
    }

    private FleetKey StartAll(Pebble pebble, EtcdCluster etcd, AcmeChallenge challenge)
    {
        File.WriteAllText(_directory["fleet.key"], FleetKey.Create());
        var command = $"{CommandTemplate.Quote(ChildLauncher.OwnExecutable)} {SampleBackend.Verb} --port {{port}} --slot {{slot}}";
        foreach (var (name, ports) in _ports)
        {
            _settings[name] = SettingsFile.With(
                ("Kestrel:Endpoints:Http", $$"""{ "Url": "http://127.0.0.1:{{ports.Http}}" }"""),
                ("Kestrel:Endpoints:Https", $$"""{ "Url": "https://127.0.0.1:{{ports.Https}}" }"""),
                ("EdgeProxy:Slots", $$"""
                    { "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } }
                    """),
                ("EdgeProxy:Units", new JsonObject { ["Manager"] = "Process", ["Process"] = new JsonObject { ["Command"] = command } }.ToJsonString()),
                ("AllowedHosts", "\"*\""),
                ("EdgeProxy:Admin:Socket", $"\"{_directory[$"{name}.sock"]}\""),
                ("EdgeProxy:Admin:Url", "null"),
                ("EdgeProxy:State:Directory", $"\"{_directory[$"{name}.state"]}\""),
                ("EdgeProxy:Tls:Acme", $$"""
                    {
                      "Domains": ["{{Domain}}"], "AcceptTermsOfService": true, "DirectoryUrl": "{{pebble.DirectoryUrl}}",
                      "TrustedRoots": "{{pebble.ApiRootFile}}", "Challenges": ["{{challenge}}"]
                    }
                    """),
                ("EdgeProxy:Fleet", $$"""
                    {
                      "Name": "shop", "Node": "{{name}}", "KeyFile": "{{_directory["fleet.key"]}}", "LostAfter": "00:00:03", "StartPatience": "00:00:02",
                      "Etcd": { "Endpoints": ["{{etcd.Endpoints[0]}}"] }
                    }
                    """));
            Start(name);
        }

        return FleetKey.Load(new FleetOptions { KeyFile = _directory["fleet.key"] });
    }

    private void Start(string name)
    {
        _processes[name] = CommandProcess.Start("run", "--config", _settings[name].Path);
        _ = ReadAsync(name, _processes[name].Output);
    }

    private async Task ReadAsync(string name, StreamReader output)
    {
        while (await output.ReadLineAsync(Cancellation) is { } line)
        {
            _log.Enqueue($"{name}: {line}");
        }
    }

    private void Kill(string name)
    {
        _processes.Remove(name, out var process);
        process!.Kill();
        process.Dispose();
    }
}
