using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>How the paths of two patterns lie to each other, as far as that is plain to see; what is not, is answered with no.</summary>
internal static class PathSets
{
    private const string Special = "*?[\\";

    public static bool IsAll(string pattern) => pattern is "*" or "/*";

    /// <summary>Whether one pattern matches whatever the other one matches.</summary>
    public static bool Covers(string one, string other) =>
        IsAll(one) || (IsPlain(one) && IsPlain(other) && (IsExact(other) ? Matches(one, other) : PathPattern.Parse(one).Covers(PathPattern.Parse(other))));

    /// <summary>Whether no path matches both.</summary>
    public static bool AreDisjoint(string one, string other)
    {
        if (!IsPlain(one) || !IsPlain(other))
        {
            return false;
        }

        if (IsExact(one) || IsExact(other))
        {
            return IsExact(one) ? !Matches(other, one) : !Matches(one, other);
        }

        var (first, second) = (Begin(one), Begin(other));
        return !first.StartsWith(second, StringComparison.OrdinalIgnoreCase) && !second.StartsWith(first, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Whether all paths that it matches are below a prefix.</summary>
    /// <param name="prefix">Such as <c>/api</c>.</param>
    public static bool IsBelow(string pattern, string prefix) => Covers($"{prefix}/*", pattern);

    public static bool IsExact(string pattern) => pattern.StartsWith('/') && pattern.AsSpan().IndexOfAny(Special) < 0;

    /// <summary>Slashes in a row are compared as they stand, all others not.</summary>
    private static bool IsPlain(string pattern) => !pattern.Contains("//", StringComparison.Ordinal);

    private static bool Matches(string pattern, string path)
    {
        Span<char> room = new char[2 * path.Length];
        return PathPattern.Parse(pattern).Matches(RequestPath.Read(path, room));
    }

    private static string Begin(string pattern) => pattern.AsSpan().IndexOfAny(Special) is >= 0 and var end ? pattern[..end] : pattern;
}
