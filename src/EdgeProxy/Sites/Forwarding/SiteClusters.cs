using System.Globalization;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Servers;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;

namespace EdgeProxy.Sites.Forwarding;

/// <summary>The routes of sites that forward, as YARP sees them: one for each, with transforms of its own; and a cluster for each list of
/// upstreams.</summary>
/// <remarks>No request finds them by its path: <see cref="SiteEndpoints"/> hands over those that a site's route takes.</remarks>
internal static class SiteClusters
{
    private const string Prefix = "site-";

    /// <summary>Streams and WebSockets may be silent for as long as those of an app.</summary>
    private static readonly TimeSpan _activityTimeout = new UpstreamOptions().StreamActivityTimeout;

    /// <summary>The id of the route, and of its cluster where it has upstreams.</summary>
    public static string IdOf(int site, int route) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{site}-{route}");

    /// <summary>Whether a cluster of the settings would get the id of one of these.</summary>
    public static bool Owns(string id) => id.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a route forwards.</summary>
    public static bool Forwards(SiteRouteOptions route) =>
        !string.IsNullOrEmpty(route.App) || !string.IsNullOrEmpty(route.Cluster) || route.Upstreams is { Count: > 0 };

    public static IReadOnlyList<RouteConfig> Routes(IReadOnlyList<SiteOptions> sites) =>
        [.. All(sites).Select(route => new RouteConfig
        {
            RouteId = route.Id,
            ClusterId = !string.IsNullOrEmpty(route.Options.App) ? AppCluster.IdOf(route.Options.App)
                : !string.IsNullOrEmpty(route.Options.Cluster) ? route.Options.Cluster
                : route.Id,
            Order = int.MaxValue,
            Match = new RouteMatch { Path = "/{**rest}" },
            MaxRequestBodySize = route.Options.MaxRequestBodySize,
            Metadata = new Dictionary<string, string> { [IRewrittenRequest.RouteMetadata] = "" },
        })];

    public static IReadOnlyList<ClusterConfig> Clusters(IReadOnlyList<SiteOptions> sites) =>
        [.. All(sites).Where(route => route.Options.Upstreams is { Count: > 0 }).Select(route => Cluster(route.Id, route.Options))];

    private static ClusterConfig Cluster(string id, SiteRouteOptions route) => new()
    {
        ClusterId = id,
        LoadBalancingPolicy = route.LoadBalancing switch
        {
            SiteLoadBalancing.RoundRobin => LoadBalancingPolicies.RoundRobin,
            SiteLoadBalancing.LeastRequests => LoadBalancingPolicies.LeastRequests,
            SiteLoadBalancing.PowerOfTwoChoices => LoadBalancingPolicies.PowerOfTwoChoices,
            SiteLoadBalancing.First => LoadBalancingPolicies.FirstAlphabetical,
            _ => LoadBalancingPolicies.Random,
        },
        HttpRequest = new ForwarderRequestConfig { ActivityTimeout = _activityTimeout },
        HealthCheck = route.UpstreamHealth is { } health ? Health(health) : null,
        Metadata = Metadata(route),
        Destinations = route.Upstreams!
            .Select((address, index) => (Id: index.ToString("D4", CultureInfo.InvariantCulture), Address: address)) // the first of the alphabet is the first
            .ToDictionary(upstream => upstream.Id, upstream => new DestinationConfig { Address = upstream.Address }),
    };

    private static Dictionary<string, string> Metadata(SiteRouteOptions route)
    {
        var metadata = new Dictionary<string, string>();
        if (route.TryDuration is { } duration)
        {
            metadata[ServerTries.Metadata] = duration.ToString("c", CultureInfo.InvariantCulture);
        }

        if (route.UpstreamHealth is { FailDuration: not null } health)
        {
            metadata[FailedTries.Metadata] = health.MaxFails.ToString(CultureInfo.InvariantCulture);
        }

        return metadata;
    }

    private static HealthCheckConfig Health(UpstreamHealthOptions health) => new()
    {
        Active = string.IsNullOrEmpty(health.Path) ? null : new ActiveHealthCheckConfig
        {
            Enabled = true,
            Interval = health.Interval,
            Timeout = health.Timeout,
            Path = health.Path.Split('?')[0],
            Query = health.Path.Contains('?', StringComparison.Ordinal) ? health.Path[health.Path.IndexOf('?', StringComparison.Ordinal)..] : null,
        },
        Passive = health.FailDuration is not { } duration ? null : new PassiveHealthCheckConfig
        {
            Enabled = true,
            Policy = FailedTries.PolicyName,
            ReactivationPeriod = duration,
        },
        // Caddy's: with none left, none is asked.
        AvailableDestinationsPolicy = Yarp.ReverseProxy.Health.HealthCheckConstants.AvailableDestinations.HealthyAndUnknown,
    };

    private static IEnumerable<(string Id, SiteRouteOptions Options)> All(IReadOnlyList<SiteOptions> sites) =>
        from site in sites.Select((site, index) => (Options: site, Index: index))
        from route in site.Options.Routes!.Select((route, index) => (Options: route, Index: index))
        where Forwards(route.Options)
        select (IdOf(site.Index, route.Index), route.Options);
}
