using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Hosting;

/// <summary>What the steps of the public pipeline do to a request, and in which order.</summary>
public sealed class PublicPipelineTests : IAsyncLifetime
{
    private Backend _app = null!;
    private Backend _docs = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _app = await Backend.NamedAsync("the app");
        _docs = await Backend.NamedAsync("the docs");
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _docs.DisposeAsync();
    }

    [Theory]
    [InlineData("shop.example.com", HttpStatusCode.OK)]
    [InlineData("SHOP.example.com:8443", HttpStatusCode.OK)]
    [InlineData("img.example.net", HttpStatusCode.OK)]
    [InlineData("shop.example.com.", HttpStatusCode.OK)]
    [InlineData("shop.example.com.:8443", HttpStatusCode.OK)]
    [InlineData("img.example.net.", HttpStatusCode.OK)]
    [InlineData("other.example.org", HttpStatusCode.OK)]
    [InlineData("evil.example.", HttpStatusCode.BadRequest)]
    [InlineData("example.net", HttpStatusCode.BadRequest)]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    [InlineData("shop.example.com.evil.example", HttpStatusCode.BadRequest)]
    [InlineData("127.0.0.1", HttpStatusCode.BadRequest)]
    public async Task Only_the_allowed_hosts_reach_the_app(string host, HttpStatusCode expected)
    {
        await using var server = new EdgeProxyFactory(_app.Address, ("AllowedHosts", "shop.example.com;*.example.net;other.example.org."));
        using var client = server.CreateClient();

        Assert.Equal(expected, (await SendAsync(client, host, "/")).Status);
    }

    [Fact]
    public async Task The_allowed_hosts_are_not_those_of_the_admin_api()
    {
        await using var server = new EdgeProxyFactory(_app.Address, ("AllowedHosts", "shop.example.com"));
        using var admin = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.AdminUrl };

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(admin, "localhost", "/status")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync(admin, "shop.example.com", "/status")).Status);
    }

    [Fact]
    public async Task A_request_is_noted_then_examined_then_filtered_by_host_then_forwarded()
    {
        await using var server = new EdgeProxyFactory(_app.Address, ("AllowedHosts", "shop.example.com"));
        using var client = server.CreateClient();

        var tooLong = await SendAsync(client, "evil.example", "/", new string('x', 8200));
        var foreign = await SendAsync(client, "evil.example", "/");
        var good = await SendAsync(client, "shop.example.com", "/");

        Assert.Equal((HttpStatusCode)431, tooLong.Status);
        Assert.Equal(HttpStatusCode.BadRequest, foreign.Status);
        Assert.Equal((HttpStatusCode.OK, "the app"), good);
        var lines = Array.Empty<string>();
        await Eventually.TrueAsync(
            () => File.Exists(server.AccessLogFile) && (lines = File.ReadAllText(server.AccessLogFile).Split('\n')).Length == 4, "three lines");
        var noted = lines[..3].Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal([431, 400, 200], noted.Select(line => (int)line["status"]!));
        Assert.Equal([null, null, "blue"], noted.Select(line => (string?)line["slot"]));
    }

    [Theory]
    [InlineData("shop.example.com", "/docs/intro", "the docs")]
    [InlineData("shop.example.com", "/docs", "the docs")]
    [InlineData("docs.example.com", "/anything", "the docs")]
    [InlineData("shop.example.com", "/", "the app")]
    [InlineData("shop.example.com", "/docsy", "the app")]
    [InlineData("shop.example.com", "/v1/docs/intro", "the app")]
    [InlineData("shop.example.com", "/%2Fdocs/intro", "the app")]
    [InlineData("shop.example.com", "/?next=/docs/intro", "the app")]
    [InlineData("docs.example.com.evil.example", "/anything", "the app")]
    public async Task A_route_of_the_settings_takes_what_it_names_and_nothing_of_the_apps(string host, string path, string expected)
    {
        await using var server = WithDocs();
        using var client = server.CreateClient();

        Assert.Equal((HttpStatusCode.OK, expected), await SendAsync(client, host, path));
    }

    /// <summary>There is nothing there that any host, path, method or target could reach.</summary>
    [Fact]
    public async Task The_public_server_has_yarps_routes_and_no_other_endpoint()
    {
        await using var server = WithDocs();

        var endpoints = server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints);

        Assert.Equal(
            ["app", "docs-by-host", "docs-by-path"],
            endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<RouteModel>()?.Config.RouteId ?? $"not YARP's: {endpoint}").Order());
    }

    private EdgeProxyFactory WithDocs() => new(
        _app.Address,
        ("ReverseProxy:Clusters:docs:Destinations:a:Address", _docs.Address),
        ("ReverseProxy:Routes:docs-by-path:ClusterId", "docs"),
        ("ReverseProxy:Routes:docs-by-path:Match:Path", "/docs/{**rest}"),
        ("ReverseProxy:Routes:docs-by-host:ClusterId", "docs"),
        ("ReverseProxy:Routes:docs-by-host:Match:Path", "/{**rest}"),
        ("ReverseProxy:Routes:docs-by-host:Match:Hosts:0", "docs.example.com"));

    private static async Task<(HttpStatusCode Status, string Body)> SendAsync(HttpClient client, string host, string path, string? filler = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        if (filler is not null)
        {
            request.Headers.Add("X-Filler", filler);
        }

        using var response = await client.SendAsync(request, Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
