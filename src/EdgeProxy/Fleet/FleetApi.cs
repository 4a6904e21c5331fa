using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Json;
using EdgeProxy.Slots;

namespace EdgeProxy.Fleet;

/// <summary>The admin calls about a fleet: for their server, and for the client of the command line.</summary>
internal static class FleetApi
{
    public const string Fleet = "/fleet";
    public const string Members = "/fleet/members";
    public const string Restore = "/fleet/restore";
    public const string Adopt = "/fleet/adopt";
    public const string Stage = "/fleet/stage";

    /// <summary>One node of <see cref="Members"/>.</summary>
    public static string MemberOf(string node) => $"{Members}/{Uri.EscapeDataString(node)}";
}

/// <summary>The body of <c>POST /fleet/restore</c> and <c>POST /fleet/adopt</c>: nothing.</summary>
internal sealed record FleetBody : RequestBody;

/// <summary>The body of <c>POST /fleet/stage</c>.</summary>
/// <param name="Label">The version that the idle slot has now, as the next switch will name it.</param>
internal sealed record FleetStageBody(string? Label = null) : RequestBody;

/// <summary>The response of <c>GET /fleet</c>, which <c>GET /status</c> has without the nodes.</summary>
/// <param name="Name">The fleet.</param>
/// <param name="Node">The node that was asked.</param>
/// <param name="Epoch">The epoch that this node serves; null: it has not joined yet.</param>
/// <param name="Slot">The active slot of the fleet; null: it is not known.</param>
/// <param name="Release">The switch that brought what runs there.</param>
/// <param name="Label">The label of what runs there.</param>
/// <param name="Etcd">Whether etcd is reached.</param>
/// <param name="Ready">Balancers may send requests to this node.</param>
/// <param name="Why">Why not; null: they may.</param>
/// <param name="Coordinator">The node that drives the switch; null: none does.</param>
/// <param name="Switch">The fleet's switch; null: none runs.</param>
/// <param name="Nodes">All nodes, by name; null: they are not told here.</param>
internal sealed record FleetView(
    string Name,
    string Node,
    long? Epoch,
    SlotName? Slot,
    string? Release,
    string? Label,
    EtcdView Etcd,
    bool Ready,
    string? Why,
    string? Coordinator,
    FleetSwitchView? Switch,
    IReadOnlyList<FleetNodeView>? Nodes)
{
    public static FleetView Of(FleetMember member, long? epoch, bool withNodes)
    {
        var seen = member.Now.Seen;
        var running = seen.State?.Switch;
        var silence = member.Silence;
        var why = member.WhyNotReady();
        return new(
            seen.Keys.Fleet,
            member.Node,
            epoch,
            seen.State?.Slot,
            seen.State?.Release,
            seen.State?.Label,
            new EtcdView(silence < TimeSpan.FromSeconds(3), silence),
            why is null,
            why,
            seen.Coordinator,
            running is null ? null : new(running.Id, running.Phase, running.Members, running.Without, running.Reason),
            withNodes ? [.. seen.Nodes.Select(node => Of(node, seen, running))] : null);
    }

    private static FleetNodeView Of((string Name, string Value) node, FleetSnapshot seen, FleetSwitch? running)
    {
        var vote = running is null ? null : seen.VoteOf(node.Name, running);
        return new(
            node.Name, node.Value, seen.IsAlive(node.Name), seen.PresenceOf(node.Name)?.Epoch, vote is null ? null : vote.Problem ?? $"{vote.Phase} is done");
    }
}

/// <summary>Whether etcd is reached.</summary>
/// <param name="Reached">Etcd has responded lately.</param>
/// <param name="Verified">How long ago etcd confirmed what is known here; null: it never has.</param>
internal sealed record EtcdView(bool Reached, TimeSpan? Verified);

/// <summary>The switch of a fleet.</summary>
internal sealed record FleetSwitchView(string Id, FleetPhase Phase, IReadOnlyList<string> Members, IReadOnlyList<string> Without, string? Reason);

/// <summary>A node.</summary>
/// <param name="Node">Its name.</param>
/// <param name="State">Member, or Excluded: left out of a switch.</param>
/// <param name="Alive">The node is there.</param>
/// <param name="Epoch">The epoch that it serves; null: it is not there.</param>
/// <param name="Vote">What it says of the phase that runs; null: nothing.</param>
internal sealed record FleetNodeView(string Node, string State, bool Alive, long? Epoch, string? Vote);

/// <summary>The JSON of the calls.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(FleetBody))]
[JsonSerializable(typeof(FleetStageBody))]
[JsonSerializable(typeof(FleetView))]
internal sealed partial class FleetApiJson : JsonSerializerContext
{
    /// <summary>The JSON as the admin API and <c>--json</c> show it: see <see cref="RelaxedJson"/>.</summary>
    public static FleetApiJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
