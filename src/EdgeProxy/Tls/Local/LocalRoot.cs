using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.Tls.Local;

/// <summary>The root of the local authority. It is trusted for its names and no others: that stands in the certificate itself, and clients keep
/// to it.</summary>
/// <param name="certificate">With its key.</param>
internal sealed class LocalRoot(X509Certificate2 certificate)
{
    private const int Years = 10;
    private const int CommonNameLimit = 64; // RFC 5280 appendix A, ub-common-name
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>RFC 5280 section 4.2.1.10.</summary>
    private const string NameConstraints = "2.5.29.30";

    /// <summary>In bytes, of IPv4 and IPv6.</summary>
    private static readonly int[] _addressLengths = [4, 16];

    /// <summary>Clocks differ.</summary>
    private static readonly TimeSpan _leeway = TimeSpan.FromHours(1);

    public DateTimeOffset NotAfter => new(certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);

    /// <summary>What is to be trusted: PEM, without the key.</summary>
    public string CertificatePem => certificate.ExportCertificatePem() + "\n";

    /// <param name="names">It signs for these and what is below them.</param>
    /// <param name="now">The begin of its ten years.</param>
    public static LocalRoot Create(IReadOnlyList<string> names, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        var name = $"EdgeProxy on {Environment.MachineName}";
        subject.AddCommonName(name[..Math.Min(name.Length, CommonNameLimit)]);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256)
        {
            CertificateExtensions =
            {
                new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true),
                new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true),
                new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false),
                new X509SubjectKeyIdentifierExtension(new PublicKey(key), critical: false),
                new X509Extension(NameConstraints, Constrain(names), critical: true),
            },
        };
        return new LocalRoot(request.CreateSelfSigned(now - _leeway, now.AddYears(Years)));
    }

    /// <exception cref="CertificateException">It is no root of ours.</exception>
    public static LocalRoot FromPem(string pem)
    {
        try
        {
            return new LocalRoot(X509Certificate2.CreateFromPem(pem, pem));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new CertificateException("holds no certificate with its key", e);
        }
    }

    /// <summary>Certificate and key: for the owner alone.</summary>
    public string ToPem()
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        return CertificatePem + key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    /// <summary>It was made for exactly these names.</summary>
    public bool IsFor(IReadOnlyList<string> names) =>
        certificate.Extensions.FirstOrDefault(extension => extension.Oid?.Value == NameConstraints) is { } made
            && made.RawData.AsSpan().SequenceEqual(Constrain(names));

    /// <summary>A certificate with a new key, which nobody else ever sees.</summary>
    public ServingCertificate Issue(IReadOnlyList<string> names, DateTimeOffset now, TimeSpan life)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        var request = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256)
        {
            CertificateExtensions =
            {
                alternatives.Build(critical: true), // RFC 5280 section 4.2.1.6: where there is no subject
                new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true),
                new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true),
                new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false),
                X509AuthorityKeyIdentifierExtension.CreateFromCertificate(certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false),
            },
        };
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x3F) | 0x40); // positive, and never shorter (RFC 5280 section 4.1.2.2)
        using var signed = request.Create(certificate, now - _leeway, now + life, serial);
        return ServingCertificate.FromPem(signed.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Permits the names and what is below them, these addresses, and no others.</summary>
    private static byte[] Constrain(IReadOnlyList<string> names)
    {
        var addresses = names.Select(name => IPAddress.TryParse(name, out var address) ? address.GetAddressBytes() : null).OfType<byte[]>().ToList();
        var permitted = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        var excluded = new Asn1Tag(TagClass.ContextSpecific, 1, isConstructed: true);
        var dnsName = new Asn1Tag(TagClass.ContextSpecific, 2);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(permitted))
            {
                foreach (var name in names.Where(name => !IPAddress.TryParse(name, out _)).Select(name => name.TrimStart('*').TrimStart('.')).Distinct())
                {
                    using (writer.PushSequence())
                    {
                        writer.WriteCharacterString(UniversalTagNumber.IA5String, name, dnsName);
                    }
                }

                foreach (var address in addresses)
                {
                    WriteNetwork(writer, [.. address, .. Enumerable.Repeat(byte.MaxValue, address.Length)]);
                }
            }

            var foreign = _addressLengths.Where(length => !addresses.Exists(address => address.Length == length)).ToList();
            if (foreign.Count > 0)
            {
                using (writer.PushSequence(excluded))
                {
                    foreach (var length in foreign) // address and mask, all zero: every address of the kind
                    {
                        WriteNetwork(writer, new byte[2 * length]);
                    }
                }
            }
        }

        return writer.Encode();
    }

    /// <param name="network">An address and its mask.</param>
    private static void WriteNetwork(AsnWriter writer, byte[] network)
    {
        using (writer.PushSequence())
        {
            writer.WriteOctetString(network, new Asn1Tag(TagClass.ContextSpecific, 7));
        }
    }
}
