using System.Net;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>The app as YARP sees it: a route that takes what no other route takes, and a cluster whose two destinations always exist.</summary>
/// <remarks>
/// Destinations are virtual hosts (<c>http://blue.slot/</c>) that <see cref="SlotConnections"/> maps to TCP or a Unix socket, so that connection
/// pools never mix. The second cluster is the same app with the time-out for streams and WebSockets, which YARP keeps per cluster.
/// </remarks>
internal static class AppCluster
{
    public const string Id = "app";
    public const string StreamsId = "app-streams";

    /// <summary>Ids are compared as YARP does, without letter case: a route of the settings may name the cluster <c>App</c>.</summary>
    public static bool Owns(string? clusterId) =>
        Id.Equals(clusterId, StringComparison.OrdinalIgnoreCase) || StreamsId.Equals(clusterId, StringComparison.OrdinalIgnoreCase);

    /// <summary>Where a slot seems to be, to YARP and to <see cref="SocketsHttpHandler"/>: <c>http://blue.slot</c>.</summary>
    public static string OriginOf(SlotName slot) => slot == SlotName.Blue ? "http://blue.slot" : "http://green.slot";

    /// <summary>The slot behind the address of one of the two destinations.</summary>
    public static SlotName SlotAt(string destination) => destination.StartsWith(OriginOf(SlotName.Blue), StringComparison.Ordinal) ? SlotName.Blue : SlotName.Green;

    public static IReadOnlyList<RouteConfig> Routes { get; } =
    [
        new RouteConfig { RouteId = Id, ClusterId = Id, Order = int.MaxValue, Match = new RouteMatch { Path = "/{**rest}" } },
    ];

    public static IReadOnlyList<ClusterConfig> Clusters(UpstreamOptions upstream)
    {
        return [Cluster(Id, upstream.ActivityTimeout), Cluster(StreamsId, upstream.StreamActivityTimeout)];

        static ClusterConfig Cluster(string id, TimeSpan activityTimeout) => new()
        {
            ClusterId = id,
            HttpRequest = new ForwarderRequestConfig
            {
                Version = HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                ActivityTimeout = activityTimeout,
            },
            Destinations = SlotNameExtensions.All.ToDictionary(slot => slot.ToKey(), slot => new DestinationConfig { Address = OriginOf(slot) + "/" }),
        };
    }
}

/// <summary>A target in a slot. It says itself which slot: the host's name is not read again for each request.</summary>
internal sealed class SlotUri(SlotName slot, string pathAndQuery) : Uri(AppCluster.OriginOf(slot) + pathAndQuery, in _asWritten)
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public SlotName Slot { get; } = slot;
}
