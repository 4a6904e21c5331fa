using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EdgeProxy.Tls;

/// <summary>The certificate of TLS-ALPN-01: signed by itself, for one name, with the proof in a critical extension (RFC 8737 section 3).</summary>
internal static class ChallengeCertificate
{
    /// <summary>The protocol that only an authority offers.</summary>
    public static readonly SslApplicationProtocol Protocol = new("acme-tls/1");

    /// <summary>id-pe-acmeIdentifier.</summary>
    private const string AcmeIdentifier = "1.3.6.1.5.5.7.1.31";

    /// <summary>Its dates mean nothing to the authority; a clock that is wrong must not either.</summary>
    private static readonly (DateTimeOffset NotBefore, DateTimeOffset NotAfter) _always =
        (new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2049, 12, 31, 0, 0, 0, TimeSpan.Zero));

    public static SslServerAuthenticationOptions Create(string domain, string keyAuthorization)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=acme-challenge", key, HashAlgorithmName.SHA256);
        var name = new SubjectAlternativeNameBuilder();
        name.AddDnsName(domain); // one and no other
        request.CertificateExtensions.Add(name.Build());
        var proof = new AsnWriter(AsnEncodingRules.DER);
        proof.WriteOctetString(SHA256.HashData(Encoding.UTF8.GetBytes(keyAuthorization)));
        request.CertificateExtensions.Add(new X509Extension(AcmeIdentifier, proof.Encode(), critical: true));
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(
                request.CreateSelfSigned(_always.NotBefore, _always.NotAfter), additionalCertificates: null, offline: true),
            ApplicationProtocols = [Protocol],
#pragma warning disable CA5398 // RFC 8737 section 3: 1.2 or later
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
        };
    }
}
