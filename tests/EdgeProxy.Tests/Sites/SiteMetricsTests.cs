using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Diagnostics;
using EdgeProxy.Sites;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tests.Sites;

/// <summary>What is seen of sites from outside, and what it costs to find them.</summary>
public sealed class SiteMetricsTests
{
    private const string Sites = """
        [ { "Hosts": "*", "Name": "shop", "Routes": [ { "Path": "/a/*", "Respond": { "Body": "a" } }, { "Path": "/a/*", "Match": { "Methods": "PUT" }, "App": "app" },
            { "Path": "/named", "Name": "the name", "Respond": { "Status": 204 } } ] } ]
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_access_log_names_site_and_route_by_the_settings_alone()
    {
        using var directory = new TemporaryDirectory();
        await using var proxy = await SiteProxy.StartAsync(
            Sites, configure: options => options.AccessLog = new AccessLogOptions { Path = directory["access.log"] });

        foreach (var path in new[] { "/a/x?site=evil", "/named", "/none" })
        {
            using var response = await proxy.Client.GetAsync(path, Cancellation);
        }

        await proxy.StopAsync();
        var lines = (await File.ReadAllLinesAsync(directory["access.log"], Cancellation)).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal([("shop", "/a/*"), ("shop", "the name"), ("shop", null)], lines.Select(line => ((string?)line["site"], (string?)line["route"])));
    }

    [Fact]
    public void Routes_of_one_name_are_told_apart()
    {
        var site = SiteProxy.Load(Sites).Options!.Sites![0];

        Assert.Equal(["/a/*", "/a/* #2", "the name"], SiteNames.OfRoutes(site));
    }

    [Fact]
    public async Task Finding_a_site_and_its_route_allocates_nothing()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": ["a.example", "*.b.example"], "Routes": [
                { "Path": ["/x", "*.php", "/a/*/b"], "Respond": { "Status": 204 } },
                { "Match": { "Methods": "PUT" }, "Respond": { "Status": 204 } },
                { "Match": { "Hosts": ["*.c.example", "d.example"] }, "Respond": { "Status": 204 } },
                { "Match": { "Headers": { "X-A": ["b*", "*c", "*d*"] } }, "Respond": { "Status": 204 } },
                { "Match": { "Query": { "debug": "1" } }, "Respond": { "Status": 204 } },
                { "Path": "/api/*", "Match": { "ClientIn": "10.0.0.0/8" }, "Respond": { "Status": 204 } },
                { "Path": "/api/*", "Match": { "Not": [ { "Path": "/api/no/*" } ] }, "App": "app" } ] } ]
            """);
        var sites = proxy.Get<SiteTable>();
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Headers["X-A"] = "xyz";
        context.Request.Scheme = "http";
        context.Request.Host = new HostString("x.b.example:8080");
        context.Request.QueryString = new QueryString("?a=b&debug=2");
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        foreach (var target in new[] { "/api/items?a=b&debug=2", "//api/%69tems?a=b&debug=2" })
        {
            context.Features.Get<IHttpRequestFeature>()!.RawTarget = target;
            Assert.Equal("/api/* #2", Find()?.Name);
            // Code that is not compiled for good yet boxes here and there.
            await Eventually.TrueAsync(() => Task.FromResult(Measure() == 0), $"a look for {target} allocates nothing");

            long Measure()
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < 100; i++)
                {
                    Find();
                }

                return GC.GetAllocatedBytesForCurrentThread() - before;
            }

            SiteRoute? Find() => sites.Find(context)!.FindRoute(context, target);
        }
    }
}
