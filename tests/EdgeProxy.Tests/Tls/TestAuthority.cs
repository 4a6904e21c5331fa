using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.Tests.Tls;

/// <summary>A root and an intermediate that sign what a test asks for.</summary>
internal sealed class TestAuthority
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private readonly X509Certificate2 _intermediate;

    public TestAuthority()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Root = Authority("CN=Test Root", rootKey).CreateSelfSigned(Now.AddYears(-1), Now.AddYears(5));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _intermediate = Authority("CN=Test Intermediate", key).Create(Root, Now.AddYears(-1), Now.AddYears(4), [1, 2, 3]).CopyWithPrivateKey(key);
    }

    public X509Certificate2 Root { get; }

    /// <summary>A certificate with its intermediate, and its key, both in PEM form.</summary>
    /// <param name="names">DNS names.</param>
    /// <param name="life">From a day ago; null: 90 days.</param>
    public (string Chain, string Key) Issue(string[] names, TimeSpan? life = null, bool isRsa = false)
    {
        using AsymmetricAlgorithm key = isRsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedName("");
        var request = key is RSA rsa
            ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        if (names.Length > 0)
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            Array.ForEach(names, alternatives.AddDnsName);
            request.CertificateExtensions.Add(alternatives.Build());
        }

        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_intermediate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var generator = X509SignatureGenerator.CreateForECDsa(_intermediate.GetECDsaPrivateKey()!);
        using var certificate = request.Create(
            _intermediate.SubjectName, generator, Now.AddDays(-1), Now.AddDays(-1) + (life ?? TimeSpan.FromDays(90)), RandomNumberGenerator.GetBytes(12));
        return (certificate.ExportCertificatePem() + "\n" + _intermediate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    /// <summary>Signs a request as it is, and returns the chain.</summary>
    public string Sign(byte[] request, DateTimeOffset from, DateTimeOffset to)
    {
        var signed = CertificateRequest.LoadSigningRequest(request, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);
        signed.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_intermediate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var generator = X509SignatureGenerator.CreateForECDsa(_intermediate.GetECDsaPrivateKey()!);
        using var certificate = signed.Create(_intermediate.SubjectName, generator, from, to, RandomNumberGenerator.GetBytes(12));
        return certificate.ExportCertificatePem() + "\n" + _intermediate.ExportCertificatePem() + "\n";
    }

    private static CertificateRequest Authority(string name, ECDsa key) => new(name, key, HashAlgorithmName.SHA256)
    {
        CertificateExtensions =
        {
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true),
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true),
            new X509SubjectKeyIdentifierExtension(new PublicKey(key), critical: false),
        },
    };
}
