namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Which paths a directive is for, as whole subtrees: <c>/static/*</c> is the prefix <c>/static</c>; the empty prefix is every path.</summary>
/// <param name="Conditions">All must hold; none: every path.</param>
internal sealed record PathMatcher(IReadOnlyList<PathCondition> Conditions)
{
    public static PathMatcher All { get; } = new([]);

    /// <summary>The weight of the matcher: see <see cref="Syntax.DirectiveOrder.WeightOf"/>.</summary>
    public int Weight { get; init; }

    /// <summary>The text of the matcher: see <see cref="Syntax.JoinedRoutes.TextOf"/>.</summary>
    public string Text { get; init; } = "";

    public bool Takes(string region) => Conditions.All(condition => condition.Prefixes.Any(prefix => PathTree.IsWithin(region, prefix)) != condition.IsNegated);
}

/// <param name="IsNegated">Paths that are not beneath any of the prefixes.</param>
internal sealed record PathCondition(bool IsNegated, IReadOnlyList<string> Prefixes);

/// <summary>Paths as a tree: <c>/static</c> holds <c>/static/css</c>, not <c>/staticfoo</c>.</summary>
internal static class PathTree
{
    public static bool IsWithin(string path, string prefix) =>
        path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && (path.Length == prefix.Length || path[prefix.Length] == '/');

    /// <summary>The nearest of <paramref name="paths"/> above <paramref name="path"/>; null: none.</summary>
    public static string? Above(string path, IEnumerable<string> paths) =>
        paths.Where(other => other.Length < path.Length && IsWithin(path, other)).MaxBy(other => other.Length);
}
