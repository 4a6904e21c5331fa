using System.Collections.Frozen;
using Microsoft.AspNetCore.StaticFiles;

namespace EdgeProxy.StaticFiles;

/// <summary>The content type of a file, from its name alone: looking into files is how an image becomes a page.</summary>
internal static class ContentTypes
{
    private const string Unknown = "application/octet-stream";
    private const string Utf8 = "; charset=utf-8";

    /// <summary>What ASP.NET Core's list lacks or has under an old name (IANA media types; RFC 8081 for fonts). The same on every machine.</summary>
    private static readonly KeyValuePair<string, string>[] _ours =
    [
        new(".map", "application/json"),
        new(".geojson", "application/geo+json"),
        new(".rss", "application/rss+xml"),
        new(".woff", "font/woff"),
        new(".ttf", "font/ttf"),
        new(".ts", "text/plain"), // TypeScript beside its source map; a video stream in ASP.NET Core's list
        new(".yaml", "application/yaml"),
        new(".yml", "application/yaml"),
        new(".jxl", "image/jxl"),
        new(".gz", "application/gzip"),
        new(".zst", "application/zstd"),
        new(".m3u8", "application/vnd.apple.mpegurl"), // RFC 8216
        new(".m4s", "video/iso.segment"),
        new(".mpd", "application/dash+xml"),
        new(".vtt", "text/vtt"),
        new(".mkv", "video/matroska"), // RFC 9559
        new(".mka", "audio/matroska"),
        new(".opus", "audio/ogg"), // RFC 7845: Opus in Ogg, which .opus files are
        new(".flac", "audio/flac"), // RFC 9639
        new(".heic", "image/heic"),
        new(".heif", "image/heif"),
        new(".avif", "image/avif"),
        new(".epub", "application/epub+zip"),
    ];

    private static readonly FrozenDictionary<string, string> _byExtension = WithCharset(Known());

    /// <summary>What the machine knows beyond that. Read when the first file of another extension is asked for, and not again.</summary>
    private static readonly Lazy<FrozenDictionary<string, string>> _bySystem = new(() => WithCharset(SystemMediaTypes.Read(SystemMediaTypes.Path)));

    /// <summary>Types that are no program in a browser: they may be shown when they come from strangers.</summary>
    private static readonly string[] _passive = [
        "image/", "audio/", "video/", "font/", "text/plain", "text/csv", "text/vtt", "application/json", "application/pdf"];

    /// <summary>In the names of what a browser takes for a script (WHATWG MIME Sniffing, section 4.6), a style sheet or WebAssembly.</summary>
    private static readonly string[] _loadable = ["javascript", "ecmascript", "jscript", "livescript", "text/css", "application/wasm"];

    /// <summary>Never null: <c>application/octet-stream</c> where the extension is not known.</summary>
    public static string Of(string fileName)
    {
        var extension = Path.GetExtension(fileName);
        return _byExtension.TryGetValue(extension, out var type) || _bySystem.Value.TryGetValue(extension, out type) ? type : Unknown;
    }

    /// <summary>Opened by itself in a browser, it could run script in the site's name: html, svg, xml, and whatever is not known to be harmless.</summary>
    public static bool IsActive(string contentType) =>
        contentType.StartsWith("image/svg", StringComparison.Ordinal)
        || !Array.Exists(_passive, passive => contentType.StartsWith(passive, StringComparison.Ordinal));

    /// <summary>A page could load it as a part of itself, in spite of a policy that allows the own site only: scripts, styles, WebAssembly.</summary>
    public static bool IsLoadable(string contentType) =>
        _loadable.Any(part => contentType.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>The type that, with nosniff, no browser runs or shows.</summary>
    public static string Opaque => Unknown;

    private static Dictionary<string, string> Known()
    {
        // Its "octet-stream" means that it has no better word; the machine may have one.
        var types = new FileExtensionContentTypeProvider().Mappings
            .Where(type => type.Value != Unknown)
            .ToDictionary(type => type.Key, type => type.Value, StringComparer.OrdinalIgnoreCase);
        foreach (var (extension, type) in _ours)
        {
            types[extension] = type;
        }

        return types;
    }

    /// <summary>Without it a browser guesses from the user's language, and finds windows-1252.</summary>
    private static FrozenDictionary<string, string> WithCharset(IReadOnlyDictionary<string, string> types) => types.ToFrozenDictionary(
        pair => pair.Key, pair => pair.Value.StartsWith("text/", StringComparison.Ordinal) ? pair.Value + Utf8 : pair.Value, StringComparer.OrdinalIgnoreCase);
}
