using System.Net.Sockets;
using System.Text;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Proxying;

/// <summary>An app that breaks a response off, by a reset or an end: what it has sent before reaches the client, which also learns that this is not
/// all.</summary>
public sealed class BrokenOffResponseTests
{
    private static readonly string _sent = Text(50_000);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The kernel keeps what was received before a reset for the reader (tcp(7)): nothing of it is to be lost here.</summary>
    [Theory]
    [InlineData("Content-Length: 100000", true)]
    [InlineData("Content-Length: 60000", true)] // short enough to be read in one piece
    [InlineData("Content-Length: 100000", false)]
    [InlineData("Transfer-Encoding: chunked", true)]
    [InlineData("Transfer-Encoding: chunked", false)]
    [InlineData("Connection: close", true)]
    public async Task A_client_of_HTTP1_gets_what_the_app_has_sent_before(string framing, bool isReset)
    {
        await using var app = new RawServer((stream, _, cancellation) => BreakOffAsync(stream, framing, _sent, isReset, cancellation));
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        for (var i = 0; i < 5; i++)
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

            var response = await client.ReadResponseAsync();

            Assert.Equal((200, _sent, false), (response!.Status, response.Body, response.IsWhole));
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal((5, 0), (proxy.Slots.Active.Errors, proxy.Connections.Open(SlotName.Blue)));
    }

    [Theory]
    [InlineData("Content-Length: 100000", 50_000, true)]
    [InlineData("Transfer-Encoding: chunked", 50_000, true)]
    [InlineData("Transfer-Encoding: chunked", 50_000, false)]
    [InlineData("Content-Length: 100000", 500, true)] // nobody waits for the client to take so little
    [InlineData("Transfer-Encoding: chunked", 3_000, true)]
    public async Task A_client_of_HTTP2_gets_it_and_then_a_reset(string framing, int size, bool isReset)
    {
        var sent = Text(size);
        await using var app = new RawServer((stream, _, cancellation) => BreakOffAsync(stream, framing, sent, isReset, cancellation));
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);
        await client.SendAsync(RawHttp2.OpenConnectionWindow());
        for (var stream = 1; stream < 100; stream += 2)
        {
            await client.SendAsync(RawHttp2.Get(stream, "/"));

            var body = new StringBuilder();
            while (await client.ReadAsync() is { Type: not (Http2Frame.Reset or Http2Frame.GoAway) } frame)
            {
                body.Append(frame.Type == Http2Frame.Data ? Encoding.Latin1.GetString(frame.Payload) : "");
            }

            Assert.Equal(sent, body.ToString());
        }
    }

    [Fact]
    public async Task A_client_of_HTTPS_gets_it_too()
    {
        await using var app = new RawServer(
            (stream, _, cancellation) => BreakOffAsync(stream, "Content-Length: 100000", _sent, isReset: true, cancellation));
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue(["shop.example.com"]);
        await File.WriteAllTextAsync(directory["both.pem"], chain + key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            options => options.Tls.Certificates = [new() { Certificate = directory["both.pem"], Key = directory["both.pem"] }],
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"));
        await using var client = await TlsClient.ConnectAsync(proxy.HttpsPort, "shop.example.com", root: null);
        await client.WriteAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), Cancellation);

        using var response = new MemoryStream();
        await client.CopyToAsync(response, Cancellation).Within().ContinueWith(_ => { }, TaskScheduler.Default); // an end without close_notify may throw

        Assert.EndsWith(_sent, Encoding.Latin1.GetString(response.ToArray()), StringComparison.Ordinal);
    }

    /// <summary>No part of it is like another.</summary>
    private static string Text(int length) => string.Concat(Enumerable.Range(0, length / 10).Select(i => $"{i,9}\n"));

    private static async Task BreakOffAsync(NetworkStream stream, string framing, string sent, bool isReset, CancellationToken cancellation)
    {
        await RawServer.ReadHeadAsync(stream, cancellation);
        var size = framing.EndsWith("chunked", StringComparison.Ordinal) ? $"{sent.Length:x}\r\n" : "";
        await RawServer.WriteAsync(stream, $"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{size}{sent}", cancellation);
        if (isReset)
        {
            stream.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
            stream.Socket.Close(timeout: 0); // the stream would send a FIN first
        }
    }
}
