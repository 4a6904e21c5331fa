using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Clients;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>The number of a client in one switch: drawn from what it shows of itself, kept in a cookie that nobody else can write.</summary>
internal static class ClientNumber
{
    /// <summary>Of an HMAC-SHA256, as RFC 2104 section 5 allows.</summary>
    private const int SignatureBytes = 16;

    /// <summary>
    /// The number of a client that shows no cookie of ours. The same for all that it asks for at once: its address, and its other cookies, which tell apart
    /// clients that share an address.
    /// </summary>
    public static int Draw(CandidateKey key, IPAddress? address, string cookies)
    {
        var text = Encoding.UTF8.GetBytes(cookies);
        var content = new byte[1 + 16 + text.Length];
        content[0] = (byte)'c';
        ClientKey.Of(address)?.Write(content.AsSpan(1));
        text.CopyTo(content, 1 + 16);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Secret.Span, content, hash);
        return (int)(BinaryPrimitives.ReadUInt64BigEndian(hash) % CandidateShare.Whole);
    }

    /// <summary>The value of the cookie: <c>NUMBER.SIGNATURE</c>.</summary>
    public static string Sign(CandidateKey key, int number)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        return $"{text}.{SignatureOf(key, text)}";
    }

    /// <summary>Reads the value of a cookie, which anybody may have written.</summary>
    /// <returns>Null: it was not signed for this switch.</returns>
    public static int? Read(CandidateKey key, string? cookie)
    {
        if (cookie is not { Length: < 40 } || cookie.Split('.') is not [var text, var signature])
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number < CandidateShare.Whole
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(SignatureOf(key, text)))
            ? number
            : null;
    }

    private static string SignatureOf(CandidateKey key, string number)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Secret.Span, Encoding.UTF8.GetBytes("n" + number), hash);
        return WebEncoders.Base64UrlEncode(hash[..SignatureBytes]);
    }
}
