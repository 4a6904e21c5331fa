namespace EdgeProxy.StaticFiles;

/// <summary>A path that is served from disk.</summary>
public sealed class StaticFilesOptions
{
    /// <summary>The path prefix, e.g. <c>/static</c>. Required.</summary>
    public string? Path { get; set; }

    /// <summary>The directory. Required, absolute.</summary>
    public string? Root { get; set; }

    /// <summary>Further directories, tried in order (older releases); null or empty: none.</summary>
    public string[]? Fallbacks { get; set; }

    /// <summary>Hashed names (<c>name.0123456789ab.css</c>) may be cached for ever. Default true.</summary>
    public bool Immutable { get; set; } = true;

    /// <summary>The files come from users: types that a browser would run are sent as attachments. Default false.</summary>
    public bool UserContent { get; set; }
}
