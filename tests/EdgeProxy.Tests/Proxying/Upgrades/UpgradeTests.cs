using System.Net;
using System.Text;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying.Upgrades;

/// <summary>What becomes of a request to switch protocols: what the app says reaches the client, and nothing that a client does counts against the
/// slot.</summary>
public sealed class UpgradeTests
{
    private static readonly byte[] _emptyFrame = [0x82, 0x80, 0, 0, 0, 0];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(403, 403)]
    [InlineData(404, 404)]
    [InlineData(302, 302)]
    [InlineData(426, 426)]
    [InlineData(200, 501)] // a 200 would mean that the WebSocket stands
    [InlineData(204, 501)]
    public async Task What_an_app_responds_to_an_extended_CONNECT_reaches_the_client_and_is_no_error(int status, int seen)
    {
        const string Body = "what the app has to say";
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            var rest = status == 204 ? "\r\n" : $"Content-Length: {Body.Length}\r\n\r\n{Body}";
            await RawServer.WriteAsync(stream, $"HTTP/1.1 {status} X\r\n{rest}", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        for (var i = 0; i < 20; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Connect, new Uri(proxy.Address, "/page"))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            request.Headers.Protocol = "websocket";
            using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
            using var response = await http.SendAsync(request, Cancellation);

            Assert.Equal(seen, (int)response.StatusCode);
            Assert.Contains(seen == status ? Body : "offers no WebSocket", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        await NothingIsLeftAsync(proxy, errors: 0);
    }

    [Fact]
    public async Task An_extended_CONNECT_for_another_protocol_is_not_implemented()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        await using var client = await Http2Client.ConnectAsync(await ConnectAsync(proxy), protocol: "connect-udp");

        Assert.Equal(501, await client.Status);
        Assert.Equal(0, proxy.Slots.Active.Requests);
    }

    [Theory]
    [InlineData("websocket", 400)]
    [InlineData("websocket", 200)]
    [InlineData("foo/2", 200)]
    public async Task An_upgrade_over_HTTP1_that_the_app_refuses_is_an_ordinary_request(string protocol, int status)
    {
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            return Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, context.Request.Headers.Upgrade.ToString());
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(TunnelClient.Upgrade(protocol));
            var response = await client.ReadResponseAsync();
            Assert.Equal((status, protocol), (response!.Status, response.Body));
        }

        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    [Theory]
    [InlineData("foo/2", "foo/2")]
    [InlineData("bar, FOO", "foo")]
    public async Task Another_protocol_that_the_app_agrees_on_gets_a_tunnel(string asked, string chosen)
    {
        var head = "";
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            head = await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, $"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {chosen}\r\n\r\nhello", cancellation);
            var words = new byte[4];
            await stream.ReadExactlyAsync(words, cancellation);
            await stream.WriteAsync(words, cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        await using var client = await ConnectAsync(proxy);
        await RawServer.WriteAsync(client, TunnelClient.Upgrade(asked), Cancellation);

        Assert.Contains($"\r\nUpgrade: {chosen}\r\n", await RawServer.ReadHeadAsync(client, Cancellation), StringComparison.Ordinal);
        Assert.Contains($"\r\nUpgrade: {asked}\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: Upgrade\r\n", head, StringComparison.Ordinal);
        Assert.Equal(new InFlight(0, 0, 1), proxy.Slots.Active.InFlight);
        await RawServer.WriteAsync(client, "\x88\x00\x01\x02", Cancellation); // no frames: nobody looks at them
        var words = new byte[9];
        await client.ReadExactlyAsync(words, Cancellation);
        Assert.Equal("hello\x88\0\x01\x02", Encoding.Latin1.GetString(words));
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        Assert.Equal(0, await client.ReadAsync(words, Cancellation));
        await NothingIsLeftAsync(proxy, errors: 0);
    }

    /// <summary>HTTP in a tunnel would pass by everything that the proxy refuses, and a body that is still to come could be read as something else.</summary>
    [Theory]
    [InlineData("h2c")]
    [InlineData("H2C")]
    [InlineData("h2c-14")]
    [InlineData("h2")]
    [InlineData("HTTP/2.0")]
    [InlineData("TLS/1.3, HTTP/1.1")]
    [InlineData("SPDY/3.1")]
    [InlineData("foo, h2c")]
    [InlineData("websocket,\th2c")]
    [InlineData("foo\r\nUpgrade: h2c")]
    [InlineData("foo,")]
    [InlineData("websocket", "POST")]
    [InlineData("foo", "POST", "Content-Length: 4\r\n")]
    [InlineData("foo", "POST", "Transfer-Encoding: chunked\r\n")]
    public async Task A_protocol_that_carries_HTTP_is_never_asked_for(string protocol, string method = "GET", string more = "")
    {
        var heads = new List<string>();
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            heads.Add(await RawServer.ReadHeadAsync(stream, cancellation));
            var first = protocol.Split('\r')[0];
            await RawServer.WriteAsync(stream, $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {first}\r\n\r\n", cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(TunnelClient.Upgrade(protocol, method, more) + (more.StartsWith('C') ? "body" : more.Length > 0 ? "0\r\n\r\n" : ""));

        // An app that switches all the same is not believed.
        var response = await client.ReadResponseAsync();
        Assert.True(response is { Status: 502 or 400 }, $"{response}");
        Assert.All(heads, head => Assert.DoesNotContain("Upgrade:", head, StringComparison.OrdinalIgnoreCase));
        Assert.All(heads, head => Assert.StartsWith(method, head, StringComparison.Ordinal));
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the lease has ended");
    }

    /// <summary>Where the client has asked for a switch, it is none of the slot's: an app that looks at the key alone is led to it by anybody.</summary>
    [Theory]
    [InlineData("Upgrade: bar", true, 0)]
    [InlineData("Upgrade: foo, bar", true, 0)]
    [InlineData("Upgrade: websocket", true, 0)]
    [InlineData("X: no upgrade", true, 0)]
    [InlineData("Upgrade: bar", false, 1)]
    public async Task A_switch_to_what_was_not_asked_for_is_a_502(string field, bool isAsked, int errors)
    {
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            const string More = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            await RawServer.WriteAsync(stream, $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n{field}\r\n\r\n{More}", cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(isAsked ? TunnelClient.Upgrade("foo") : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Equal(502, (await client.ReadResponseAsync())!.Status);
        await NothingIsLeftAsync(proxy, errors);
    }

    [Fact]
    public async Task A_426_says_which_protocol_is_required()
    {
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = 426;
            context.Response.Headers.Upgrade = "HTTP/2.0";
            context.Response.Headers.Connection = "Upgrade";
            return Task.CompletedTask;
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        var response = await client.ReadResponseAsync();

        Assert.Equal((426, "HTTP/2.0", "Upgrade, close"), (response!.Status, response.Headers["Upgrade"], response.Headers["Connection"]));
    }

    [Fact]
    public async Task Another_protocol_is_cut_at_the_deadline_of_WebSockets()
    {
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        await using var client = await ConnectAsync(proxy);
        await RawServer.WriteAsync(client, TunnelClient.Upgrade("foo"), Cancellation);
        Assert.StartsWith("HTTP/1.1 101 ", await RawServer.ReadHeadAsync(client, Cancellation), StringComparison.Ordinal);

        proxy.Slots.Active.EndLeases();

        Assert.Equal(0, await client.ReadAsync(new byte[1], Cancellation));
        await NothingIsLeftAsync(proxy, errors: 0);
    }

    /// <summary>The limit is for bodies, and nobody knows how long a tunnel will be.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http2)]
    public async Task What_a_tunnel_carries_is_no_request_body(Transport transport)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(
            transport, received.ReadToEndAsync, configure: options => options.Upstream.MaxRequestBodySize = 1000);
        await using var client = await site.ConnectAsync();
        await client.SendAndEndAsync(new byte[20_000]);

        Assert.Equal(20_000, (await received.NextAsync()).Length);
    }

    /// <summary>Neither end says anything: that is no error of the slot.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http2)]
    public async Task An_idle_tunnel_is_cut_after_its_time(Transport transport)
    {
        var time = new FakeTimeProvider();
        var ended = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, ended.ReadToEndAsync, time);
        await using var client = await site.ConnectAsync();
        await Eventually.TrueAsync(() => site.Proxy.Slots.Active.InFlight.WebSocket == 1, "it is a tunnel");
        var patience = new UpstreamOptions().StreamActivityTimeout;

        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(patience); // its timer may be set a moment after the client has its response
                return site.Proxy.Slots.Active.InFlight.WebSocket == 0;
            },
            "it is cut");

        Assert.Empty(await ended.NextAsync());
        await NothingIsLeftAsync(site.Proxy, errors: 0);
    }

    /// <summary>Kestrel's least rate is for bodies (dotnet/aspnetcore#42101): a body that stops is given up twice while the WebSocket is silent.</summary>
    [Fact]
    public async Task An_idle_WebSocket_over_HTTP2_is_no_slow_request_body()
    {
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            var head = await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, head.StartsWith("GET", StringComparison.Ordinal) ? TunnelSite.SwitchingProtocols(head) : "", cancellation);
            await stream.CopyToAsync(stream, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            null,
            ("Kestrel:Endpoints:Http:Protocols", "Http2"),
            ("Kestrel:Limits:MinRequestBodyDataRate:GracePeriod", "00:00:01.5"));
        await using var client = await Http2Client.ConnectAsync(await ConnectAsync(proxy));
        Assert.Equal(200, await client.Status);
        await client.SendAsync(_emptyFrame);

        for (var i = 0; i < 2; i++)
        {
            using var slow = await RawHttp2.ConnectAsync(proxy);
            await slow.SendAsync(RawHttp2.Open(1, "POST", "/"));
            Assert.Contains(await slow.ReadBodyAsync(1), new[] { "goaway", "closed" });
        }

        await client.SendAsync(_emptyFrame, endStream: true);
        Assert.Equal(2 * _emptyFrame.Length, (await client.ReadToEndAsync().Within()).Length);
        Assert.True(client.HasEnded);
    }

    /// <summary>The client is gone, and the app sends for ever and never looks at its end.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http2)]
    public async Task An_app_that_overlooks_the_end_of_its_client_does_not_keep_the_slot(Transport transport)
    {
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            while (true)
            {
                await stream.WriteAsync(new byte[1000], cancellation);
            }
        });
        await using var client = await site.ConnectAsync();
        await Eventually.TrueAsync(() => site.Proxy.Slots.Active.InFlight.WebSocket == 1, "it is a tunnel");

        client.ResetConnection();

        await NothingIsLeftAsync(site.Proxy, errors: 0);
    }

    /// <summary>At each stage: before the app responds, while it does, and behind its response.</summary>
    [Theory]
    [InlineData(Transport.Http1, 0)]
    [InlineData(Transport.Http1, 1)]
    [InlineData(Transport.Http2, 0)]
    [InlineData(Transport.Http2, 1)]
    public async Task A_client_that_leaves_at_any_stage_is_no_error_of_the_slot(Transport transport, int stage)
    {
        var asked = new SemaphoreSlim(0);
        var left = new SemaphoreSlim(0);
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            var head = await RawServer.ReadHeadAsync(stream, cancellation);
            asked.Release();
            if (stage == 0)
            {
                await left.WaitAsync(cancellation);
            }

            await RawServer.WriteAsync(stream, TunnelSite.SwitchingProtocols(head) + "\x81\x05hello", cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        });
        var protocols = transport == Transport.Http2 ? "Http2" : "Http1";
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", protocols));
        for (var i = 0; i < 20; i++)
        {
            var stream = await ConnectAsync(proxy);
            await using var http2 = transport == Transport.Http2 ? await Http2Client.ConnectAsync(stream) : null;
            if (http2 is null)
            {
                await RawServer.WriteAsync(stream, TunnelClient.Upgrade("websocket"), Cancellation);
            }

            await asked.WaitAsync(Cancellation);
            if (http2 is not null && i % 2 == 0)
            {
                await http2.ResetAsync();
            }
            else
            {
                stream.Socket.LingerState = new(enable: true, seconds: 0);
                await stream.DisposeAsync();
            }

            left.Release();
        }

        await NothingIsLeftAsync(proxy, errors: 0);
    }

    private static async Task<System.Net.Sockets.NetworkStream> ConnectAsync(DataPlane proxy)
    {
        var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        return client.GetStream();
    }

    private static async Task NothingIsLeftAsync(DataPlane proxy, int errors)
    {
        await proxy.Slots.Active.WaitIdleAsync(Cancellation).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        Assert.Equal(errors, proxy.Slots.Active.Errors);
        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0, "no connection to the app is left open");
    }
}
