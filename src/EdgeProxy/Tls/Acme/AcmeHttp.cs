using System.Net;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Diagnostics;

namespace EdgeProxy.Tls.Acme;

/// <summary>The HTTP client for the authority.</summary>
internal sealed class AcmeHttp : IDisposable
{
    /// <summary>The time for one request. An authority that needs longer is asked again later.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>A chain of certificates is a few KB.</summary>
    private const int MaxResponse = 1024 * 1024;

    public AcmeHttp(HttpMessageHandler handler)
    {
        Client = new HttpClient(handler) { Timeout = Timeout, MaxResponseContentBufferSize = MaxResponse };
        Client.DefaultRequestHeaders.UserAgent.ParseAdd($"EdgeProxy/{ProductVersion.Text}"); // RFC 8555 section 6.1 demands one
    }

    public HttpClient Client { get; }

    /// <summary>Connections to the authority.</summary>
    /// <param name="trustedRoots">A PEM file of the roots that alone are trusted; null: the system's.</param>
    public static HttpMessageHandler CreateHandler(string? trustedRoots)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // a signed request names the URL that it is for
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        };
        if (!string.IsNullOrEmpty(trustedRoots))
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(trustedRoots);
            handler.SslOptions.CertificateChainPolicy = policy;
        }

        return handler;
    }

    public void Dispose() => Client.Dispose();
}
