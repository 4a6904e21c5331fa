using System.Diagnostics.Metrics;
using System.Net;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.RateLimiting;

/// <summary>Limits of requests, as clients meet them. No period here is so short that a bucket fills up meanwhile, unless a test waits for that.</summary>
public sealed class RateLimitTests
{
    private static readonly TimeSpan _long = TimeSpan.FromHours(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_beyond_its_limit_gets_429_with_the_time_to_wait_and_others_are_served()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(app, new RateLimitOptions { Name = "login", Paths = ["/login"], Requests = 60, Burst = 3, Period = _long });
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/login", "203.0.113.1"));
        }

        using var refused = await SendAsync(proxy, "/login/form", "203.0.113.1");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Contains("60 requests in 3600 s", await refused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/login", "203.0.113.2"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/loginx", "203.0.113.1"));
    }

    [Fact]
    public async Task The_bucket_fills_up_drop_by_drop()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(app, new RateLimitOptions { Requests = 2, Burst = 1, Period = TimeSpan.FromSeconds(1) });
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/", "203.0.113.1"));

        await Eventually.TrueAsync(async () => await StatusAsync(proxy, "/", "203.0.113.1") == HttpStatusCode.OK, "there is another token");
    }

    /// <summary>All of these reach the app as /api/keys, or may.</summary>
    [Theory]
    [InlineData("/api/keys")]
    [InlineData("/API/keys")]
    [InlineData("/api%2Fkeys")]
    [InlineData("/api%2fkeys")]
    [InlineData("//api/keys")]
    [InlineData("/%2Fapi///keys")]
    [InlineData("/%61pi/keys")]
    public async Task A_limit_holds_however_its_path_is_written(string path)
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(app, new RateLimitOptions { Paths = ["/api"], Requests = 1, Period = _long });
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/api/keys", "203.0.113.1"));

        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n");

        Assert.Equal(429, (await client.ReadResponseAsync().Within())!.Status);
    }

    [Theory]
    [InlineData("/tool/login")]
    [InlineData("/TOOL/login")]
    [InlineData("/in")]
    [InlineData("/in?x=1")]
    [InlineData("/login")]
    public async Task A_limit_holds_for_the_path_that_the_app_is_asked_for(string path)
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await Sites.SiteProxy.WithRoutesAsync(
            """
            { "Path": "/tool/*", "StripPrefix": "/tool", "App": "app" }, { "Path": "/in", "Rewrite": "/login", "App": "app" }, { "Path": "*", "App": "app" }
            """,
            app.Address,
            options => options.RateLimits = [new RateLimitOptions { Paths = ["/login"], Requests = 1, Period = _long }]);

        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.GetAsync("/login", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await proxy.Client.GetAsync(path, Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.GetAsync("/tool/other", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_limit_that_reports_refuses_nobody()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(
            app, new RateLimitOptions { Name = "trial", Requests = 1, Period = _long, Mode = RateLimitMode.Report });
        using var metrics = new MetricsReader(proxy.Get<Meter>());
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/", "203.0.113.1"));
        }

        Assert.Equal(4, metrics.Read("edgeproxy.rate_limit.exceeded", ("limit", "trial"), ("mode", "Report")));
        Assert.Equal(1, metrics.Read("edgeproxy.rate_limit.clients", ("limit", "trial")));
    }

    [Fact]
    public async Task A_request_has_to_be_within_all_limits_of_its_path()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(
            app,
            new RateLimitOptions { Requests = 3, Period = _long },
            new RateLimitOptions { Paths = ["/a"], Requests = 1, Period = _long });

        HttpStatusCode[] statuses = [.. await InOrderAsync(proxy, "/a", "/a", "/b", "/b")];

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.TooManyRequests, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], statuses);
    }

    [Fact]
    public async Task A_network_of_IPv6_is_one_client()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(app, new RateLimitOptions { Requests = 1, Period = _long });
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/", "2001:db8::1"));
        Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync(proxy, "/", "2001:db8::2"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(proxy, "/", "2001:db8:0:1::1"));
    }

    [Fact]
    public async Task Where_there_is_no_limit_there_is_nothing()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await StartAsync(app);
        Assert.Null(proxy.Get<ProxiedApps>().All[0].Limits);
    }

    private static Task<DataPlane> StartAsync(Backend app, params RateLimitOptions[] limits) => DataPlane.StartAsync(
        app.Address, "http://127.0.0.1:1", options => (options.TrustedProxies, options.RateLimits) = (["127.0.0.1"], limits));

    private static async Task<IEnumerable<HttpStatusCode>> InOrderAsync(DataPlane proxy, params string[] paths)
    {
        var statuses = new List<HttpStatusCode>();
        foreach (var path in paths)
        {
            statuses.Add(await StatusAsync(proxy, path, "203.0.113.1"));
        }

        return statuses;
    }

    private static async Task<HttpStatusCode> StatusAsync(DataPlane proxy, string path, string client)
    {
        using var response = await SendAsync(proxy, path, client);
        return response.StatusCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(DataPlane proxy, string path, string client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", client);
        return await proxy.Client.SendAsync(request, Cancellation);
    }
}
