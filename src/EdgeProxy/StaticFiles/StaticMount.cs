using System.Text.RegularExpressions;

namespace EdgeProxy.StaticFiles;

/// <summary>A path and the directories that are served under it.</summary>
internal sealed partial class StaticMount
{
    private const string ForAYear = "public, max-age=31536000, immutable";
    private const string AskEachTime = "no-cache";
    private const string WellKnown = "/.well-known/"; // RFC 8615
    private const string PathPlaceholder = "{path}";

    private readonly FilesOptions _options;
    private readonly bool _ownsItself;
    private readonly bool _isCaseExact;
    private readonly NamePatterns _hidden;
    private readonly (NamePatterns Names, string Value)[] _cacheRules;

    public StaticMount(StaticFilesOptions options)
        : this(options, options.Path!, keyPrefix: "") => _isCaseExact = options.ExactCase;

    /// <param name="options">Checked.</param>
    /// <param name="path">As it is written in a URL.</param>
    /// <param name="keyPrefix">Tells this mount's files from others' of the same path; empty, or something that does not begin with a slash.</param>
    public StaticMount(FilesOptions options, string path, string keyPrefix)
    {
        _options = options;
        _hidden = new NamePatterns(options.Hide);
        _cacheRules = [.. (options.CacheControl ?? []).Select(rule => (new NamePatterns([rule.Path!]), rule.Value!))];
        KeyPrefix = keyPrefix;
        _ownsItself = !path.EndsWith('/');
        Path = PathString.FromUriComponent(path.TrimEnd('/')).Value ?? "";
        Roots = [.. new[] { options.Root! }.Concat(options.Fallbacks ?? []).Select(root => new RootDirectory(root))];
        IsPlain = Index.Count == 0 && TryFiles.Count == 0 && !Browse;
    }

    public string KeyPrefix { get; }

    /// <summary>Decoded, as request paths are; without the slash at its end, so empty for <c>/</c>.</summary>
    public string Path { get; }

    /// <summary>Tried in order: the new release, then older ones.</summary>
    public IReadOnlyList<RootDirectory> Roots { get; }

    /// <summary>The files come from strangers.</summary>
    public bool IsUserContent => _options.UserContent;

    /// <summary>Names that stand for their directory.</summary>
    public IReadOnlyList<string> Index => _options.Index ?? [];

    public IReadOnlyList<string> TryFiles => _options.TryFiles ?? [];

    public bool Browse => _options.Browse;

    /// <summary>A path is the file of that name, and nothing else.</summary>
    public bool IsPlain { get; }

    /// <summary><c>/static</c> and what lies beneath it, in any letter case; not <c>/staticfoo</c>. Of <c>/static/</c> only the latter.</summary>
    public bool Owns(string path) =>
        path.StartsWith(Path, StringComparison.OrdinalIgnoreCase) && (path.Length == Path.Length ? _ownsItself : path[Path.Length] == '/');

    /// <summary>What a path means here; null: it is not of this mount.</summary>
    /// <param name="path">Of the request, decoded.</param>
    /// <param name="form">The same with encoded slashes decoded, and several as one.</param>
    /// <returns>Owned, with the mount's path as the settings have it. A path that an encoded slash has brought here is no file's.</returns>
    public string? OwnPath(string path, string form) =>
        Owns(path) ? WithPath(path)
        : !Owns(form) ? null
        : path.Contains(ByteName.EncodedSlash, StringComparison.OrdinalIgnoreCase)
            ? NoFile
        : WithPath(form);

    private string NoFile => $"{Path}/{ByteName.EncodedSlash}";

    private string WithPath(string owned) =>
        owned.StartsWith(Path, StringComparison.Ordinal) ? owned
        : _isCaseExact ? NoFile
        : Path + owned[Path.Length..];

    /// <summary>The path that an element of <see cref="TryFiles"/> means for a request.</summary>
    /// <param name="pattern">The element.</param>
    /// <param name="path">Of the request; owned.</param>
    public string Expand(string pattern, string path) => Path + pattern.Replace(PathPlaceholder, path[Path.Length..], StringComparison.Ordinal);

    /// <summary>The name below the roots that a request path means; null: none that is ever served.</summary>
    /// <remarks>
    /// No dot files (<c>.git</c>, <c>.env</c>) but <c>.well-known</c> at the root. No encoded slash, which Kestrel leaves encoded, and no backslash: what is
    /// one name to one program and two to another is how files get out. Empty segments are dropped, as Caddy and nginx do (<c>/static//a.css</c>). Dot
    /// segments never come this far, and the kernel would stay below the root all the same.
    /// </remarks>
    public string? NameOf(string path)
    {
        var name = path.AsSpan(Path.Length);
        if (name.Length < 2 || name[^1] == '/' || name.ContainsAny(_neverInNames)
            || name.Contains(ByteName.EncodedSlash, StringComparison.OrdinalIgnoreCase) || HasDotFile(name))
        {
            return null;
        }

        var result = name.Contains("//", StringComparison.Ordinal)
            ? string.Join('/', name.ToString().Split('/', StringSplitOptions.RemoveEmptyEntries))
            : name[1..].ToString();
        return _hidden.Match(result) ? null : result;
    }

    /// <summary>The name of a directory, empty for the root; null: none that is ever looked into.</summary>
    /// <param name="path">Of the request, with a slash at its end or without.</param>
    public string? DirectoryOf(string path)
    {
        var trimmed = path.AsSpan().TrimEnd('/');
        return trimmed.Length <= Path.Length ? "" : NameOf(trimmed.ToString());
    }

    /// <summary>Whether an entry of a directory is served.</summary>
    /// <param name="name">Below the root.</param>
    public bool Lists(string name) => !HasDotFile($"/{name}") && !name.AsSpan().ContainsAny(_neverInNames) && !_hidden.Match(name);

    /// <summary>Hashed names never change their content; all others are asked for again, which costs a 304. Names that strangers chose are no hashes.</summary>
    /// <returns>Null: the header is not sent.</returns>
    public string? CacheControlOf(string name)
    {
        foreach (var (names, value) in _cacheRules)
        {
            if (names.Match(name))
            {
                return value.Length > 0 ? value : null;
            }
        }

        return _options.Immutable && !_options.UserContent && HashedName.IsMatch(name) ? ForAYear : AskEachTime;
    }

    private static readonly System.Buffers.SearchValues<char> _neverInNames =
        System.Buffers.SearchValues.Create([.. Enumerable.Range(0, ' ').Select(code => (char)code), '\x7f', '\\']);

    private static bool HasDotFile(ReadOnlySpan<char> name) =>
        name.Contains("/.", StringComparison.Ordinal)
        && !(name.StartsWith(WellKnown, StringComparison.Ordinal) && !name[WellKnown.Length..].StartsWith('.')
            && !name[WellKnown.Length..].Contains("/.", StringComparison.Ordinal));

    /// <summary><c>name.0123456789ab.css</c>: Django's ManifestStaticFilesStorage puts twelve digits of the content's MD5 before the extension.</summary>
    [GeneratedRegex(@"\.[0-9a-f]{12}\.[^./]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex HashedName { get; }
}
