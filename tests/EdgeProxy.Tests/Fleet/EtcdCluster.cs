using System.Diagnostics;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Real members of etcd on free ports of this machine, ended when disposed. Their data is in memory where there is <c>/dev/shm</c>.</summary>
internal sealed class EtcdCluster : IAsyncDisposable
{
    private readonly DirectoryInfo _directory =
        Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"edgeproxy-etcd-{Guid.NewGuid():N}"));

    private readonly (int Client, int Peer)[] _ports;
    private readonly Process?[] _members;
    private readonly string[] _more;
    private readonly string _scheme;

    private EtcdCluster(int members, string scheme, string[] more)
    {
        _scheme = scheme;
        _more = more;
        _members = new Process?[members];
        _ports = [.. Enumerable.Range(0, members).Select(_ => (Backend.FreePort(), Backend.FreePort()))];
    }

    public string[] Endpoints => [.. _ports.Select(port => $"{_scheme}://127.0.0.1:{port.Client}")];

    public EtcdOptions Options => new() { Endpoints = Endpoints };

    public static Task<EtcdCluster> StartAsync(int members = 1) => StartAsync(members, Uri.UriSchemeHttp, []);

    /// <param name="members">How many.</param>
    /// <param name="scheme">Of the client URLs.</param>
    /// <param name="more">Further arguments of each.</param>
    public static async Task<EtcdCluster> StartAsync(int members, string scheme, string[] more)
    {
        Tool.Demand("etcd");
        var cluster = new EtcdCluster(members, scheme, more);
        for (var member = 0; member < members; member++)
        {
            cluster.Start(member);
        }

        if (scheme == Uri.UriSchemeHttp)
        {
            await cluster.WaitAsync();
        }

        return cluster;
    }

    /// <summary>Returns when a quorum answers.</summary>
    public async Task WaitAsync()
    {
        using var client = new EtcdClient(Options, TimeProvider.System);
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await client.FindAsync("/up", TestContext.Current.CancellationToken) is null;
                }
                catch (EtcdException)
                {
                    return false;
                }
            },
            "etcd answers");
    }

    public void Start(int member)
    {
        var (client, peer) = _ports[member];
        var clientUrl = $"{_scheme}://127.0.0.1:{client}";
        var peerUrl = $"http://127.0.0.1:{peer}";
        _members[member] = Process.Start(new ProcessStartInfo("/usr/bin/etcd",
        [
            "--name", $"m{member}", "--data-dir", Path.Combine(_directory.FullName, $"m{member}"), "--logger", "zap",
            "--log-outputs", Path.Combine(_directory.FullName, $"m{member}.log"), "--log-level", "error",
            "--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl,
            "--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl,
            "--initial-cluster", string.Join(',', _ports.Select((port, i) => $"m{i}=http://127.0.0.1:{port.Peer}")),
            "--initial-cluster-state", "new", "--initial-cluster-token", _directory.Name,
            "--heartbeat-interval", "100", "--election-timeout", "1000", .. _more,
        ]));
    }

    public void Kill(int member)
    {
        _members[member]!.KillAndWait();
        _members[member]!.Dispose();
        _members[member] = null;
    }

    /// <summary>Silence: nothing is answered and nothing is closed.</summary>
    public Task FreezeAsync(int member) => SignalAsync(member, "STOP");

    public Task ThawAsync(int member) => SignalAsync(member, "CONT");

    public async Task<CommandLine> CtlAsync(params string[] arguments) =>
        await Tool.RunAsync("etcdctl", [$"--endpoints={string.Join(',', Endpoints)}", .. arguments]);

    public ValueTask DisposeAsync()
    {
        foreach (var member in _members.OfType<Process>())
        {
            member.KillAndWait();
            member.Dispose();
        }

        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task SignalAsync(int member, string name)
    {
        using var kill = Process.Start("/bin/kill", [$"-{name}", $"{_members[member]!.Id}"]);
        await kill.EndWithin();
    }
}
