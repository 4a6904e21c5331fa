using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Proxying.Upgrades;

/// <summary>How the client speaks to the proxy.</summary>
public enum Transport
{
    /// <summary>HTTP/1.1.</summary>
    Http1,

    /// <summary>HTTP/1.1 over TLS.</summary>
    Http1Tls,

    /// <summary>HTTP/2 with prior knowledge.</summary>
    Http2,

    /// <summary>HTTP/2 over TLS.</summary>
    Http2Tls,
}

/// <summary>The proxy before an app that switches protocols and then does, byte for byte, what the test says.</summary>
internal sealed class TunnelSite : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestAuthority _authority = new();
    private readonly RawServer _app;
    private readonly Transport _transport;

    private TunnelSite(RawServer app, Transport transport) => (_app, _transport) = (app, transport);

    public DataPlane Proxy { get; private set; } = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="app">Gets the connection behind the 101. It is closed when this returns.</param>
    /// <param name="isSlot">False: the app is no slot, but a server that a route of a site names.</param>
    public static async Task<TunnelSite> StartAsync(
        Transport transport,
        Func<NetworkStream, CancellationToken, Task> app,
        TimeProvider? time = null,
        Action<EdgeProxyOptions>? configure = null,
        bool isSlot = true)
    {
        var server = new RawServer(async (stream, _, cancellation) =>
        {
            var head = await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, SwitchingProtocols(head), cancellation);
            await app(stream, cancellation);
        });
        var site = new TunnelSite(server, transport);
        var isTls = transport is Transport.Http1Tls or Transport.Http2Tls;
        var (chain, key) = site._authority.Issue(["app.example"]);
        await File.WriteAllTextAsync(site._directory["chain.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(site._directory["key.pem"], key, Cancellation);
        File.SetUnixFileMode(site._directory["key.pem"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        site.Proxy = await DataPlane.StartAsync(
            isSlot ? server.Address : "http://127.0.0.1:1",
            "http://127.0.0.1:1",
            time ?? TimeProvider.System,
            options =>
            {
                if (isTls)
                {
                    options.Tls.Certificates = [new() { Certificate = site._directory["chain.pem"], Key = site._directory["key.pem"] }];
                }

                options.Sites = isSlot ? null : [new SiteOptions { Hosts = "*", Routes = [new SiteRouteOptions { Upstreams = server.Address }] }];
                configure?.Invoke(options);
            },
            [
                ("Kestrel:Endpoints:Http:Protocols", transport == Transport.Http2 ? "Http2" : "Http1"),
                .. isTls ? [("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0")] : Array.Empty<(string, string)>(),
            ]);
        return site;
    }

    public static string SwitchingProtocols(string head) =>
        $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {AcceptOf(head)}\r\n\r\n";

    /// <summary>A client whose connection is switched.</summary>
    public async Task<TunnelClient> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var isTls = _transport is Transport.Http1Tls or Transport.Http2Tls;
        await socket.ConnectAsync(IPAddress.Loopback, isTls ? Proxy.HttpsPort : Proxy.Address.Port, Cancellation);
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        if (isTls)
        {
            var protocol = _transport == Transport.Http2Tls ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11;
            stream = await TlsClient.HandshakeAsync(stream, "app.example", _authority.Root, protocol);
        }

        if (_transport is Transport.Http2 or Transport.Http2Tls)
        {
            var client = await Http2Client.ConnectAsync(stream, scheme: isTls ? "https" : "http");
            Assert.Equal(200, await client.Status);
            return new TunnelClient(socket, stream, client);
        }

        await RawServer.WriteAsync(stream, TunnelClient.Upgrade("websocket"), Cancellation);
        Assert.StartsWith("HTTP/1.1 101 ", await RawServer.ReadHeadAsync(stream, Cancellation), StringComparison.Ordinal);
        return new TunnelClient(socket, stream, http2: null);
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await _app.DisposeAsync();
        _directory.Dispose();
    }

#pragma warning disable CA5350 // RFC 6455
    private static string AcceptOf(string head)
    {
        var key = head.Split("\r\n").Single(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase)).Split(':')[1].Trim();
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    }
#pragma warning restore CA5350
}

/// <summary>The client's end of a tunnel.</summary>
internal sealed class TunnelClient(Socket socket, Stream stream, Http2Client? http2) : IAsyncDisposable
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public bool IsHttp2 => http2 is not null;

    /// <summary>HTTP/2 said END_STREAM.</summary>
    public bool HasEnded => http2 is { HasEnded: true };

    /// <summary>Bytes that the kernel has, and nobody has read.</summary>
    public int Unread => socket.Available;

    public static string Upgrade(string protocol, string method = "GET", string more = "") =>
        $"{method} /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
        + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n";

    public Task SendAsync(byte[] bytes) => http2 is null ? stream.WriteAsync(bytes, Cancellation).AsTask() : http2.SendAsync(bytes);

    /// <summary>Sends, and ends its writing side with the last byte: END_STREAM, or FIN.</summary>
    public async Task SendAndEndAsync(byte[] bytes)
    {
        if (http2 is null)
        {
            await SendAsync(bytes);
            EndConnection();
        }
        else
        {
            await http2.SendAsync(bytes, endStream: true);
        }
    }

    /// <summary>FIN, without a word of TLS or HTTP/2 before it.</summary>
    public void EndConnection() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>RST of TCP.</summary>
    public void ResetConnection()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    /// <summary>As the end of a process closes it: the kernel says FIN, or RST where something is unread.</summary>
    public void Close() => socket.Dispose();

    public Task ResetStreamAsync() => http2!.ResetAsync();

    public async Task<byte[]> ReadToEndAsync()
    {
        if (http2 is not null)
        {
            return await http2.ReadToEndAsync().WaitAsync(Eventually.Patience, Cancellation);
        }

        using var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all, Cancellation).WaitAsync(Eventually.Patience, Cancellation);
        }
        catch (IOException)
        {
            // A reset is an end, too.
        }

        return all.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        if (http2 is not null)
        {
            await http2.DisposeAsync();
        }

        await stream.DisposeAsync();
        socket.Dispose();
    }
}

/// <summary>What the app has read of each connection, up to its end.</summary>
internal sealed class ReceivedByApp
{
    private readonly Channel<byte[]> _all = Channel.CreateUnbounded<byte[]>();

    public async Task ReadToEndAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        try
        {
            await stream.CopyToAsync(bytes, cancellationToken);
        }
        catch (IOException)
        {
            // A reset is an end, too.
        }

        _all.Writer.TryWrite(bytes.ToArray());
    }

    public Task<byte[]> NextAsync() =>
        _all.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
}
