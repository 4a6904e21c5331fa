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

    private const string HostSuffix = ".slot";

    /// <summary>Ids are compared as YARP does, without letter case: a route of the settings may name the cluster <c>App</c>.</summary>
    public static bool Owns(string? clusterId) =>
        Id.Equals(clusterId, StringComparison.OrdinalIgnoreCase) || StreamsId.Equals(clusterId, StringComparison.OrdinalIgnoreCase);

    public static string HostOf(SlotName slot) => slot.ToKey() + HostSuffix;

    /// <summary>The slot of a virtual host.</summary>
    public static SlotName SlotOf(string host) =>
        host.EndsWith(HostSuffix, StringComparison.Ordinal) && SlotNameExtensions.TryParse(host[..^HostSuffix.Length], out var slot)
            ? slot
            : throw new ArgumentException($"\"{host}\" is not a slot's host", nameof(host));

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
            Destinations = SlotNameExtensions.All.ToDictionary(slot => slot.ToKey(), slot => new DestinationConfig { Address = $"http://{HostOf(slot)}/" }),
        };
    }
}
