using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.Tls.Acme;

/// <summary>Keys of certificates, and the requests that are made with them.</summary>
internal static class CertificateKey
{
    /// <summary>A new key in PEM form (PKCS#8). RSA takes a fifth of a second: not on the way of a request.</summary>
    public static string NewPem(AcmeKeyType type)
    {
        using AsymmetricAlgorithm key = type switch
        {
            AcmeKeyType.P384 => ECDsa.Create(ECCurve.NamedCurves.nistP384),
            AcmeKeyType.Rsa2048 => RSA.Create(2048),
            _ => ECDsa.Create(ECCurve.NamedCurves.nistP256),
        };
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    /// <summary>A request for a certificate (PKCS#10, DER).</summary>
    /// <remarks>Without a subject: the names that count are the alternative ones, and a common name holds 64 characters at most.</remarks>
    /// <exception cref="CryptographicException">The key is of no known kind.</exception>
    public static byte[] CreateRequest(string domain, string keyPem)
    {
        using var key = Import(keyPem);
        var subject = new X500DistinguishedName("");
        var request = key is RSA rsa
            ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(domain);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSigningRequest();
    }

    private static AsymmetricAlgorithm Import(string pem)
    {
        AsymmetricAlgorithm key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (CryptographicException)
        {
            key.Dispose();
            key = RSA.Create();
            key.ImportFromPem(pem);
            return key;
        }
    }
}
