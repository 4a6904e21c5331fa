using System.Buffers.Text;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.Tls.Acme;

/// <summary>How a certificate is called in questions about its renewal (RFC 9773 section 4.1).</summary>
internal static class RenewalId
{
    /// <returns>Null: the certificate does not name its authority's key.</returns>
    public static string? Of(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier is { } authority
            // The serial number as it stands in DER: with the zero before a first bit that is set.
            ? $"{Base64Url.EncodeToString(authority.Span)}.{Base64Url.EncodeToString(certificate.SerialNumberBytes.Span)}"
            : null;
}
