namespace EdgeProxy.Compression;

/// <summary>Which responses are compressed, and how.</summary>
internal sealed class CompressionOptions
{
    /// <summary>The encodings on offer, best first, of <c>zstd</c>, <c>br</c>, <c>gzip</c>; null: all three in this order; empty: none.</summary>
    public string[]? Encodings { get; set; }

    /// <summary>Smaller responses are not compressed. Bytes, default 512; 0 to 1 GB.</summary>
    public int MinimumSize { get; set; } = 512;

    /// <summary>Content types that are compressed, <c>text/*</c> for a family; null: text, JSON, JavaScript, XML, SVG, WebAssembly and uncompressed
    /// fonts.</summary>
    public string[]? MimeTypes { get; set; }

    /// <summary>Path prefixes that are never compressed (see BREACH); null or empty: none.</summary>
    public string[]? ExcludePaths { get; set; }

    /// <summary>Memory for small static files and compressed ones: a number with <c>B</c>, <c>KB</c>, <c>MB</c> or <c>GB</c>. Default <c>64MB</c>.</summary>
    public string CacheSize { get; set; } = "64MB";
}
