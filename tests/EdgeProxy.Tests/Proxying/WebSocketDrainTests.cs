using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying;

public sealed class WebSocketDrainTests
{
    private const string Upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: " +
        "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    private const string Upgraded = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// <summary>Unmasked, 1001.</summary>
    private static readonly byte[] _goingAway = [0x88, 2, 0x03, 0xE9];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task At_the_deadline_both_ends_are_told_and_close_in_order(int httpVersion)
    {
        var appSaw = new TaskCompletionSource<WebSocketCloseStatus?>();
        await using var app = await EchoAsync(appSaw);
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", httpVersion == 2 ? "Http2" : "Http1"));
        using var client = await ConnectAsync(proxy, httpVersion);
        Assert.Equal(new InFlight(0, 0, 1), proxy.Slots.Active.InFlight);

        proxy.Slots.Active.EndLeases();

        var last = await client.ReceiveAsync(new byte[16], Cancellation).Within();
        Assert.Equal((WebSocketMessageType.Close, WebSocketCloseStatus.EndpointUnavailable), (last.MessageType, last.CloseStatus));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        Assert.Equal(WebSocketState.Closed, client.State);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await appSaw.Task.Within());
        await proxy.Slots.Active.WaitIdleAsync(Cancellation);
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    [Fact]
    public async Task When_the_proxy_stops_web_sockets_are_told_at_once()
    {
        var appSaw = new TaskCompletionSource<WebSocketCloseStatus?>();
        await using var app = await EchoAsync(appSaw);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Shutdown.DrainTimeout = TimeSpan.FromHours(1));
        using var client = await ConnectAsync(proxy, 1);

        var stopped = proxy.StopAsync();

