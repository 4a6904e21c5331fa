using System.Net;
using System.Text;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying.Servers;

/// <summary>Marks the clusters of other servers that are reached by clear-text HTTP/1.1, and nothing more: those have the client that apps have.</summary>
/// <remarks>Others, over TLS or HTTP/2 or with a setting of <c>HttpClient</c>, keep YARP's own.</remarks>
internal sealed class ServerClusters(ProxiedApps apps) : IProxyConfigFilter
{
    private const string Mark = "EdgeProxy.OwnClient";

    private static readonly IReadOnlyDictionary<string, string> _marked = new Dictionary<string, string> { [Mark] = "" };

    /// <summary>Whether a cluster is marked.</summary>
    /// <param name="metadata">Of the cluster.</param>
    public static bool HaveOwnClient(IReadOnlyDictionary<string, string>? metadata) => metadata?.ContainsKey(Mark) == true;

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) =>
        ValueTask.FromResult(apps.OfCluster(cluster.ClusterId) is null && IsPlain(cluster) ? WithMark(cluster) : cluster);

    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel) => ValueTask.FromResult(route);

    private static ClusterConfig WithMark(ClusterConfig cluster) => cluster with
    {
        Metadata = cluster.Metadata is { } own ? new Dictionary<string, string>(own) { [Mark] = "" } : _marked,
        HttpRequest = (cluster.HttpRequest ?? new()) with { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
    };

    private static bool IsPlain(ClusterConfig cluster) =>
        cluster.Destinations is { Count: > 0 } destinations
        && destinations.Values.All(destination => IsClearText(destination.Address) && (destination.Health is null or "" || IsClearText(destination.Health)))
        && IsHttp11(cluster.HttpRequest)
        && cluster.HttpClient is null or { WebProxy: null, MaxConnectionsPerServer: null }
        && IsLatin1(cluster.HttpClient?.RequestHeaderEncoding)
        && IsLatin1(cluster.HttpClient?.ResponseHeaderEncoding);

    private static bool IsClearText(string? address) => address?.StartsWith("http://", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>HTTP/2 "or lower", YARP's default, is HTTP/1.1 in clear text: nothing else can be agreed on there.</summary>
    private static bool IsHttp11(ForwarderRequestConfig? request)
    {
        var version = request?.Version ?? HttpVersion.Version20;
        var isOrLower = request?.VersionPolicy is null or HttpVersionPolicy.RequestVersionOrLower;
        return version == HttpVersion.Version11 || (version == HttpVersion.Version20 && isOrLower);
    }

    private static bool IsLatin1(string? encoding) => encoding is null || encoding.Equals(Encoding.Latin1.WebName, StringComparison.OrdinalIgnoreCase);
}
