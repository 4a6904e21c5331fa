using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Fleet;

/// <summary>The metrics of what this node knows of its fleet, by app. They are absent where there is no fleet.</summary>
internal sealed class FleetMetrics : InstrumentSet
{
    private readonly FleetNode _node;
    private readonly FleetMembers _members;

    public FleetMetrics(Meter meter, FleetNode node, FleetMembers members)
    {
        (_node, _members) = (node, members);
        meter.CreateObservableGauge(
            "edgeproxy.fleet.epoch", () => Each(member => member.Epoch), description: "Flips of the fleet that this node has followed.");
        meter.CreateObservableGauge(
            "edgeproxy.fleet.ready", () => Each(member => member.WhyNotReady() is null ? 1 : 0), description: "1: balancers may send requests to this node.");
        meter.CreateObservableGauge(
            "edgeproxy.fleet.verified",
            () => Each(member => member.Silence?.TotalSeconds ?? double.PositiveInfinity),
            "s",
            "Since etcd has confirmed what is known here.");
        meter.CreateObservableGauge(
            "edgeproxy.fleet.members", Members, description: "Nodes, by what they are in the fleet (alive, lost, excluded), as this one knows.");
        var requests = meter.CreateCounter<long>("edgeproxy.fleet.etcd.requests", "{request}", "Calls of etcd, by the code of gRPC.");
        node.Etcd.CallEnded += status => requests.Add(1, new KeyValuePair<string, object?>("code", status.ToString()));
    }

    private IEnumerable<Measurement<double>> Each(Func<FleetMember, double> read) =>
        _members.All.Select(member => new Measurement<double>(read(member), TagsOf(member)));

    private IEnumerable<Measurement<int>> Members() => _members.All.SelectMany(member =>
    {
        var seen = member.Now.Seen;
        var states = seen.Nodes.Select(node => node.Value == FleetSnapshot.Excluded ? "excluded" : seen.IsAlive(node.Name) ? "alive" : "lost").ToArray();
        return ((IEnumerable<string>)["alive", "lost", "excluded"]).Select(state => new Measurement<int>(
            states.Count(one => one == state), [.. TagsOf(member), new("state", state)]));
    });

    /// <summary>The name of the fleet is among them, as apps of two fleets may have one name.</summary>
    private KeyValuePair<string, object?>[] TagsOf(FleetMember member) => [new("fleet", _node.Options.Name), new("app", member.Keys.App)];
}
