using System.Net;
using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Sites;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy;

namespace EdgeProxy.Tests.Proxying.Servers;

/// <summary>Requests that one of several servers has not taken: <c>TryDuration</c> and <c>UpstreamHealth:FailDuration</c> of a site's route.</summary>
public sealed class ServerTriesTests
{
    private const string Down = "http://127.0.0.1:1";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("00:01:00")]
    public async Task A_request_that_a_server_refuses_is_the_next_one_s_with_its_body(string duration)
    {
        await using var server = await Backend.StartAsync(async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync($"{context.Request.Method} {await body.ReadToEndAsync()}");
        });
        await using var proxy = await StartAsync(
            $$"""["{{Down}}", "http://127.0.0.1:2", "{{server.Address}}"]""", $$"""
            , "LoadBalancing": "First", "TryDuration": "{{duration}}"
            """);

        Assert.Equal("GET ", await proxy.Client.GetStringAsync("/", Cancellation));
        using var response = await proxy.Client.PostAsync("/", new StringContent("body"), Cancellation);

        Assert.Equal((HttpStatusCode.OK, "POST body"), (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation)));
    }

    [Fact]
    public async Task A_request_that_no_server_takes_is_502_and_without_TryDuration_at_the_first_of_them()
    {
        await using var server = await Backend.NamedAsync("well");
        await using var proxy = await SiteProxy.WithRoutesAsync($$"""
            { "Path": "/all", "Upstreams": ["{{Down}}", "http://127.0.0.1:2"], "TryDuration": "00:00:00" },
            { "Path": "/once", "Upstreams": ["{{Down}}", "{{server.Address}}"], "LoadBalancing": "First" }
            """);

        Assert.Equal(HttpStatusCode.BadGateway, (await proxy.Client.GetAsync("/all", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.BadGateway, (await proxy.Client.GetAsync("/once", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_request_waits_for_a_server_that_comes_back()
    {
        var port = Backend.FreePort();
        await using var proxy = await StartAsync($"\"http://127.0.0.1:{port}\"", """, "TryDuration": "00:05:00" """);
        var asked = proxy.Client.GetStringAsync("/", Cancellation);

        await using var server = await Backend.NamedAsync("back", port);

        Assert.Equal("back", await asked.Within());
    }

    [Fact]
    public async Task A_request_that_a_server_has_taken_is_sent_to_no_other()
    {
        var asked = 0;
        await using var broken = new RawServer(async (stream, _, cancellation) =>
        {
            Interlocked.Increment(ref asked);
            await RawServer.ReadHeadAsync(stream, cancellation);
        });
        await using var proxy = await StartAsync($$"""["{{broken.Address}}", "{{Down}}"]""", """
            , "LoadBalancing": "First", "TryDuration": "00:00:00"
            """);

        using var response = await proxy.Client.PostAsync("/", new StringContent("body"), Cancellation);

        Assert.Equal((HttpStatusCode.BadGateway, 1), (response.StatusCode, asked));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData(""", "MaxFails": 3""", 3)]
    public async Task A_server_that_so_many_requests_have_failed_to_reach_is_left_out(string maxFails, int expected)
    {
        await using var server = await Backend.NamedAsync("well");
        await using var proxy = await StartAsync($$"""["{{Down}}", "{{server.Address}}"]""", $$"""
            , "LoadBalancing": "First", "UpstreamHealth": { "FailDuration": "00:10:00"{{maxFails}} }
            """);
        for (var i = 0; i < expected; i++)
        {
            Assert.Equal(HttpStatusCode.BadGateway, (await proxy.Client.GetAsync("/", Cancellation)).StatusCode);
        }

        await Eventually.TrueAsync(async () => (await proxy.Client.GetAsync("/", Cancellation)).StatusCode == HttpStatusCode.OK, "it is left out");
        Assert.Equal("well", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_tries_for_servers_that_are_all_left_out()
    {
        using var directory = new TemporaryDirectory();
        var log = directory["access.log"];
        await using var proxy = await StartAsync(
            $"\"{Down}\"", """, "TryDuration": "00:05:00", "UpstreamHealth": { "FailDuration": "00:10:00" }""",
            options => options.AccessLog = new AccessLogOptions { Path = log });
        using var leaves = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var asked = proxy.Client.GetAsync("/", leaves.Token);
        await NoneIsLeftAsync(proxy);

        await leaves.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await Eventually.TrueAsync(
            async () => File.Exists(log) && (await File.ReadAllTextAsync(log, Cancellation)).Contains("\"status\":499", StringComparison.Ordinal),
            "it is over");
    }

    [Fact]
    public async Task The_end_of_the_proxy_ends_the_tries_for_servers_that_are_all_left_out()
    {
        await using var proxy = await StartAsync(
            $"\"{Down}\"", """, "TryDuration": "00:05:00", "UpstreamHealth": { "FailDuration": "00:10:00" }""");
        var asked = proxy.Client.GetAsync("/", Cancellation);
        await NoneIsLeftAsync(proxy);

        proxy.Get<StopDeadline>().Pass();

        using var response = await asked.Within();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
    }

    [Theory]
    [InlineData(""" "Upstreams": "https://example.com", "TryDuration": "00:00:01" """, "http:// to all of them")]
    [InlineData(""" "App": "app", "TryDuration": "00:00:01" """, "is for Upstreams")]
    [InlineData(""" "Upstreams": "http://127.0.0.1:1", "TryDuration": "01:00:00" """, "TryDuration")]
    public void It_is_for_servers_without_TLS_and_not_for_long(string route, string problem) =>
        Assert.Contains(
            SiteProxy.Check($$"""[ { "Hosts": "*", "Routes": [ { {{route}} } ] } ]""").Problems,
            found => found.ToString().Contains(problem, StringComparison.Ordinal));

    /// <summary>From now on a request finds no server.</summary>
    private static Task NoneIsLeftAsync(DataPlane proxy) => Eventually.TrueAsync(
        () => proxy.Get<IProxyStateLookup>().TryGetCluster("site-0-0", out var cluster) && cluster.DestinationsState.AvailableDestinations.Count == 0,
        "the server is left out");

    private static Task<DataPlane> StartAsync(string upstreams, string more, Action<EdgeProxyOptions>? configure = null) =>
        SiteProxy.WithRoutesAsync($$"""{ "Upstreams": {{upstreams}}{{more}} }""", configure: configure);
}
