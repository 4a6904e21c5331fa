using System.Net;
using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying;

/// <summary>How responses pass from the app to its client: trailers, headers that are meant for the proxy, and an end in the middle.</summary>
public sealed class ResponsePassingTests
{
    private static readonly string _page = string.Concat(Enumerable.Range(0, 2000).Select(i => $"<p>paragraph {i * 7919}</p>\n"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>With a response that is compressed on its way, too: the trailers are the app's.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("Accept-Encoding: gzip\r\n")]
    public async Task Trailers_reach_a_client_of_HTTP1(string accepts)
    {
        await using var app = new RawServer(TrailersAsync);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n{accepts}\r\n");

        var response = await client.ReadToEndAsync();

        Assert.Contains("\r\nTrailer: X-Sum, X-Other\r\n", response, StringComparison.Ordinal);
        Assert.Equal(accepts.Length > 0, response.Contains("\r\nContent-Encoding: gzip\r\n", StringComparison.Ordinal));
        Assert.EndsWith("\r\n0\r\nX-Sum: 1\r\nX-Other: a b\r\n\r\n", response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trailers_reach_a_client_of_HTTP2()
    {
        await using var app = new RawServer(TrailersAsync);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.Equal(_page, await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(
            ["X-Sum: 1", "X-Other: a b"],
            response.TrailingHeaders.Select(trailer => $"{trailer.Key}: {string.Join(',', trailer.Value)}"),
            StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The framing of its connection is whole: the next response on it is in its place.</summary>
    [Fact]
    public async Task Trailers_leave_the_connection_of_the_client_as_it_was()
    {
        await using var app = new RawServer(TrailersAsync);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = proxy.NewClient();
        for (var i = 0; i < 3; i++)
        {
            using var response = await client.GetAsync("/", Cancellation);
            Assert.Equal(_page, await response.Content.ReadAsStringAsync(Cancellation));
            Assert.Equal(["X-Sum", "X-Other"], response.TrailingHeaders.Select(trailer => trailer.Key));
            using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/"), Cancellation);
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        }

        Assert.Equal(1, proxy.PublicConnections.Open);
    }

    /// <summary>A body with a length has no trailers, and HTTP/1.0 knows none: what is sent is sent without.</summary>
    [Fact]
    public async Task A_client_of_HTTP1_0_gets_the_body_without_trailers()
    {
        await using var app = new RawServer(TrailersAsync);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("GET / HTTP/1.0\r\nHost: a\r\n\r\n");

        Assert.EndsWith(_page, await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    /// <summary>RFC 9110 section 7.6.1; in one line or several, beside the usual options or alone.</summary>
    [Theory]
    [InlineData("Connection: X-Hop")]
    [InlineData("Connection: keep-alive, x-hop")]
    [InlineData("Connection: keep-alive\r\nConnection: X-Hop")]
    [InlineData("Connection: X-Hop\r\nConnection: keep-alive")]
    [InlineData("Connection: close\r\nConnection: ,X-Hop,")]
    [InlineData("Connection: X-Other\r\nConnection: X-Hop")]
    public async Task A_header_that_the_app_names_in_Connection_is_dropped_and_what_frames_the_body_is_not(string connection)
    {
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(
                stream,
                $"HTTP/1.1 200 OK\r\nX-Hop: 1\r\nX-Stays: 2\r\n{connection}\r\nConnection: Content-Length, Content-Type\r\nContent-Length: 2\r\n\r\nok",
                cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        var response = await client.ReadResponseAsync();

        Assert.Equal((200, "ok", "2"), (response!.Status, response.Body, response.Headers["X-Stays"]));
        Assert.DoesNotContain("X-Hop", response.Headers.Keys);
    }

    /// <summary>Kestrel has said 100; an app that is asked to would say it once more, and some refuse what else may stand there.</summary>
    [Theory]
    [InlineData("100-continue")]
    [InlineData("100-Continue")]
    [InlineData("wonders")]
    public async Task Expect_is_not_passed_on(string expectation)
    {
        var heads = new List<string>();
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            heads.Add(await RawServer.ReadHeadAsync(stream, cancellation));
            await stream.ReadExactlyAsync(new byte[3], cancellation);
            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: {expectation}\r\n\r\n");
        if (expectation.StartsWith("100", StringComparison.Ordinal))
        {
            const string Continue = "HTTP/1.1 100 Continue\r\n\r\n";
            Assert.Equal(Continue, await client.ReadAsync(Continue.Length));
        }

        await client.SendAsync("abc");

        Assert.Equal("ok", (await client.ReadResponseAsync())!.Body);
        Assert.DoesNotContain("Expect", Assert.Single(heads), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A worker that dies in the middle of its response: the client hears of it then, and not when something has timed out.</summary>
    [Theory]
    [InlineData(1, "text/plain", "", false)]
    [InlineData(1, "text/plain", "", true)]
    [InlineData(1, "text/html", "gzip", false)]
    [InlineData(1, "text/html", "zstd", true)]
    [InlineData(1, "text/event-stream", "", false)]
    [InlineData(1, "text/event-stream", "", true)]
    [InlineData(2, "text/plain", "", false)]
    [InlineData(2, "text/html", "gzip", false)]
    [InlineData(2, "text/html", "br", true)]
    [InlineData(2, "text/event-stream", "", true)]
    public async Task A_client_hears_at_once_that_the_app_has_broken_off(int version, string type, string accepts, bool isReset)
    {
        using var seen = new SemaphoreSlim(0);
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(
                stream, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n{_page.Length:x}\r\n{_page}\r\n", cancellation);
            if (accepts.Length == 0)
            {
                await seen.WaitAsync(cancellation); // a compressed one may still lie in the encoder, and nothing of it have gone out: then it is a 502
            }

            if (isReset)
            {
                stream.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
            }
        });
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", version == 2 ? "Http2" : "Http1"));
        if (version == 2)
        {
            using var client = await RawHttp2.ConnectAsync(proxy);
            await client.SendAsync([.. RawHttp2.OpenConnectionWindow(), .. RawHttp2.Get(1, "/", ("accept-encoding", accepts))]);
            seen.Release();
            var body = await client.ReadBodyAsync(1);
            Assert.True(body == "reset" || (accepts.Length > 0 && body.Contains("\"status\":502", StringComparison.Ordinal)), body);
        }
        else
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accepts}\r\n\r\n");
            var response = client.ReadResponseAsync();
            seen.Release();
            Assert.True(
                await response is null or { Status: 200, IsWhole: false } || (accepts.Length > 0 && (await response)!.Status == 502), $"{await response}");
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal((1, 0), (proxy.Slots.Active.Errors, proxy.Connections.Open(SlotName.Blue)));
    }

    private static async Task TrailersAsync(NetworkStream stream, int connection, CancellationToken cancellation)
    {
        await RawServer.ReadHeadAsync(stream, cancellation);
        await RawServer.WriteAsync(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, " +
                $"X-Other\r\n\r\n{_page.Length:x}\r\n{_page}\r\n0\r\nX-Sum: 1\r\nX-Other: a b\r\n\r\n",
            cancellation);
    }
}
