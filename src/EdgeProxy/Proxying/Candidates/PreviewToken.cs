using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>What invites a client to the candidate of one switch until an instant: in a link, then in a cookie. <c>EXPIRY.SIGNATURE</c>.</summary>
internal static class PreviewToken
{
    /// <summary>The query parameter of a link.</summary>
    public const string Parameter = "edgeproxy-preview";

    private const int LongestToken = 100;

    /// <summary>The name of the cookie.</summary>
    public static string CookieOf(string app) => $"{Parameter}-{app}";

    public static string Sign(CandidateKey key, DateTimeOffset expiry)
    {
        var text = expiry.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{text}.{SignatureOf(key, text)}";
    }

    /// <summary>Reads what anybody may have written.</summary>
    /// <returns>How long it is valid; null: it is not signed for this switch, or its time is over.</returns>
    public static TimeSpan? Read(CandidateKey key, string? token, DateTimeOffset now)
    {
        if (token is not { Length: < LongestToken } || token.Split('.') is not [var text, var signature])
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var expiry)
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(SignatureOf(key, text)))
            && DateTimeOffset.FromUnixTimeSeconds(expiry) - now is var left && left > TimeSpan.Zero
            ? left
            : null;
    }

    /// <summary>All of an HMAC: what it protects is not to be seen by others.</summary>
    private static string SignatureOf(CandidateKey key, string expiry)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Secret.Span, Encoding.UTF8.GetBytes("p" + expiry), hash);
        return WebEncoders.Base64UrlEncode(hash);
    }
}
