using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Compression;

/// <summary>Which responses may be compressed, and into what: the same for files and for responses of the app.</summary>
internal sealed class CompressionPolicy
{
    /// <summary>Content that shrinks. Images, video, archives and woff are compressed already.</summary>
    private static readonly string[] _defaultTypes =
    [
        "text/*",
        "application/json",
        "application/javascript",
        "application/x-javascript",
        "application/xml",
        "application/wasm",
        "application/yaml",
        "application/vnd.ms-fontobject",
        "font/ttf",
        "font/otf",
        "font/collection",
        "image/svg+xml",
        "image/bmp",
        "image/x-icon",
        "image/vnd.microsoft.icon",
    ];

    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _types;
    private readonly string[] _families;
    private readonly bool _isDefault;
    private readonly PathString[] _excluded;
    private readonly ContentCoding[] _offered;

    public CompressionPolicy(CompressionOptions options)
    {
        var types = options.MimeTypes ?? _defaultTypes;
        _isDefault = options.MimeTypes is null;
        _types = types.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        _families = [.. types.Where(type => type.EndsWith("/*", StringComparison.Ordinal)).Select(type => type[..^1])];
        _excluded = [.. (options.ExcludePaths ?? []).Select(path => PathString.FromUriComponent(path.TrimEnd('/')))];
        _offered = [.. Parse(options.Encodings).Where(coding => coding != ContentCoding.Zstd || ZstdEncoder.IsAvailable)];
        MinimumSize = options.MinimumSize;
    }

    /// <summary>Best first; empty: nothing is compressed. Without zstd where libzstd is missing.</summary>
    public ReadOnlySpan<ContentCoding> Offered => _offered;

    /// <summary>Bytes.</summary>
    public int MinimumSize { get; }

    /// <summary>The path is not excluded (<c>Compression:ExcludePaths</c>).</summary>
    public bool Covers(PathString path)
    {
        foreach (var prefix in _excluded)
        {
            if (path.StartsWithSegments(prefix, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    /// <param name="contentType">As in the header, with or without parameters.</param>
    public bool Shrinks(StringSegment contentType)
    {
        var text = contentType.AsSpan();
        var semicolon = text.IndexOf(';');
        var type = (semicolon < 0 ? text : text[..semicolon]).Trim();
        if (type.IsEmpty || type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            return false; // an event stream flows; it is never held up for a coder
        }

        foreach (var family in _families)
        {
            if (type.StartsWith(family, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return _types.Contains(type)
            || (_isDefault && (type.EndsWith("+json", StringComparison.OrdinalIgnoreCase) || type.EndsWith("+xml", StringComparison.OrdinalIgnoreCase)));
    }

    private static IEnumerable<ContentCoding> Parse(IEnumerable<string>? names) =>
        names?.Select(
            name => ContentCodings.TryParse(name, out var coding) ? coding : throw new ArgumentException($"\"{name}\" is no content coding", nameof(names)))
        ?? ContentCodings.All;
}
