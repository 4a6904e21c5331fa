using System.Text.Json;

namespace EdgeProxy.Configuration;

/// <summary>Reads one settings file, and the environment.</summary>
/// <remarks>Never two files: the lists of a second one would be merged into those of the first by index.</remarks>
internal static class SettingsReader
{
    private static readonly byte[] _byteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>The content of the first file that is there; or which should have been, and why not.</summary>
    public static (string File, byte[]? Content, string Complaint) Read(IReadOnlyList<string> candidates)
    {
        foreach (var file in candidates)
        {
            try
            {
                return (file, File.ReadAllBytes(file), "");
            }
            catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
            {
                // The next one, if any.
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                // Not the next one: settings that someone wrote are not silently replaced by others.
                return (file, null, $"cannot be read: {unreadable.Message}");
            }
        }

        return (string.Join(" or ", candidates), null, "does not exist; name the settings file with --config FILE");
    }

    /// <summary>The file, and above it the environment.</summary>
    /// <param name="content">JSON, with or without byte order mark.</param>
    /// <param name="environmentPrefix">What names of variables start with; null: there is no environment.</param>
    /// <param name="root">Both; empty where the file cannot be used.</param>
    /// <param name="complaint">Why not; else empty.</param>
    public static bool TryParse(byte[] content, string? environmentPrefix, out IConfigurationRoot root, out string complaint)
    {
        root = new ConfigurationBuilder().Build();
        var json = content.AsMemory(content.AsSpan().StartsWith(_byteOrderMark) ? _byteOrderMark.Length : 0);
        try
        {
            // Parsed once more than needed: only the parser itself says where the mistake is.
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            complaint = document.RootElement.ValueKind == JsonValueKind.Object ? "" : "must hold one JSON object: { \"EdgeProxy\": { ... } }";
            if (complaint.Length == 0)
            {
                var file = new ConfigurationBuilder().AddJsonStream(new MemoryStream(json.ToArray()));
                root = (environmentPrefix is null ? file.AddInMemoryCollection() : file.AddEnvironmentVariables(environmentPrefix)).Build();
            }
        }
        catch (JsonException malformed)
        {
            var (line, column) = (malformed.LineNumber + 1, malformed.BytePositionInLine + 1);
            complaint = $"is not valid JSON at line {line}, column {column}: {malformed.Message.Split(" LineNumber:")[0]}";
        }
        catch (FormatException duplicate)
        {
            complaint = $"cannot be used: {duplicate.Message}";
        }

        return complaint.Length == 0;
    }
}
