using System.Globalization;

namespace EdgeProxy.Tls.Acme;

/// <summary>A certificate as it lies on disk: one PEM file of chain and key, so that the two can never be of different age.</summary>
/// <remarks>What else must be known stands before the first block, where every reader of PEM skips it (RFC 7468 section 2).</remarks>
/// <param name="Directory">The authority's directory: a certificate of its staging one is none of its real one.</param>
/// <param name="ObtainedAt">When it came, by our clock.</param>
/// <param name="Pem">The chain, then the key.</param>
internal sealed record StoredCertificate(Uri Directory, DateTimeOffset ObtainedAt, string Pem)
{
    private const string DirectoryHeader = "Directory";
    private const string ObtainedHeader = "Obtained";

    public string ToText() =>
        PemText.Write(Pem, (DirectoryHeader, Directory.AbsoluteUri), (ObtainedHeader, ObtainedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)));

    /// <returns>Null: it is something else.</returns>
    public static StoredCertificate? FromText(string text) =>
        Uri.TryCreate(PemText.Header(text, DirectoryHeader), UriKind.Absolute, out var directory)
        && DateTimeOffset.TryParse(PemText.Header(text, ObtainedHeader), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var obtained)
            ? new StoredCertificate(directory, obtained, text)
            : null;
}

/// <summary>An order that was about to be finished, with the key of its certificate: the next process finishes it after a sudden end, instead of
/// ordering again.</summary>
internal sealed record StoredOrder(Uri Directory, Uri Url, string KeyPem)
{
    private const string DirectoryHeader = "Directory";
    private const string OrderHeader = "Order";

    public string ToText() => PemText.Write(KeyPem, (DirectoryHeader, Directory.AbsoluteUri), (OrderHeader, Url.AbsoluteUri));

    /// <returns>Null: it is something else.</returns>
    public static StoredOrder? FromText(string text) =>
        Uri.TryCreate(PemText.Header(text, DirectoryHeader), UriKind.Absolute, out var directory)
        && Uri.TryCreate(PemText.Header(text, OrderHeader), UriKind.Absolute, out var url)
            ? new StoredOrder(directory, url, text)
            : null;
}

/// <summary>Lines <c>EdgeProxy-NAME: VALUE</c> before PEM blocks.</summary>
internal static class PemText
{
    private const string Prefix = "EdgeProxy-";

    public static string Write(string pem, params ReadOnlySpan<(string Name, string Value)> headers)
    {
        var text = "";
        foreach (var (name, value) in headers)
        {
            text += $"{Prefix}{name}: {value}\n";
        }

        return text + pem;
    }

    /// <returns>Null: there is none of this name.</returns>
    public static string? Header(string text, string name)
    {
        var prefix = $"{Prefix}{name}: ";
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("-----", StringComparison.Ordinal))
            {
                break;
            }

            if (line.StartsWith(prefix, StringComparison.Ordinal))
            {
                return line[prefix.Length..].ToString();
            }
        }

        return null;
    }
}
