using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Tls;

public sealed class HttpsRedirectTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a%2Fb;c?q=%FF&r", "/a%2Fb;c?q=%FF&r")]
    [InlineData("//evil.example/x", "//evil.example/x")]
    [InlineData("http://shop.example.com/a?b", "/a?b")]
    public async Task A_client_without_tls_is_sent_to_the_same_address_with_it(string target, string path)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);

        var response = await AskAsync(site, $"POST {target} HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 0\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 308 ", response, StringComparison.Ordinal);
        Assert.Contains($"Location: https://shop.example.com:{site.Port}{path}\r\n", response, StringComparison.Ordinal);
    }

    /// <summary>Nobody is sent to a place that has no certificate, least of all one that the request chose.</summary>
    [Theory]
    [InlineData("other.example.com")]
    [InlineData("127.0.0.1")]
    [InlineData("shop.example.com.evil.example")]
    [InlineData("evil.example#.example.net")]
    [InlineData("user@a.example.net")]
    [InlineData("a%2f.example.net")]
    [InlineData(".example.net")]
    [InlineData("-.example.net")]
    public async Task A_host_without_certificate_is_not_redirected(string host)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com", "*.example.net"]);

        var response = await AskAsync(site, $"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 ", response, StringComparison.Ordinal);
        Assert.False(response.StartsWith("HTTP/1.1 3", StringComparison.Ordinal), response);
        Assert.DoesNotContain("Location:", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop.example.com:8080")]
    [InlineData("SHOP.example.com")]
    [InlineData("shop.example.com.")]
    [InlineData("shop.example.com.:8080")]
    public async Task The_hosts_port_and_case_do_not_matter(string host)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);

        var response = await AskAsync(site, $"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");

        Assert.Contains($"Location: https://{host.Split(':')[0].TrimEnd('.')}:{site.Port}/\r\n", response, StringComparison.Ordinal);
    }

    /// <summary>It would go round in circles: the proxy in front speaks TLS with the client and plain HTTP with us.</summary>
    [Theory]
    [InlineData("127.0.0.0/8", "https", 200)]
    [InlineData("127.0.0.0/8", "HTTPS", 200)]
    [InlineData("127.0.0.0/8", "https, http", 200)]
    [InlineData("127.0.0.0/8", "wss", 200)]
    [InlineData("127.0.0.0/8", "http", 308)]
    [InlineData("127.0.0.0/8", "ws", 308)]
    [InlineData("10.0.0.0/8", "https", 308)]
    public async Task A_client_that_came_over_tls_to_a_trusted_proxy_is_not_redirected(string trusted, string proto, int expected)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"], configure: options => options.TrustedProxies = [trusted]);

        var response = await AskAsync(site, $"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX-Forwarded-Proto: {proto}\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {expected} ", response, StringComparison.Ordinal);
    }

    /// <summary>Where there is a certificate for it: no proxy sends anybody elsewhere because a client has said so.</summary>
    [Theory]
    [InlineData("shop.example.com.:80", "shop.example.com")]
    [InlineData("evil.example", null)]
    [InlineData("evil.example/shop.example.com", "inner.example.com")]
    public async Task The_target_has_the_host_that_a_trusted_proxy_was_asked_for(string said, string? expected)
    {
        await using var site = await TlsSite.StartAsync(
            ["shop.example.com", "inner.example.com"], configure: options => options.TrustedProxies = ["127.0.0.1"]);

        var response = await AskAsync(site, $"GET / HTTP/1.1\r\nHost: inner.example.com\r\nX-Forwarded-Host: {said}\r\n\r\n");

        Assert.Equal(expected is not null, response.Contains($"Location: https://{expected}:{site.Port}/\r\n", StringComparison.Ordinal));
        Assert.Equal(expected is null, response.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal));
    }

    /// <summary>The client has spoken TLS, with the proxy (RFC 6797 section 7.2).</summary>
    [Theory]
    [InlineData("https", true)]
    [InlineData("http", false)]
    public async Task Strict_transport_security_follows_the_scheme_that_a_trusted_proxy_says(string proto, bool expected)
    {
        await using var site = await TlsSite.StartAsync(
            ["shop.example.com"],
            configure: options => (options.TrustedProxies, options.Tls.Hsts, options.Tls.RedirectHttp) = (["127.0.0.1"], "max-age=60", false));

        var response = await AskAsync(site, $"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX-Forwarded-Proto: {proto}\r\n\r\n");

        Assert.Equal(expected, response.Contains("Strict-Transport-Security: max-age=60\r\n", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(443, "https://shop.example.com/a?b")]
    [InlineData(9443, "https://shop.example.com:9443/a?b")]
    public async Task It_leads_to_the_port_of_the_settings(int port, string location)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"], configure: options => options.Tls.RedirectPort = port);

        Assert.Contains(
            $"Location: {location}\r\n", await AskAsync(site, "GET /a?b HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_can_be_left_out()
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"], configure: options => options.Tls.RedirectHttp = false);

        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(site, "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_endpoint_that_speaks_tls_nobody_is_redirected()
    {
        await using var app = await Backend.NamedAsync("the app");
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue(["shop.example.com"]);
        await File.WriteAllTextAsync(directory["both.pem"], chain + key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", options =>
                options.Tls.Certificates = [new() { Certificate = directory["both.pem"], Key = directory["both.pem"] }]);

        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "shop.example.com" } };
        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("max-age=31536000", null, "max-age=31536000")]
    [InlineData("max-age=31536000", "max-age=60", "max-age=60")]
    public async Task Strict_transport_security_is_said_once_where_it_is_set(string? setting, string? apps, string? expected)
    {
        await using var site = await TlsSite.StartAsync(
            ["shop.example.com"],
            configure: options => (options.Tls.Hsts, options.Tls.RedirectHttp) = (setting, false),
            app: context =>
            {
                if (apps is not null)
                {
                    context.Response.Headers.StrictTransportSecurity = apps;
                }

                return context.Response.WriteAsync("ok");
            });
        using var browser = site.Browser("shop.example.com");

        using var secure = await browser.GetAsync("/", Cancellation);
        using var plain = await site.Proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(expected is null ? [] : [expected], Hsts(secure));
        Assert.Equal(apps is null ? [] : [apps], Hsts(plain)); // never ours without TLS

        static IEnumerable<string> Hsts(HttpResponseMessage response) =>
            response.Headers.TryGetValues("Strict-Transport-Security", out var values) ? values : [];
    }

    private static async Task<string> AskAsync(TlsSite site, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, site.Proxy.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        await RawServer.WriteAsync(stream, request, Cancellation);
        return await RawServer.ReadHeadAsync(stream, Cancellation);
    }
}
