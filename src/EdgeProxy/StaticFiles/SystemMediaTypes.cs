using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace EdgeProxy.StaticFiles;

/// <summary>The machine's list of media types, mime.types(5): on Debian of the package <c>media-types</c>, with the administrator's own additions.</summary>
internal static partial class SystemMediaTypes
{
    public const string Path = "/etc/mime.types";

    /// <summary>Longer files are not a list of types.</summary>
    private const int MaxSize = 4 << 20;

    /// <summary>Reads the list: a type a line, then its extensions without the dot.</summary>
    /// <returns>By extension, with the dot; empty where the file is not there or cannot be read. Lines that are no type are left out.</returns>
    public static FrozenDictionary<string, string> Read(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= MaxSize } ? Parse(File.ReadLines(path)) : FrozenDictionary<string, string>.Empty;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return FrozenDictionary<string, string>.Empty;
        }
    }

    internal static FrozenDictionary<string, string> Parse(IEnumerable<string> lines)
    {
        var types = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines)
        {
            var words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 1 && MediaType.IsMatch(words[0]))
            {
                foreach (var extension in words.AsSpan(1))
                {
                    types.TryAdd("." + extension, words[0].ToLowerInvariant()); // the first one, as in Apache and Python
                }
            }
        }

        return types.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>RFC 6838 section 4.2: what the names of types are made of. Nothing else gets into a response header.</summary>
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\z", RegexOptions.CultureInvariant)]
    private static partial Regex MediaType { get; }
}
