using System.Collections.Frozen;
using Microsoft.AspNetCore.StaticFiles;

namespace EdgeProxy.StaticFiles;

/// <summary>The content type of a file, from its name alone: looking into files is how an image becomes a page.</summary>
internal static class ContentTypes
{
    private const string Unknown = "application/octet-stream";
    private const string Utf8 = "; charset=utf-8";

    /// <summary>What ASP.NET Core's list lacks or has under an old name (IANA media types; RFC 8081 for fonts).</summary>
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
    ];

    private static readonly FrozenDictionary<string, string> _byExtension = Build();

    /// <summary>Types that are no program in a browser: they may be shown when they come from strangers.</summary>
    private static readonly string[] _passive = ["image/", "audio/", "video/", "font/", "text/plain", "text/csv", "application/json", "application/pdf"];

    /// <summary>Never null: <c>application/octet-stream</c> where the extension is not known.</summary>
    public static string Of(string fileName) =>
        _byExtension.TryGetValue(Path.GetExtension(fileName), out var type) ? type : Unknown;

    /// <summary>Opened by itself in a browser, it could run script in the site's name: html, svg, xml, and whatever is not known to be harmless.</summary>
    public static bool IsActive(string contentType) =>
        contentType.StartsWith("image/svg", StringComparison.Ordinal)
        || !Array.Exists(_passive, passive => contentType.StartsWith(passive, StringComparison.Ordinal));

    /// <summary>A page could load it as a part of itself, in spite of a policy that allows the own site only: scripts, styles, WebAssembly.</summary>
    public static bool IsLoadable(string contentType) =>
        contentType.StartsWith("text/javascript", StringComparison.Ordinal)
        || contentType.StartsWith("text/css", StringComparison.Ordinal)
        || contentType.StartsWith("application/wasm", StringComparison.Ordinal);

    /// <summary>With nosniff no browser runs or shows it.</summary>
    public static string Opaque => Unknown;

    private static FrozenDictionary<string, string> Build()
    {
        var types = new Dictionary<string, string>(new FileExtensionContentTypeProvider().Mappings, StringComparer.OrdinalIgnoreCase);
        foreach (var (extension, type) in _ours)
        {
            types[extension] = type;
        }

        // Without it a browser guesses from the user's language, and finds windows-1252.
        return types.ToFrozenDictionary(
            pair => pair.Key, pair => pair.Value.StartsWith("text/", StringComparison.Ordinal) ? pair.Value + Utf8 : pair.Value, StringComparer.OrdinalIgnoreCase);
    }
}
