using System.Text.Json;

namespace EdgeProxy.Configuration;

/// <summary>Reads the settings: one file, then the environment.</summary>
/// <remarks>Never two files: the lists of a second one would be merged into those of the first by index.</remarks>
public static class SettingsLoader
{
    private const string FileName = "appsettings.json";

    private static readonly byte[] _byteOrderMark = [0xEF, 0xBB, 0xBF];

    /// <summary>Where a file is looked for when none is named.</summary>
    internal static IReadOnlyList<string> WellKnownFiles { get; } = ["/etc/edgeproxy/" + FileName, Path.Combine(AppContext.BaseDirectory, FileName)];

    /// <summary>Loads and checks. Whatever is wrong, also a missing file, is a problem in the result, not an exception.</summary>
    /// <param name="configFile">The file; null: the first of <c>/etc/edgeproxy/appsettings.json</c> and the one beside the binary that exists.</param>
    public static LoadedSettings Load(string? configFile) =>
        Load(configFile is null ? WellKnownFiles : [Path.GetFullPath(configFile)], environmentPrefix: "");

    /// <param name="candidates">The first that exists is read.</param>
    /// <param name="environmentPrefix">What names of environment variables start with, before <c>EdgeProxy__</c>.</param>
    internal static LoadedSettings Load(IReadOnlyList<string> candidates, string environmentPrefix)
    {
        var (file, content, complaint) = Read(candidates);
        return content is null ? Unusable(file, complaint) : Check(file, content, environmentPrefix);
    }

    /// <summary>Checks what would be a settings file, with no environment to override it.</summary>
    /// <param name="file">What to call it.</param>
    /// <param name="content">JSON.</param>
    internal static LoadedSettings Check(string file, byte[] content) => Check(file, content, environmentPrefix: null);

    private static LoadedSettings Check(string file, byte[] content, string? environmentPrefix)
    {
        if (!TryParse(content, environmentPrefix, out var root, out var complaint))
        {
            return Unusable(file, complaint);
        }

        var problems = new ProblemList(root);
        var options = SettingsCheck.Run(root, problems);
        return new LoadedSettings(file, root, problems.HasErrors ? null : options, problems.Sorted);
    }

    private static LoadedSettings Unusable(string file, string complaint) =>
        new(file, new ConfigurationBuilder().Build(), Options: null, [new(SettingsSeverity.Error, file, Value: null, complaint)]);

    private static (string File, byte[]? Content, string Complaint) Read(IReadOnlyList<string> candidates)
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

    private static bool TryParse(byte[] content, string? environmentPrefix, out IConfigurationRoot root, out string complaint)
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
