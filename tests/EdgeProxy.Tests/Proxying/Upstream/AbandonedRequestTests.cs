using System.Net;
using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Upstream;

/// <summary>
/// Requests whose clients leave. A connection to the app that nobody uses would hold a sync worker, which reads from it until its time-out: at rest none is
/// open that has not served.
/// </summary>
public sealed class AbandonedRequestTests
{
    private const int Streams = 50;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Where a request is when its client leaves.</summary>
    public enum Stage
    {
        /// <summary>Anywhere: the client leaves at once.</summary>
        AtOnce,

        /// <summary>The app has its head, and has not responded.</summary>
        HeadSent,

        /// <summary>The app has a piece of its body.</summary>
        InBody,

        /// <summary>The client has a piece of the response.</summary>
        InResponse,
    }

    public static TheoryData<Stage, bool> Stages => [.. from stage in Enum.GetValues<Stage>() from resets in new[] { true, false } select (stage, resets)];

    /// <param name="resets">Each stream by itself; false: the whole connection ends.</param>
    [Theory]
    [MemberData(nameof(Stages))]
    public async Task Over_HTTP2_they_leave_no_connection_behind(Stage stage, bool resets)
    {
        var app = new CountingApp();
        await using var server = new RawServer(app.ServeAsync);
        await using var proxy = await StartAsync(server.Address);
        for (var round = 0; round < 6; round++)
        {
            using var client = await RawHttp2.ConnectAsync(proxy);
            var ids = Enumerable.Range(0, Streams).Select(i => (2 * i) + 1).ToList();
            await client.SendAsync([.. ids.SelectMany(id => RequestOf(stage, id))]);
            await ReachAsync(stage, client, app);
            if (resets)
            {
                await client.SendAsync([.. ids.SelectMany(RawHttp2.Reset)]);
                await client.ServedAsync(2 * Streams + 1); // the connection goes on
            }
            else
            {
                client.ResetWhenClosed();
            }

            client.Dispose();
            await NothingIsHeldAsync(proxy, server, app);
        }

        Assert.Equal("page", await proxy.Client.GetStringAsync("/page", Cancellation).Within());
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    /// <summary>The queue of the app is full, so that connections stay half open until their clients have left.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_their_connection_is_being_opened_they_end_it(bool resets)
    {
        using var busy = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        busy.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        busy.Listen(0);
        await using var proxy = await StartAsync($"http://127.0.0.1:{((IPEndPoint)busy.LocalEndPoint!).Port}");
        using (var filler = await RawHttp2.ConnectAsync(proxy))
        {
            await filler.SendAsync([.. Enumerable.Range(0, Streams).SelectMany(i => RawHttp2.Get((2 * i) + 1, "/page"))]);
            await Eventually.TrueAsync(() => proxy.Connections.Opening(SlotName.Blue) > 0, "connections are being opened");
            var opening = proxy.Connections.Opening(SlotName.Blue);
            if (resets)
            {
                await filler.SendAsync([.. Enumerable.Range(0, Streams).SelectMany(i => RawHttp2.Reset((2 * i) + 1))]);
            }
            else
            {
                filler.ResetWhenClosed();
                filler.Dispose();
            }

            await Eventually.TrueAsync(
                () => proxy.Connections.Opening(SlotName.Blue) == 0 && proxy.Connections.Open(SlotName.Blue) == 0, $"none of {opening} is opened any more");
        }

        // What the kernel had accepted for the app has ended, too: a worker is through with each at once.
        var serving = ServeAsync(busy);
        Assert.Equal("page", await proxy.Client.GetStringAsync("/page", Cancellation).Within());
        Assert.Equal((0, 0), (proxy.Slots.Active.Errors, proxy.Connections.Failures(SlotName.Blue)));
        busy.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => serving.Within()); // its listener is gone
    }

