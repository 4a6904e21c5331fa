using System.Net.Http.Headers;
using EdgeProxy.Configuration;

namespace EdgeProxy.Compression;

/// <summary><c>Compression</c>.</summary>
internal static class CompressionRules
{
    private static readonly string[] _encodings = ["zstd", "br", "gzip"];

    public static void Check(SettingsScope at, CompressionOptions compression)
    {
        at.Range(nameof(compression.MinimumSize), compression.MinimumSize, 0, 1 << 30);
        at.RequestPaths(nameof(compression.ExcludePaths), compression.ExcludePaths);
        at.Each(nameof(compression.Encodings), compression.Encodings, (scope, key, encoding) =>
        {
            if (!_encodings.Contains(encoding))
            {
                scope.Error(key, $"must be one of {string.Join(", ", _encodings)}");
            }
        });
        if (!ZstdEncoder.IsAvailable && compression.Encodings?.Contains("zstd") != false)
        {
            at.Warn(nameof(compression.Encodings), "zstd is left out: libzstd.so.1 is not on this machine (Debian and Ubuntu: apt install libzstd1)");
        }

        at.Each(nameof(compression.MimeTypes), compression.MimeTypes, (scope, key, type) =>
        {
            if (!MediaTypeHeaderValue.TryParse(type, out var parsed) || parsed.Parameters.Count > 0)
            {
                scope.Error(key, "must be a content type without parameters, such as text/html");
            }
        });
        if (!ByteSize.TryParse(compression.CacheSize, out _))
        {
            at.Error(nameof(compression.CacheSize), $"must be {ByteSize.Allowed}");
        }
    }
}
