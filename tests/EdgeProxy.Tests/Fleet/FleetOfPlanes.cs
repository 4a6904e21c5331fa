using EdgeProxy.Fleet;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Three nodes of one fleet, each a control plane with units in memory and real apps behind them, over real members of etcd.</summary>
internal sealed class FleetOfPlanes : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private FleetOfPlanes(EtcdCluster etcd, Action<EdgeProxyOptions>? configure, TimeProvider? timeOfC)
    {
        Etcd = etcd;
        File.WriteAllText(_directory["fleet.key"], FleetKey.Create());
        foreach (var name in (ReadOnlySpan<string>)["a", "b", "c"])
        {
            var plane = new ControlPlane(name == "c" ? timeOfC : null);
            plane.Options.Fleet = new FleetOptions
            {
                Name = "shop",
                Node = name,
                Etcd = etcd.Options,
                KeyFile = _directory["fleet.key"],
                LostAfter = TimeSpan.FromSeconds(3),
            };
            configure?.Invoke(plane.Options);
            Nodes.Add(plane);
        }
    }

    public EtcdCluster Etcd { get; }

    public List<ControlPlane> Nodes { get; } = [];

    public ControlPlane A => Nodes[0];

    public ControlPlane B => Nodes[1];

    public ControlPlane C => Nodes[2];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>All have joined, on blue.</summary>
    public static async Task<FleetOfPlanes> StartAsync(
        Action<EdgeProxyOptions>? configure = null, int members = 1, bool areJoined = true, TimeProvider? timeOfC = null)
    {
        var fleet = new FleetOfPlanes(await EtcdCluster.StartAsync(members), configure, timeOfC);
        if (areJoined)
        {
            await Task.WhenAll(fleet.Nodes.Select(node => node.StartAsync()));
            await JoinedAsync(fleet.Nodes);
        }

        return fleet;
    }

    public static FleetMember Member(ControlPlane node) => node.Get<FleetMember>();

    /// <summary>They are ready, and count as there.</summary>
    public static Task JoinedAsync(params IReadOnlyList<ControlPlane> nodes) => Eventually.TrueAsync(
        () => nodes.All(node => Member(node).Now.IsRegistered && Member(node).WhyNotReady() is null && Member(node).Now.Seen.Members.Count >= nodes.Count),
        "the nodes have joined");

    public static async Task<SwitchStart> AskAsync(ControlPlane node, SwitchRequest? request = null, bool withoutLost = false) =>
        await node.Get<FleetSwitches>().BeginAsync(request ?? new(), new LeftOut([], withoutLost), Cancellation).Within();

    public static async Task<SwitchStart.Started> BeginAsync(ControlPlane node, SwitchRequest? request = null, bool withoutLost = false) =>
        Assert.IsType<SwitchStart.Started>(await AskAsync(node, request, withoutLost));

    /// <summary>Runs a switch to its end on every node that runs.</summary>
    public async Task<Switch[]> SwitchAsync(ControlPlane node, SwitchRequest? request = null, bool withoutLost = false)
    {
        var id = (await BeginAsync(node, request, withoutLost)).Switch.Id;
        return await EndAsync(id);
    }

    /// <summary>How it ended, on every node that takes part.</summary>
    public async Task<Switch[]> EndAsync(string id)
    {
        var running = Nodes.Where(node => node.IsRunning && Member(node).Now.IsRegistered).ToArray();
        await Eventually.TrueAsync(() => running.All(node => node.Switches.Last?.Id == id && node.Switches.Running is null), $"the end of {id}");
        return [.. running.Select(node => node.Switches.Last!)];
    }

    public IEnumerable<SlotName> ActiveSlots() => Nodes.Where(node => node.IsRunning).Select(node => node.Slots.Active.Name).Distinct();

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        await Etcd.DisposeAsync();
        _directory.Dispose();
    }
}
