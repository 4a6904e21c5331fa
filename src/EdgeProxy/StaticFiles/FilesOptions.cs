namespace EdgeProxy.StaticFiles;

/// <summary>Files that are served, and how.</summary>
internal class FilesOptions
{
    /// <summary>The directory. Required, absolute.</summary>
    public string? Root { get; set; }

    /// <summary>Further directories, tried in order (older releases); null or empty: none.</summary>
    public string[]? Fallbacks { get; set; }

    /// <summary>
    /// Names of the file that is served for its directory, tried in order, e.g. <c>index.html</c>. With it a directory is asked for with a slash at its end,
    /// and a file without: the other form is redirected (308), as Caddy does. Null or empty: none, a directory is not found.
    /// </summary>
    public string[]? Index { get; set; }

    /// <summary>
    /// What is looked for in place of the path, in order (as Caddy's and nginx's <c>try_files</c>): <c>{path}</c> stands for the path below this entry;
    /// one that ends with a slash is a directory. A single-page app has <c>["{path}", "/index.html"]</c>. Null or empty: the path itself.
    /// </summary>
    public string[]? TryFiles { get; set; }

    /// <summary>List a directory that has no <c>Index</c> file: HTML, or JSON by <c>Accept</c>. Default false.</summary>
    public bool Browse { get; set; }

    /// <summary>
    /// What is never served or listed, beside names that begin with a dot: <c>*.bak</c> is any file or directory of that name, <c>/private/*</c> a path below
    /// this entry. <c>*</c> is any number of characters, <c>?</c> one. Null or empty: nothing more.
    /// </summary>
    public string[]? Hide { get; set; }

    /// <summary>Own values of <c>Cache-Control</c>; the first whose path matches. Null or empty: none.</summary>
    public CacheRuleOptions[]? CacheControl { get; set; }

    /// <summary>Hashed names (<c>name.0123456789ab.css</c>) may be cached for ever. Default true.</summary>
    public bool Immutable { get; set; } = true;

    /// <summary>The files come from users: types that a browser would run are sent as attachments. Default false.</summary>
    public bool UserContent { get; set; }
}

/// <summary>For which files a value of <c>Cache-Control</c> is.</summary>
internal sealed class CacheRuleOptions
{
    /// <summary>A path below the entry, <c>/assets/*</c>, or a name, <c>*.woff2</c>, as in <c>Hide</c>. Required.</summary>
    public string? Path { get; set; }

    /// <summary>The header's value, e.g. <c>public, max-age=31536000, immutable</c>; empty: the header is not sent. Required.</summary>
    public string? Value { get; set; }
}
