using System.Buffers;
using System.Globalization;
using System.Text;

namespace EdgeProxy.Tls;

/// <summary>Domain names as certificates carry them: lower case and in ASCII (A-labels, RFC 5890 section 2.3.2.1).</summary>
internal static class DomainName
{
    /// <summary>RFC 1035 section 2.3.4, without the dot of the root.</summary>
    private const int MaxLength = 253;

    private static readonly IdnMapping _idn = new() { UseStd3AsciiRules = true };
    private static readonly SearchValues<char> _label = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    /// <summary>A full name that a certificate can be had for: at least two labels, no wildcard, no address, no dot at its end.</summary>
    /// <param name="text">As it was written, also in another script.</param>
    /// <param name="ascii">Nothing but letters, digits, hyphens and single dots: fit to be a file name.</param>
    public static bool TryNormalize(string? text, out string ascii)
    {
        ascii = "";
        if (string.IsNullOrEmpty(text) || ToAscii(text) is not { } converted)
        {
            return false;
        }

        ascii = converted.ToLowerInvariant();
        return ascii.Length <= MaxLength
            && ascii.Contains('.', StringComparison.Ordinal)
            && Uri.CheckHostName(ascii) == UriHostNameType.Dns
            && ascii.Split('.').All(label => IsLabel(label));
    }

    /// <summary>The name in ASCII, if it is not; null where it has no such form.</summary>
    /// <remarks>SslStream decodes the server name of a handshake to its own script.</remarks>
    public static string? ToAscii(string name)
    {
        if (Ascii.IsValid(name))
        {
            return name;
        }

        try
        {
            return _idn.GetAscii(name);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>One label of letters, digits and hyphens (RFC 1123 section 2.1).</summary>
    public static bool IsLabel(ReadOnlySpan<char> label) =>
        label.Length is > 0 and <= 63 && !label.ContainsAnyExcept(_label) && label[0] != '-' && label[^1] != '-';
}