    /// <summary>A client that leaves while the connection is being opened, or before the response: at rest no connection is open that has not served.</summary>
    [Fact]
    public async Task Abandoned_requests_leave_no_connection_behind()
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
            {
                if (head.Contains("/slow", StringComparison.Ordinal))
                {
                    await stream.ReadExactlyAsync(new byte[1], cancellation); // until it is closed
                }

                await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", cancellation);
            }
        });
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

        for (var round = 0; round < 20; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RawClient.ConnectAsync(proxy)));
            await Task.WhenAll(clients.Select(client => client.SendAsync("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")));
            for (var i = 0; i < clients.Length; i++)
            {
                if (i % 2 == 0)
                {
                    clients[i].ResetWhenClosed();
                }

                clients[i].Dispose();
            }
        }

        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0 && server.Open == 0, "every connection is closed with its request");
        Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    private static async Task<DataPlane> StartAsync(string app)
    {
        var proxy = await DataPlane.StartAsync(
            app, "http://127.0.0.1:1", options => options.Upstream.Buffering.Requests = false, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        (proxy.Client.DefaultRequestVersion, proxy.Client.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        return proxy;
    }

    /// <summary>As a sync worker does: one connection after the other, each to its end.</summary>
    private static async Task ServeAsync(Socket listener)
    {
        while (true)
        {
            using var accepted = await listener.AcceptAsync(Cancellation);
            await ServeOneAsync(accepted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        static async Task ServeOneAsync(Socket accepted)
        {
            await using var stream = new NetworkStream(accepted);
            if (await RawServer.ReadHeadAsync(stream, Cancellation) is { Length: > 0 })
            {
                await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage", Cancellation);
                await stream.ReadExactlyAsync(new byte[1], Cancellation);
            }
        }
    }

    private static byte[] RequestOf(Stage stage, int id) => stage switch
    {
        Stage.InBody => [.. RawHttp2.Open(id, "POST", "/reads", ("content-length", "100")), .. RawHttp2.Data(id, "a piece")],
        Stage.InResponse => RawHttp2.Get(id, "/by-half"),
        _ => RawHttp2.Get(id, "/silent"),
    };

    private static async Task ReachAsync(Stage stage, RawHttp2 client, CountingApp app)
    {
        switch (stage)
        {
            case Stage.HeadSent or Stage.InBody:
                await Eventually.TrueAsync(() => app.Waiting == Streams, "the app has all of them");
                break;
            case Stage.InResponse:
                for (var pieces = 0; pieces < Streams; pieces += (await client.ReadAsync().Within())!.Type == Http2Frame.Data ? 1 : 0)
                {
                }

                break;
        }
    }

    private static async Task NothingIsHeldAsync(DataPlane proxy, RawServer server, CountingApp app)
    {
        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        await Eventually.TrueAsync(() => proxy.Connections.Opening(SlotName.Blue) == 0, "no connection is being opened");
        await Eventually.TrueAsync(
            () =>
                proxy.Connections.Open(SlotName.Blue) == proxy.Connections.Idle(SlotName.Blue)
                    && server.Open == proxy.Connections.Idle(SlotName.Blue)
                    && app.Waiting == 0,
            "open are only those that are idle");
        Assert.True(app.Served >= proxy.Connections.Idle(SlotName.Blue), "an idle connection has not served");
    }

    private sealed class CountingApp
    {
        private int _waiting;
        private int _served;

        /// <summary>Requests without a complete response.</summary>
        public int Waiting => Volatile.Read(ref _waiting);

        /// <summary>Connections that have served.</summary>
        public int Served => Volatile.Read(ref _served);

        public async Task ServeAsync(NetworkStream stream, int connection, CancellationToken cancellation)
        {
            var hasServed = false;
            while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
            {
                if (head.Contains("/page", StringComparison.Ordinal))
                {
                    Interlocked.Add(ref _served, hasServed ? 0 : 1);
                    hasServed = true;
                    await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage", cancellation);
                    continue;
                }

                if (head.Contains("/reads", StringComparison.Ordinal))
                {
                    await stream.ReadExactlyAsync(new byte["a piece".Length], cancellation);
                }

                Interlocked.Increment(ref _waiting);
                try
                {
                    await RawServer.WriteAsync(
                        stream, head.Contains("/by-half", StringComparison.Ordinal) ? "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" : "", cancellation);
                    await stream.CopyToAsync(Stream.Null, cancellation);
                }
                finally
                {
                    Interlocked.Decrement(ref _waiting);
                }
            }
        }
    }
}
