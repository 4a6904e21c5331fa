using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Tls;

/// <summary>What clients do: each call is a new connection to 127.0.0.1, and nothing but the given root is trusted, nothing downloaded.</summary>
internal static class TlsClient
{
    /// <summary>Completes a handshake.</summary>
    /// <param name="root">Null: any certificate will do.</param>
    public static async Task<SslStream> ConnectAsync(int port, string name, X509Certificate2? root, params SslApplicationProtocol[] protocols)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
        return await HandshakeAsync(new NetworkStream(socket, ownsSocket: true), name, root, protocols);
    }

    /// <summary>Completes a handshake on a connection that is there.</summary>
    public static async Task<SslStream> HandshakeAsync(Stream connection, string name, X509Certificate2? root, params SslApplicationProtocol[] protocols)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var stream = new SslStream(connection);
        try
        {
            await stream.AuthenticateAsClientAsync(Options(name, root, protocols), cancellation).WaitAsync(Eventually.Patience, cancellation);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>The certificate that a client of the name is shown.</summary>
    public static async Task<X509Certificate2> SeeAsync(int port, string name)
    {
        await using var stream = await ConnectAsync(port, name, root: null);
        return new X509Certificate2(stream.RemoteCertificate!);
    }

    public static HttpClient Browser(int port, string name, X509Certificate2 root) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
        SslOptions = Options(name, root, []),
    })
    {
        BaseAddress = new Uri($"https://{name}:{port}"),
    };

    /// <summary>The first bytes that a client of the name would send.</summary>
    public static async Task<byte[]> ClientHelloAsync(string name, params SslApplicationProtocol[] protocols)
    {
        using var wire = new Recorder();
        await using var client = new SslStream(wire);
        await Assert.ThrowsAnyAsync<IOException>(
            () => client.AuthenticateAsClientAsync(Options(name, root: null, protocols), TestContext.Current.CancellationToken));
        return wire.ToArray();
    }

    /// <summary>Sends bytes and returns all that comes back until the server ends the connection.</summary>
    public static async Task<byte[]> SendAsync(int port, params byte[][] parts)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port, cancellation);
        var stream = client.GetStream();
        foreach (var part in parts)
        {
            await stream.WriteAsync(part, cancellation);
        }

        using var response = new MemoryStream();
        await stream.CopyToAsync(response, cancellation).WaitAsync(Eventually.Patience, cancellation);
        return response.ToArray();
    }

    /// <summary>Trusts the root alone.</summary>
    public static X509ChainPolicy Trust(X509Certificate2 root) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { root },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    private static SslClientAuthenticationOptions Options(string name, X509Certificate2? root, SslApplicationProtocol[] protocols)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = name, AllowTlsResume = false };
        if (protocols.Length > 0)
        {
            options.ApplicationProtocols = [.. protocols];
        }

        if (root is null)
        {
#pragma warning disable CA5359 // a test looks at the certificate itself
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else
        {
            options.CertificateChainPolicy = Trust(root);
        }

        return options;
    }

    /// <summary>Takes what is written; there is nothing to read.</summary>
    private sealed class Recorder : MemoryStream
    {
        public override int Read(Span<byte> buffer) => 0;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(0);
    }
}
