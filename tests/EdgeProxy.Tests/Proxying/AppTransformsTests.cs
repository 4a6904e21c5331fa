using System.Net;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying;

/// <summary>Raw bytes in, raw bytes out: the server records the head of each request.</summary>
public sealed class AppTransformsTests : IAsyncLifetime
{
    private readonly TaskCompletionSource<string> _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RawServer _server;

    public AppTransformsTests() => _server = new RawServer(async (stream, _, cancellation) =>
    {
        _seen.TrySetResult(await RawServer.ReadHeadAsync(stream, cancellation));
        await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", cancellation);
    });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/")]
    [InlineData("/a%2Fb")]
    [InlineData("/a%2fb")]
    [InlineData("/%FF")]
    [InlineData("/a;b=c")]
    [InlineData("/%41%7e+%2B")]
    [InlineData("/a//b/")]
    [InlineData("/a|b[c]\"d")]
    [InlineData("/?")]
    [InlineData("/?a=%2F&b=|^`{}&c=%C3%A9")]
    [InlineData("/a...b/.well-known/..c")]
    public async Task The_target_is_kept_byte_for_byte(string target)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");

        await SendAsync(proxy, $"GET {target} HTTP/1.1\r\nHost: api.example.com\r\n\r\n");

        Assert.StartsWith($"GET {target} HTTP/1.1\r\n", await _seen.Task.Within(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_absolute_target_is_reduced_to_its_path()
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");

        await SendAsync(proxy, "GET http://api.example.com/a%2Fb?c HTTP/1.1\r\nHost: api.example.com\r\n\r\n");

        Assert.StartsWith("GET /a%2Fb?c HTTP/1.1\r\n", await _seen.Task.Within(), StringComparison.Ordinal);
    }

    /// <summary>Django compares it with the browser's <c>Origin</c>, which has the dot too.</summary>
    [Fact]
    public async Task A_host_with_the_dot_of_the_root_reaches_the_app_as_it_was_written()
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1", null, ("AllowedHosts", "api.example.com"));

        await SendAsync(proxy, "GET / HTTP/1.1\r\nHost: API.example.com.:8443\r\n\r\n");

        var headers = HeadersOf(await _seen.Task);
        Assert.Equal(("API.example.com.:8443", "API.example.com.:8443"), (headers["Host"], headers["X-Forwarded-Host"]));
    }

