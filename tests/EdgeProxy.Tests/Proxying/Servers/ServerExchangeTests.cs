using EdgeProxy.Proxying.Servers;
using EdgeProxy.Tests.Proxying.Upgrades;
using EdgeProxy.Tests.Proxying.Upstream;
using EdgeProxy.Tests.Sites;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Servers;

/// <summary>Servers of a site's route get no less care than a slot: what belongs to one request reaches no other, and nothing is lost or done twice.</summary>
public sealed class ServerExchangeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string, bool> Responses =>
        [.. from row in ForeignBytesTests.Responses from isLate in new[] { false, true } select (row.Data.Item1, row.Data.Item2, row.Data.Item3, isLate)];

    /// <param name="isLate">It comes when something else is sent on the connection, or never; false: with the response.</param>
    [Theory]
    [MemberData(nameof(Responses))]
    public async Task What_comes_beyond_a_response_reaches_nobody(string method, string response, string beyond, bool isLate)
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
            {
                if (head.Contains("/next", StringComparison.Ordinal))
                {
                    await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", cancellation);
                    continue;
                }

                await RawServer.WriteAsync(stream, isLate ? response : response + beyond, cancellation);
                if (isLate)
                {
                    await RawServer.ReadHeadAsync(stream, cancellation);
                    await RawServer.WriteAsync(stream, beyond, cancellation);
                }
            }
        });
        await using var proxy = await StartAsync(server);
        for (var i = 0; i < 5; i++)
        {
            using (var request = new HttpRequestMessage(new HttpMethod(method), "/first"))
            using (var first = await proxy.Client.SendAsync(request, Cancellation))
            {
                Assert.True(first.IsSuccessStatusCode || (int)first.StatusCode is 304 or 408, $"{first.StatusCode}");
            }

            Assert.Equal("next", await proxy.Client.GetStringAsync("/next", Cancellation));
        }
    }

    [Fact]
    public async Task An_ordinary_response_leaves_a_connection_for_the_next_request()
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            while ((await RawServer.ReadHeadAsync(stream, cancellation)).Length > 0)
            {
                await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
            }
        });
        await using var proxy = await StartAsync(server);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation));
        }

        Assert.Equal(1, server.Connections);
    }

    /// <summary>The server drops each kept connection when the next request is on its way.</summary>
    [Theory]
    [InlineData("DELETE")]
    [InlineData("POST")]
    [InlineData("PUT")]
    public async Task A_request_that_is_not_safe_reaches_the_server_once(string method)
    {
        var seen = 0;
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            await ReadAsync();
            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
            await ReadAsync();

            async Task ReadAsync()
            {
                var head = await RawServer.ReadHeadAsync(stream, cancellation);
                Interlocked.Add(ref seen, head.StartsWith(method, StringComparison.Ordinal) ? 1 : 0);
            }
        });
        await using var proxy = await StartAsync(server);
        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation)); // leaves a connection behind
            using var request = new HttpRequestMessage(new HttpMethod(method), "/");
            using var response = await proxy.Client.SendAsync(request, Cancellation);
            Assert.Equal((200, i), ((int)response.StatusCode, Volatile.Read(ref seen)));
        }

        Assert.True(proxy.Get<ServerConnections>().Repeats > 0, "no GET met a dropped connection: the test proves nothing");
    }

    [Theory]
    [InlineData("Content-Length: 5000000", false)]
    [InlineData("Content-Length: 5000000", true)]
    [InlineData("Transfer-Encoding: chunked", false)]
    public async Task An_early_refusal_reaches_a_client_that_writes_the_whole_body_first(string framing, bool stays)
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, "HTTP/1.1 413 Refused\r\nContent-Length: 9\r\n\r\ntoo large", cancellation);
            await Task.Delay(stays ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, TimeProvider.System, cancellation);
        });
        await using var proxy = await StartAsync(server);
        for (var i = 0; i < 4; i++)
        {
            using var client = await RawClient.ConnectAsync(proxy);
            var body = new string('x', 5_000_000);
            var isChunked = framing.StartsWith("Transfer", StringComparison.Ordinal);
            await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n", isWhole: true);
            await client.SendAsync(isChunked ? $"{body.Length:x}\r\n{body}\r\n0\r\n\r\n" : body, isWhole: true);
            var response = await client.ReadResponseAsync();

            Assert.Equal((413, "too large"), (response?.Status, response?.Body));
        }

        await Eventually.TrueAsync(() => proxy.Get<ServerConnections>().Open == 0, "no connection is left to a server that was owed a body");
    }

    [Theory]
    [InlineData(Upgrades.Transport.Http1, 1)]
    [InlineData(Upgrades.Transport.Http1, 1_000_000)]
    [InlineData(Upgrades.Transport.Http2, 1)]
    [InlineData(Upgrades.Transport.Http2, 1_000_000)]
    public async Task What_a_client_sends_before_its_end_reaches_the_server(Upgrades.Transport transport, int size)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, received.ReadToEndAsync, isSlot: false);
        var words = new byte[size];
        for (var i = 0; i < 50; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAndEndAsync(words);
            if (client.IsHttp2)
            {
                client.EndConnection();
            }

            Assert.Equal(size, (await received.NextAsync()).Length);
        }

        await Eventually.TrueAsync(() => site.Proxy.Get<ServerConnections>().Open == 0, "each ends with its tunnel");
    }

    /// <summary>A tunnel of a route ends with a Close frame, as one to an app does, when the proxy stops.</summary>
    [Fact]
    public async Task When_the_proxy_stops_a_WebSocket_gets_a_Close_frame()
    {
        await using var site = await TunnelSite.StartAsync(Upgrades.Transport.Http1, new ReceivedByApp().ReadToEndAsync, isSlot: false);
        await using var client = await site.ConnectAsync();

        var stopped = site.Proxy.StopAsync();
        var last = await client.ReadToEndAsync();

        Assert.Equal([0x88, 0x02, 0x03, 0xE9], last); // RFC 6455 section 7.4.1: 1001, going away
        await stopped.WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
    }

    [Fact]
    public async Task A_client_that_leaves_takes_its_connection_along()
    {
        await using var server = new RawServer((stream, _, cancellation) => stream.CopyToAsync(Stream.Null, cancellation));
        await using var proxy = await StartAsync(server);
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await Eventually.TrueAsync(() => server.Open == 1, "the server has it");
        }

        await Eventually.TrueAsync(() => server.Open == 0 && proxy.Get<ServerConnections>().Open == 0, "it is closed");
    }

    private static Task<DataPlane> StartAsync(RawServer server) => SiteProxy.WithRoutesAsync($$"""{ "Upstreams": "{{server.Address}}" }""");
}
