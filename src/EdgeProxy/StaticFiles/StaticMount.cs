using System.Text.RegularExpressions;

namespace EdgeProxy.StaticFiles;

/// <summary>A path and the directories that are served under it.</summary>
internal sealed partial class StaticMount(StaticFilesOptions options)
{
    private const string ForAYear = "public, max-age=31536000, immutable";
    private const string AskEachTime = "no-cache";

    /// <summary>Decoded, as request paths are; without the slash at its end, so empty for <c>/</c>.</summary>
    public string Path { get; } = PathString.FromUriComponent(options.Path!.TrimEnd('/')).Value ?? "";

    /// <summary>Tried in order: the new release, then older ones.</summary>
    public IReadOnlyList<RootDirectory> Roots { get; } = [.. new[] { options.Root! }.Concat(options.Fallbacks ?? []).Select(root => new RootDirectory(root))];

    /// <summary>The files come from strangers.</summary>
    public bool IsUserContent => options.UserContent;

    /// <summary><c>/static</c> and what lies beneath it; not <c>/staticfoo</c>.</summary>
    public bool Owns(string path) => path.StartsWith(Path, StringComparison.Ordinal) && (path.Length == Path.Length || path[Path.Length] == '/');

    /// <summary>The name below the roots that a request path means; null: none that is ever served.</summary>
    /// <remarks>
    /// No dot files (<c>.git</c>, <c>.env</c>). No encoded slash, which Kestrel leaves encoded, and no backslash: what is one name to one
    /// program and two to another is how files get out. Empty segments are dropped, as Caddy and nginx do (<c>/static//a.css</c>). Dot segments
    /// never come this far, and the kernel would stay below the root all the same.
    /// </remarks>
    public string? NameOf(string path)
    {
        var name = path.AsSpan(Path.Length);
        if (name.Length < 2 || name[^1] == '/' || name.ContainsAny(_neverInNames) || name.Contains("%2f", StringComparison.OrdinalIgnoreCase)
            || name.Contains("/.", StringComparison.Ordinal))
        {
            return null;
        }

        return name.Contains("//", StringComparison.Ordinal)
            ? string.Join('/', name.ToString().Split('/', StringSplitOptions.RemoveEmptyEntries))
            : name[1..].ToString();
    }

    /// <summary>Hashed names never change their content; all others are asked for again, which costs a 304. Names that strangers chose are no hashes.</summary>
    public string CacheControlOf(string name) => options.Immutable && !options.UserContent && HashedName.IsMatch(name) ? ForAYear : AskEachTime;

    private static readonly System.Buffers.SearchValues<char> _neverInNames =
        System.Buffers.SearchValues.Create([.. Enumerable.Range(0, ' ').Select(code => (char)code), '\x7f', '\\']);

    /// <summary><c>name.0123456789ab.css</c>: Django's ManifestStaticFilesStorage puts twelve digits of the content's MD5 before the extension.</summary>
    [GeneratedRegex(@"\.[0-9a-f]{12}\.[^./]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex HashedName { get; }
}
