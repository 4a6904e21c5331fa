using System.Net;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Servers;
using EdgeProxy.Tests.Support;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Tests.Proxying.Servers;

/// <summary>Which clusters have the client of our own. The others have settings that it does not know.</summary>
public sealed class ServerClustersTests
{
    private static readonly ClusterConfig _plain = new() { ClusterId = "other", Destinations = To("http://a:1/", "HTTP://b") };

    private static readonly (string What, ClusterConfig Cluster, bool IsOurs)[] _cases =
    [
        ("plain", _plain, true),
        ("HTTP/1.1", _plain with { HttpRequest = new() { Version = HttpVersion.Version11 } }, true),
        ("HTTP/2 or lower", _plain with { HttpRequest = new() { Version = HttpVersion.Version20 } }, true),
        ("a time-out", _plain with { HttpRequest = new() { ActivityTimeout = TimeSpan.FromSeconds(1) } }, true),
        ("Latin-1", _plain with { HttpClient = new() { RequestHeaderEncoding = "iso-8859-1" } }, true),
        ("TLS", _plain with { Destinations = To("http://a:1/", "https://b/") }, false),
        ("a check over TLS", _plain with { Destinations = To("http://a").ToDictionary(one => one.Key, one => one.Value with { Health = "https://a" }) }, false),
        ("no server", _plain with { Destinations = null }, false),
        ("HTTP/2", _plain with { HttpRequest = new() { VersionPolicy = HttpVersionPolicy.RequestVersionExact } }, false),
        ("HTTP/2 or higher", _plain with { HttpRequest = new() { VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher } }, false),
        ("UTF-8", _plain with { HttpClient = new() { RequestHeaderEncoding = "utf-8" } }, false),
        ("a limit", _plain with { HttpClient = new() { MaxConnectionsPerServer = 3 } }, false),
        ("a proxy", _plain with { HttpClient = new() { WebProxy = new() { Address = new("http://p") } } }, false),
        ("an app", _plain with { ClusterId = "APP" }, false),
    ];

    public static TheoryData<string> Cases => [.. _cases.Select(one => one.What)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Only_what_is_reached_by_clear_text_HTTP_1_1_and_nothing_more(string what)
    {
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        var (_, cluster, isOurs) = _cases.Single(one => one.What == what);

        var configured = await new ServerClusters(proxy.Get<ProxiedApps>()).ConfigureClusterAsync(
            cluster with { Metadata = new Dictionary<string, string> { ["own"] = "kept" } }, TestContext.Current.CancellationToken);

        Assert.Equal(isOurs, ServerClusters.HaveOwnClient(configured.Metadata));
        Assert.Equal("kept", configured.Metadata!["own"]);
        Assert.Equal(cluster.HttpRequest?.ActivityTimeout, configured.HttpRequest?.ActivityTimeout);
        if (isOurs)
        {
            Assert.Equal(HttpVersion.Version11, configured.HttpRequest!.Version);
            Assert.Equal(HttpVersionPolicy.RequestVersionExact, configured.HttpRequest.VersionPolicy);
        }
    }

    private static Dictionary<string, DestinationConfig> To(params string[] addresses) =>
        addresses.ToDictionary(address => address, address => new DestinationConfig { Address = address });
}
