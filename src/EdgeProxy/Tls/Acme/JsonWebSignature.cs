using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace EdgeProxy.Tls.Acme;

/// <summary>A public key of P-256 (RFC 7518 section 6.2.1). Members in the order that a thumbprint is made of (RFC 7638 section 3.2).</summary>
internal sealed record JsonWebKey(string Crv, string Kty, string X, string Y);

/// <summary>The protected header of a request: <see cref="Kid"/>, or <see cref="Jwk"/> where there is no account yet (RFC 8555 section 6.2).</summary>
internal sealed record JwsHeader(string Alg, string Url, string? Nonce = null, JsonWebKey? Jwk = null, string? Kid = null);

/// <summary>RFC 7515 section 7.2.2. Each member is base64url.</summary>
internal sealed record FlattenedJws(string Protected, string Payload, string Signature);

/// <summary>The key of an account, which signs every request (ES256).</summary>
/// <remarks>Not for several threads at once.</remarks>
internal sealed class AcmeKey : IDisposable
{
    private readonly ECDsa _key;

    private AcmeKey(ECDsa key)
    {
        _key = key;
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        PublicKey = new JsonWebKey("P-256", "EC", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
    }

    public JsonWebKey PublicKey { get; }

    /// <summary>A new key in PEM form.</summary>
    public static string NewPem()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }

    /// <exception cref="CryptographicException">It is none of P-256.</exception>
    public static AcmeKey FromPem(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key.KeySize == 256 ? new AcmeKey(key) : throw new CryptographicException("the account key is not one of P-256");
        }
        catch (ArgumentException e)
        {
            key.Dispose();
            throw new CryptographicException("the account key is not in PEM form", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>What proves that the holder of this account responds to a challenge (RFC 8555 section 8.1).</summary>
    public string KeyAuthorization(string token) =>
        $"{token}.{Base64Url.EncodeToString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(PublicKey, AcmeJson.Default.JsonWebKey)))}";

    /// <summary>Signs a request.</summary>
    /// <param name="payload">Empty: the request only reads (RFC 8555 section 6.3).</param>
    public FlattenedJws Sign(JwsHeader header, ReadOnlySpan<byte> payload)
    {
        var (signed, parts) = Prepare(header, payload);
        return parts with
        {
            Signature = Base64Url.EncodeToString(_key.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
        };
    }

    /// <summary>Binds this key to an account that its holder has with the authority elsewhere (RFC 8555 section 7.3.4).</summary>
    public FlattenedJws BindTo(ExternalAccountOptions account, Uri newAccount)
    {
        var header = new JwsHeader("HS256", newAccount.AbsoluteUri, Kid: account.KeyId);
        var (signed, parts) = Prepare(header, JsonSerializer.SerializeToUtf8Bytes(PublicKey, AcmeJson.Default.JsonWebKey));
        return parts with { Signature = Base64Url.EncodeToString(HMACSHA256.HashData(Base64Url.DecodeFromChars(account.HmacKey), signed)) };
    }

    public void Dispose() => _key.Dispose();

    private static (byte[] Signed, FlattenedJws Unsigned) Prepare(JwsHeader header, ReadOnlySpan<byte> payload)
    {
        var protectedHeader = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(header, AcmeJson.Default.JwsHeader));
        var encodedPayload = Base64Url.EncodeToString(payload);
        return (Encoding.ASCII.GetBytes($"{protectedHeader}.{encodedPayload}"), new FlattenedJws(protectedHeader, encodedPayload, ""));
    }
}
