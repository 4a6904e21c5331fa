using EdgeProxy.StaticFiles;

namespace EdgeProxy.Sites.Matching;

/// <summary>Whether something is at a path on disk, into which the path of the request may come. Immutable.</summary>
/// <remarks>
/// As Caddy's <c>file</c> matcher: a pattern that ends with a slash means a directory, any other one whatever is none, and what cannot be looked at is not
/// there. Links are followed, also out of the directory, and names with a dot count: what is found is not sent by that (<see cref="StaticMount"/> has rules of
/// its own), it decides a route. A request target has no dot segments (<see cref="RequestPath"/>), so no path leads above the pattern's directory.
/// </remarks>
internal sealed class FileTest
{
    private const string PathPlaceholder = "{path}";

    private readonly string _pattern;
    private readonly bool _hasPath;
    private readonly bool _isDirectory;

    /// <param name="pattern">Without a fault.</param>
    public FileTest(string pattern)
    {
        _hasPath = pattern.Contains(PathPlaceholder, StringComparison.Ordinal);
        _isDirectory = pattern.EndsWith('/');
        _pattern = _hasPath ? pattern : Clean(pattern);
    }

    /// <returns>What is wrong with a pattern, to go behind its key; null: nothing.</returns>
    public static string? FindFault(string pattern)
    {
        var example = pattern.Replace(PathPlaceholder, "/x", StringComparison.Ordinal);
        return !pattern.StartsWith('/') ? "must be an absolute path"
            : example.AsSpan().IndexOfAny('{', '}') >= 0 ? "has a placeholder; the one that there is here is {path}"
            : example.Any(char.IsControl) ? "must have no control character"
            : example.Split('/').Any(segment => segment is "." or "..") ? "must have no . or .. segment"
            : null;
    }

    public bool Holds(HttpContext context)
    {
        if (!_hasPath)
        {
            return NativeFiles.IsThere(_pattern, _isDirectory);
        }

        var target = RequestPath.TargetOf(context).Replace(ByteName.EncodedSlash, "/", StringComparison.OrdinalIgnoreCase);
        var path = Clean(_pattern.Replace(PathPlaceholder, ByteName.DecodePath(target), StringComparison.Ordinal));
        return !path.Contains('\0') && NativeFiles.IsThere(path, _isDirectory);
    }

    /// <summary>With single slashes, and without one at the end: an element that is no directory there would be none.</summary>
    private static string Clean(string path)
    {
        while (path.Contains("//", StringComparison.Ordinal))
        {
            path = path.Replace("//", "/", StringComparison.Ordinal);
        }

        return path.Length > 1 ? path.TrimEnd('/') : path;
    }
}