    /// <summary>As HAProxy's <c>option httpchk</c> asks. The app needs a host all the same.</summary>
    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "*", null)]
    [InlineData("GET / HTTP/1.0\r\nHost:\r\n\r\n", "*", null)]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "api.example.com;127.0.0.1", null)]
    [InlineData("GET http://api.example.com:81/a HTTP/1.0\r\n\r\n", "api.example.com", "api.example.com:81")]
    public async Task A_request_of_HTTP_1_0_without_a_host_gets_one(string request, string allowed, string? host)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1", null, ("AllowedHosts", allowed));

        await SendAsync(proxy, request);

        var headers = HeadersOf(await _seen.Task);
        host ??= $"127.0.0.1:{proxy.Address.Port}";
        Assert.Equal((host, host), (headers["Host"], headers["X-Forwarded-Host"]));
    }

    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n")]
    [InlineData("GET http://evil.example/ HTTP/1.0\r\n\r\n")]
    public async Task A_host_that_is_made_for_a_request_has_to_be_allowed(string request)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1", null, ("AllowedHosts", "api.example.com"));

        Assert.StartsWith("HTTP/1.1 400 ", await SendAsync(proxy, request), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_app_sees_the_host_the_scheme_and_the_client_as_they_are()
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");

        await SendAsync(
            proxy,
            """
            GET / HTTP/1.1
            Host: api.example.com:8443
            X-Forwarded-For: 6.6.6.6
            X-Forwarded-Proto: https
            X-Forwarded-Host: evil.example
            X-Forwarded-Protocol: ssl
            X-Forwarded-Ssl: on
            X-Forwarded-Port: 443
            X-Real-IP: 6.6.6.6
            Forwarded: for=6.6.6.6
            Proxy: http://evil.example
            X_Forwarded_For: 6.6.6.6
            REMOTE_USER: admin
            X-Custom: kept


            """.ReplaceLineEndings("\r\n"));

        var headers = HeadersOf(await _seen.Task.Within());
        Assert.Equal("api.example.com:8443", headers["Host"]);
        Assert.Equal("127.0.0.1", headers["X-Forwarded-For"]);
        Assert.Equal("http", headers["X-Forwarded-Proto"]);
        Assert.Equal("api.example.com:8443", headers["X-Forwarded-Host"]);
        Assert.Equal("kept", headers["X-Custom"]);
        Assert.Equal(32, headers["X-Request-ID"].Length);
        Assert.Equal(
            ["Host", "X-Custom", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID"], headers.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_trusted_proxy_is_believed_and_appended_to()
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1", options => options.TrustedProxies = ["127.0.0.0/8"]);

        await SendAsync(
            proxy,
            "GET / HTTP/1.1\r\nHost: internal\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: " +
                "api.example.com\r\nX-Request-ID: abc\r\n\r\n");

        var headers = HeadersOf(await _seen.Task.Within());
        Assert.Equal("203.0.113.9, 127.0.0.1", headers["X-Forwarded-For"]);
        Assert.Equal("https", headers["X-Forwarded-Proto"]);
        Assert.Equal("api.example.com", headers["X-Forwarded-Host"]);
        Assert.Equal("internal", headers["Host"]);
        Assert.Equal("abc", headers["X-Request-ID"]);
    }

    /// <summary>As any header, so that the route's own transforms can change it.</summary>
    [Theory]
    [InlineData("X-Request-ID: abc\r\n", 3)]
    [InlineData("X-Request-ID: \r\n", 32)]
    [InlineData("", 32)]
    public async Task A_route_of_the_settings_gets_the_id_of_a_request_too(string header, int length)
    {
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            null,
            ("ReverseProxy:Clusters:docs:Destinations:a:Address", _server.Address),
            ("ReverseProxy:Routes:docs:ClusterId", "docs"),
            ("ReverseProxy:Routes:docs:Match:Path", "/docs/{**rest}"));

        await SendAsync(proxy, $"GET /docs/ HTTP/1.1\r\nHost: docs\r\n{header}\r\n");

        Assert.Equal(length, HeadersOf(await _seen.Task.Within())["X-Request-ID"].Length);
    }

    [Theory]
    [InlineData(90, 200)]
    [InlineData(91, 431)]
    public async Task As_many_headers_pass_as_the_app_server_takes(int count, int status)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");
        var headers = string.Concat(Enumerable.Range(1, count - 1).Select(i => $"X-{i}: {i}\r\n"));

        var response = await SendAsync(proxy, $"GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8190, 200)]
    [InlineData(8191, 431)]
    public async Task A_header_is_as_long_as_the_app_server_takes(int size, int status)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");

        var response = await SendAsync(proxy, $"GET / HTTP/1.1\r\nHost: a\r\nX-A: {new string('a', size - "X-A: ".Length)}\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4094, 200)]
    [InlineData(4095, 414)]
    public async Task A_request_line_is_as_long_as_the_app_server_takes(int size, int status)
    {
        await using var proxy = await DataPlane.StartAsync(_server.Address, "http://127.0.0.1:1");

        var response = await SendAsync(proxy, $"GET /{new string('a', size - "GET / HTTP/1.1\r\n".Length)} HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", response, StringComparison.Ordinal);
    }

    private static async Task<string> SendAsync(DataPlane proxy, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), Cancellation);
        return await RawServer.ReadHeadAsync(stream, Cancellation);
    }

    private static Dictionary<string, string> HeadersOf(string head) => head
        .Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
        .Skip(1)
        .Select(line => line.Split(": ", 2))
        .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
}
