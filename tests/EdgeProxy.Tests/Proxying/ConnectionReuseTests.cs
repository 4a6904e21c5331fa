using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying;

public sealed class ConnectionReuseTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Responds to one request, then reads the next one and closes without a response: the race of a server that closes idle connections.</summary>
    private static async Task RespondOnceAsync(System.Net.Sockets.NetworkStream stream, int connection, CancellationToken cancellation)
    {
        await RawServer.ReadHeadAsync(stream, cancellation);
        await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
        await RawServer.ReadHeadAsync(stream, cancellation);
    }

    [Fact]
    public async Task A_safe_request_is_repeated_when_its_connection_ends_before_a_response()
    {
        await using var server = new RawServer(RespondOnceAsync);
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation));
        }

        Assert.True(proxy.Connections.Repeats > 0, "no request met the race: the test proves nothing");
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task A_request_that_must_not_be_repeated_takes_a_fresh_connection(string method)
    {
        await using var server = new RawServer(RespondOnceAsync);
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

        for (var i = 0; i < 5; i++)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), "/");
            using var response = await proxy.Client.SendAsync(request, Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal(5, server.Connections);
        Assert.Equal(0, proxy.Connections.Repeats);
    }

    [Fact]
    public async Task Bodies_reuse_connections_where_the_server_keeps_them_long_enough()
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            while ((await RawServer.ReadHeadAsync(stream, cancellation)).Length > 0)
            {
                await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
            }
        });
        await using var proxy = await DataPlane.StartAsync(
            server.Address, "http://127.0.0.1:1", options => options.Upstream.ServerKeepAlive = TimeSpan.FromSeconds(75));

        for (var i = 0; i < 5; i++)
        {
            using var response = await proxy.Client.PostAsync("/", null, Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_request_that_kills_its_worker_is_repeated_only_once()
    {
        await using var server = new RawServer((stream, _, cancellation) => RawServer.ReadHeadAsync(stream, cancellation));
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Equal(2, server.Connections);
    }

    /// <summary>A unit that is being stopped: its last workers keep the backlog open for a moment and reset what is in it.</summary>
    [Fact]
    public async Task A_server_that_is_being_restarted_loses_no_safe_request()
    {
        await using var server = new RawServer(async (stream, connection, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            if (connection >= 5)
            {
                await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
            }
        });
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");
        proxy.Advisor.IsRestarting = true;

        Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation));
        Assert.Equal(6, server.Connections);
    }

    /// <summary>gunicorn writes the head of a response and its body apart; a worker that quits in between has sent a head only.</summary>
    [Theory]
    [InlineData("GET", true, 200)]
    [InlineData("GET", false, 502)]
    [InlineData("POST", true, 502)]
    public async Task A_response_that_ends_behind_its_head_is_asked_for_again_where_that_is_safe_and_the_server_is_restarted(
        string method, bool restarts, int status)
    {
        await using var server = new RawServer(async (stream, connection, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{(connection == 0 ? "" : "ok")}", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");
        proxy.Advisor.IsRestarting = restarts;

        using var request = new HttpRequestMessage(new HttpMethod(method), "/");
        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status == 200 ? 2 : 1, server.Connections);
    }

    [Fact]
    public async Task Closing_idle_connections_spares_what_runs_and_the_next_request()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));
        Assert.Equal(1, proxy.Connections.Open(SlotName.Blue));

        proxy.Connections.CloseIdle(SlotName.Blue);

        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0, "the connection is closed");
        Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    [Fact]
    public async Task Closing_idle_connections_under_load_loses_nothing()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        var load = Enumerable.Range(0, 4).Select(async _ =>
        {
            for (var i = 0; i < 250; i++)
            {
                Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));
            }
        }).ToArray();

        while (!Task.WhenAll(load).IsCompleted)
        {
            proxy.Connections.CloseIdle(SlotName.Blue);
            await Task.Yield();
        }

        await Task.WhenAll(load);
    }
}
