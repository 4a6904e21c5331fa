using System.IO.Enumeration;

namespace EdgeProxy.StaticFiles;

/// <summary>Patterns of file names and of paths below a root: <c>*.bak</c>, <c>/private/*</c>.</summary>
/// <remarks>
/// One without a slash is of a single segment, and matches what lies beneath a directory of that name, too. One with a slash is of the path from the root,
/// likewise. <c>*</c> is any number of characters, <c>?</c> one; in a path <c>*</c> matches slashes.
/// </remarks>
internal sealed class NamePatterns(IReadOnlyList<string>? patterns)
{
    private readonly string[] _names = [.. (patterns ?? []).Where(pattern => !IsPath(pattern))];
    private readonly string[] _paths = [.. (patterns ?? []).Where(IsPath).Select(pattern => pattern.Trim('/'))];

    /// <summary>Whether one of them is of the file, or of a directory above it.</summary>
    /// <param name="name">Below the root, with <c>/</c> between segments.</param>
    public bool Match(ReadOnlySpan<char> name)
    {
        if (_names.Length == 0 && _paths.Length == 0)
        {
            return false;
        }

        for (var start = 0; start <= name.Length;)
        {
            var length = name[start..].IndexOf('/');
            var end = length < 0 ? name.Length : start + length;
            if (MatchesAny(_names, name[start..end]) || MatchesAny(_paths, name[..end]))
            {
                return true;
            }

            start = end + 1;
        }

        return false;
    }

    private static bool IsPath(string pattern) => pattern.Contains('/', StringComparison.Ordinal);

    private static bool MatchesAny(string[] patterns, ReadOnlySpan<char> name)
    {
        foreach (var pattern in patterns)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false))
            {
                return true;
            }
        }

        return false;
    }
}