        var last = await client.ReceiveAsync(new byte[16], Cancellation).Within();
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, last.CloseStatus);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await appSaw.Task.Within());
        await stopped.WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
    }

    [Fact]
    public async Task A_frame_for_the_client_is_finished_first()
    {
        byte[] frame = [0x82, 126, 0, 200, .. Enumerable.Repeat((byte)0x88, 200)];
        await using var pair = await RawPair.ConnectAsync(TimeProvider.System);
        await pair.App.WriteAsync(frame.AsMemory(0, 3), Cancellation); // in the middle of the length
        await ReadExactlyAsync(pair.Client, frame[..3]);

        pair.Proxy.Slots.Active.EndLeases();
        await pair.App.WriteAsync(frame.AsMemory(3, 50), Cancellation);
        await ReadExactlyAsync(pair.Client, frame[3..53]);
        await pair.App.WriteAsync((byte[])[.. frame[53..], 0x82, 5, 1], Cancellation); // and the beginning of another

        await ReadExactlyAsync(pair.Client, [.. frame[53..], .. _goingAway]);
    }

    [Fact]
    public async Task A_frame_for_the_app_is_finished_first()
    {
        byte[] frame = [0x82, 0x80 | 100, 1, 2, 3, 4, .. Enumerable.Repeat((byte)0x88, 100)];
        await using var pair = await RawPair.ConnectAsync(TimeProvider.System);
        await pair.Client.WriteAsync(frame.AsMemory(0, 5), Cancellation); // in the middle of the mask
        await ReadExactlyAsync(pair.App, frame[..5]);

        pair.Proxy.Slots.Active.EndLeases();
        await ReadExactlyAsync(pair.Client, _goingAway);
        await pair.Client.WriteAsync((byte[])[.. frame[5..], 0x82, 0x85, 1], Cancellation);

        await ReadExactlyAsync(pair.App, frame[5..]);
        var close = new byte[8];
        await pair.App.ReadExactlyAsync(close, Cancellation).Within();
        Assert.Equal([0x88, 0x82], close[..2]);
        Assert.Equal([0x03, 0xE9], [(byte)(close[6] ^ close[2]), (byte)(close[7] ^ close[3])]);
    }

    [Fact]
    public async Task A_close_handshake_under_way_is_left_alone()
    {
        byte[] close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];
        await using var pair = await RawPair.ConnectAsync(TimeProvider.System);
        await pair.Client.WriteAsync(close, Cancellation);
        await ReadExactlyAsync(pair.App, close);

        await pair.App.WriteAsync((byte[])[0x88, 2, 0x03, 0xE8], Cancellation);
        await ReadExactlyAsync(pair.Client, [0x88, 2, 0x03, 0xE8]);
        pair.Proxy.Slots.Active.EndLeases();
        pair.CloseApp();

        pair.Client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await pair.Client.ReadAsync(new byte[1], Cancellation).Within());
        await pair.Proxy.Slots.Active.WaitIdleAsync(Cancellation);
    }

    [Fact]
    public async Task A_client_that_does_not_respond_within_2_s_is_cut()
    {
        var time = new FakeTimeProvider();
        await using var pair = await RawPair.ConnectAsync(time);

        pair.Proxy.Slots.Active.EndLeases();
        await ReadExactlyAsync(pair.Client, _goingAway);
        time.Advance(RequestCancellation.Grace - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, pair.Proxy.Slots.Active.InFlight.WebSocket);
        time.Advance(TimeSpan.FromMilliseconds(1));

        await pair.Proxy.Slots.Active.WaitIdleAsync(Cancellation).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        Assert.Equal(0, pair.Proxy.Slots.Active.Errors);
    }

    /// <summary>Echoes, and says how it was told to close.</summary>
    private static Task<Backend> EchoAsync(TaskCompletionSource<WebSocketCloseStatus?> closed) => Backend.StartAsync(async context =>
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer, Cancellation).Within();
            if (message.MessageType == WebSocketMessageType.Close)
            {
                closed.SetResult(message.CloseStatus);
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, Cancellation);
        }
    });

    /// <summary>Connects, and has had one message there and back.</summary>
    private static async Task<ClientWebSocket> ConnectAsync(DataPlane proxy, int httpVersion)
    {
        var client = new ClientWebSocket();
        client.Options.HttpVersion = new Version(httpVersion, httpVersion == 1 ? 1 : 0);
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false }, disposeHandler: false);
        await client.ConnectAsync(new UriBuilder(proxy.Address) { Scheme = "ws" }.Uri, http, Cancellation);
        await client.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        Assert.Equal(5, (await client.ReceiveAsync(new byte[16], Cancellation).Within()).Count);
        return client;
    }

    private static async Task ReadExactlyAsync(NetworkStream from, byte[] expected)
    {
        var read = new byte[expected.Length];
        await from.ReadExactlyAsync(read, Cancellation).AsTask().WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        Assert.Equal(expected, read);
    }

    /// <summary>The bytes of both ends of a WebSocket through the proxy.</summary>
    private sealed class RawPair(RawServer server, DataPlane proxy, TcpClient client, NetworkStream app, TaskCompletionSource over) : IAsyncDisposable
    {
        public DataPlane Proxy => proxy;

        public NetworkStream Client { get; } = client.GetStream();

        public NetworkStream App => app;

        public static async Task<RawPair> ConnectAsync(TimeProvider time)
        {
            var over = new TaskCompletionSource();
            var accepted = new TaskCompletionSource<NetworkStream>();
            var server = new RawServer(async (stream, _, cancellation) =>
            {
                await RawServer.ReadHeadAsync(stream, cancellation);
                await RawServer.WriteAsync(stream, Upgraded, cancellation);
                accepted.SetResult(stream);
                await over.Task.WaitAsync(cancellation);
            });
            var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1", time);
            var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
            await RawServer.WriteAsync(client.GetStream(), Upgrade, Cancellation);
            Assert.StartsWith("HTTP/1.1 101", await RawServer.ReadHeadAsync(client.GetStream(), Cancellation), StringComparison.Ordinal);
            return new RawPair(server, proxy, client, await accepted.Task.Within(), over);
        }

        public void CloseApp() => over.SetResult();

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await proxy.DisposeAsync();
            await server.DisposeAsync();
        }
    }
}
