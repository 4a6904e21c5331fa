using System.Net;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>The apps as YARP sees them: a route that takes what no other route takes, and for each app a cluster whose two destinations always exist.</summary>
/// <remarks>
/// Destinations are virtual hosts (<c>http://blue.slot/</c>) that <see cref="SlotConnections"/> maps to TCP or a Unix socket, so that connection
/// pools never mix. The second cluster is the same app with the time-out for streams and WebSockets, which YARP keeps per cluster.
/// </remarks>
internal static class AppCluster
{
    /// <summary>The id of the route that takes what no other route takes, for all apps.</summary>
    public const string RouteId = "app";

    public static string IdOf(string app) => app;

    public static string StreamsIdOf(string app) => app + "-streams";

    /// <summary>Ids are compared as YARP does, without letter case: a route of the settings may name the cluster <c>App</c>.</summary>
    public static bool Owns(string app, string? clusterId) =>
        IdOf(app).Equals(clusterId, StringComparison.OrdinalIgnoreCase) || StreamsIdOf(app).Equals(clusterId, StringComparison.OrdinalIgnoreCase);

    /// <summary>The address at which a slot seems to be, to YARP: <c>http://blue.slot</c>.</summary>
    public static string OriginOf(SlotName slot) => slot == SlotName.Blue ? "http://blue.slot" : "http://green.slot";

    /// <summary>The slot behind the address of one of the two destinations.</summary>
    public static SlotName SlotAt(string destination) =>
        destination.StartsWith(OriginOf(SlotName.Blue), StringComparison.Ordinal) ? SlotName.Blue : SlotName.Green;

    /// <summary>The route names the first app's cluster; of several apps <see cref="AppRouter"/> finds the one that a request belongs to.</summary>
    public static IReadOnlyList<RouteConfig> Routes(IReadOnlyList<ProxiedAppOptions> apps) =>
    [
        new RouteConfig { RouteId = RouteId, ClusterId = IdOf(apps[0].Identity.Name), Order = int.MaxValue, Match = new RouteMatch { Path = "/{**rest}" } },
    ];

    public static IEnumerable<ClusterConfig> Clusters(ProxiedAppOptions app)
    {
        return [Cluster(IdOf(app.Identity.Name), app.Upstream.ActivityTimeout), Cluster(StreamsIdOf(app.Identity.Name), app.Upstream.StreamActivityTimeout)];

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
