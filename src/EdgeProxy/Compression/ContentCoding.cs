namespace EdgeProxy.Compression;

/// <summary>How content is compressed on the wire (RFC 9110 section 8.4.1).</summary>
internal enum ContentCoding
{
    /// <summary>RFC 8878 and RFC 9659. Through libzstd, see <see cref="ZstdEncoder.IsAvailable"/>.</summary>
    Zstd,

    /// <summary>RFC 7932.</summary>
    Brotli,

    /// <summary>RFC 1952.</summary>
    Gzip,
}

internal static class ContentCodings
{
    public static IReadOnlyList<ContentCoding> All { get; } = [ContentCoding.Zstd, ContentCoding.Brotli, ContentCoding.Gzip];

    /// <summary>The name of a coding in <c>Content-Encoding</c>, in the settings, and in entity tags.</summary>
    public static string Name(this ContentCoding coding) => coding switch
    {
        ContentCoding.Zstd => "zstd",
        ContentCoding.Brotli => "br",
        _ => "gzip",
    };

    /// <summary>What the name of a file ends with that was compressed beforehand.</summary>
    public static string Extension(this ContentCoding coding) => coding switch
    {
        ContentCoding.Zstd => ".zst",
        ContentCoding.Brotli => ".br",
        _ => ".gz",
    };

    public static bool TryParse(ReadOnlySpan<char> name, out ContentCoding coding)
    {
        ContentCoding? parsed = name.Length switch
        {
            2 when name.Equals("br", StringComparison.OrdinalIgnoreCase) => ContentCoding.Brotli,
            4 when name.Equals("gzip", StringComparison.OrdinalIgnoreCase) => ContentCoding.Gzip,
            4 when name.Equals("zstd", StringComparison.OrdinalIgnoreCase) => ContentCoding.Zstd,
            6 when name.Equals("x-gzip", StringComparison.OrdinalIgnoreCase) => ContentCoding.Gzip, // RFC 9110 section 8.4.1.3
            _ => null,
        };
        coding = parsed.GetValueOrDefault();
        return parsed is not null;
    }
}
