using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Tls;

/// <summary>A certificate with its key and chain, ready to serve: what a handshake needs is made once, not per connection.</summary>
/// <remarks>Not disposed when another takes its place: handshakes that have begun with it still use it. The collector frees it after the last one.</remarks>
internal sealed class ServingCertificate
{
    private readonly Lazy<Task<Handshakes>> _handshakes;

    private ServingCertificate(X509Certificate2 leaf, X509Certificate2Collection intermediates, IReadOnlyList<string> names)
    {
        Leaf = leaf;
        Names = names;
        _handshakes = new(() => Task.Run(() => MakeHandshakes(leaf, intermediates)));
    }

    public X509Certificate2 Leaf { get; }

    /// <summary>The DNS names of the certificate, in lower case; wildcards as <c>*.example.com</c>; and its addresses. At least one.</summary>
    public IReadOnlyList<string> Names { get; }

    public DateTimeOffset NotBefore => new(Leaf.NotBefore.ToUniversalTime(), TimeSpan.Zero);

    public DateTimeOffset NotAfter => new(Leaf.NotAfter.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>The issuer, for people.</summary>
    public string Issuer => Leaf.GetNameInfo(X509NameType.SimpleName, forIssuer: true);

    /// <summary>Makes one of PEM text.</summary>
    /// <param name="chain">The certificate first, then its intermediates (RFC 8446 section 4.4.2 asks for this order). Other text is ignored.</param>
    /// <param name="key">The private key: PKCS#8, or the older forms for EC and RSA keys; not encrypted. May be the same text.</param>
    /// <exception cref="CertificateException">They cannot be used.</exception>
    public static ServingCertificate FromPem(string chain, string key)
    {
        var all = new X509Certificate2Collection();
        try
        {
            all.ImportFromPem(chain);
        }
        catch (CryptographicException e)
        {
            throw new CertificateException($"has a certificate that cannot be read: {e.Message}", e);
        }

        if (all.Count == 0)
        {
            throw new CertificateException("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }

        var leaf = WithKey(chain, key);
        string[] names = [.. leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension => extension.EnumerateDnsNames()
            .Select(name => name.ToLowerInvariant()).Concat(extension.EnumerateIPAddresses().Select(address => address.ToString())))];
        if (names.Length == 0)
        {
            throw new CertificateException("has no DNS name and no address (subject alternative name), so no browser would accept it");
        }

        all.RemoveAt(0);
        return new ServingCertificate(leaf, all, names);
    }

    /// <summary>Begins to make what handshakes use, on another thread; they wait for it.</summary>
    /// <remarks>The first certificate of a process has the runtime read every root certificate of the machine, some 300 files, while the rest of the process
    /// starts.</remarks>
    /// <returns>Completes when it is made.</returns>
    /// <exception cref="CertificateException">It cannot be made, and every handshake fails.</exception>
    public Task PrepareAsync() => _handshakes.Value;

    /// <summary>What a handshake uses on an endpoint with these protocols.</summary>
    public ValueTask<SslServerAuthenticationOptions> HandshakeFor(HttpProtocols protocols)
    {
        var handshakes = _handshakes.Value;
        return handshakes.IsCompletedSuccessfully ? new(handshakes.Result.For(protocols)) : WaitAsync();

        async ValueTask<SslServerAuthenticationOptions> WaitAsync() => (await handshakes).For(protocols);
    }

    private static X509Certificate2 WithKey(string chain, string key)
    {
        if (key.Contains("-----BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new CertificateException("has an encrypted key, and there is nobody to ask for its pass phrase; decrypt it with 'openssl pkey'");
        }

        try
        {
            return X509Certificate2.CreateFromPem(chain, key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new CertificateException("has no private key that fits the first certificate of the chain", e);
        }
    }

    private static Handshakes MakeHandshakes(X509Certificate2 leaf, X509Certificate2Collection intermediates)
    {
        try
        {
            return new Handshakes(SslStreamCertificateContext.Create(leaf, intermediates, offline: !HasOcspResponder(leaf)));
        }
        catch (Exception e) when (e is CryptographicException or AuthenticationException)
        {
            throw new CertificateException($"cannot be served: {e.Message}", e);
        }
    }

    /// <summary>With a responder, the runtime fetches its response in the background and staples it (RFC 6066 section 8); without, nothing is worth a
    /// connection.</summary>
    private static bool HasOcspResponder(X509Certificate2 leaf) =>
        leaf.Extensions.OfType<X509AuthorityInformationAccessExtension>().Any(access => access.EnumerateOcspUris().Any());

    private sealed class Handshakes(SslStreamCertificateContext context)
    {
        /// <summary>Asked for by clients that speak nothing newer, such as "curl --http1.0"; they are refused where nobody agrees (RFC 7301, 3.2).</summary>
        private static readonly SslApplicationProtocol _http10 = new("http/1.0");

        private readonly SslServerAuthenticationOptions _http1 = Options(context, SslApplicationProtocol.Http11, _http10);
        private readonly SslServerAuthenticationOptions _http2 = Options(context, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11, _http10);

        public SslServerAuthenticationOptions For(HttpProtocols protocols) => protocols.HasFlag(HttpProtocols.Http2) ? _http2 : _http1;

        private static SslServerAuthenticationOptions Options(SslStreamCertificateContext context, params List<SslApplicationProtocol> protocols) => new()
        {
            ServerCertificateContext = context,
            ApplicationProtocols = protocols,
#pragma warning disable CA5398 // a floor, whatever the machine's OpenSSL allows: older versions are deprecated by RFC 8996
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
            AllowRenegotiation = false,
        };
    }
}
