using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>How the paths of two patterns lie to each other, as far as that is plain to see; otherwise the result is no.</summary>
internal static class PathSets
{
    public static bool IsAll(string pattern) => pattern is "*" or "/*";

    /// <summary>Whether one pattern matches whatever the other one matches.</summary>
    public static bool Covers(string one, string other) => PathPattern.Parse(one).Covers(PathPattern.Parse(other));

    /// <summary>Whether no path matches both.</summary>
    public static bool AreDisjoint(string one, string other) => PathPattern.Parse(one).IsDisjoint(PathPattern.Parse(other));

    /// <summary>Whether all paths that it matches are below a prefix.</summary>
    /// <param name="prefix">Such as <c>/api</c>.</param>
    public static bool IsBelow(string pattern, string prefix) => Covers($"{prefix}/*", pattern);

    public static bool IsExact(string pattern) => pattern.StartsWith('/') && pattern.AsSpan().IndexOfAny("*?[\\") < 0;
}
