using System.Text.Json.Nodes;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Fewer routes that mean the same.</summary>
internal static class RouteMerge
{
    public static IReadOnlyList<MadeRoute> Merge(IReadOnlyList<MadeRoute> routes)
    {
        var merged = routes.ToList();
        for (var i = merged.Count - 1; i >= 0; i--)
        {
            if (IsNeedless(merged, i))
            {
                merged.RemoveAt(i);
            }
        }

        for (var i = merged.Count - 1; i > 0; i--)
        {
            if (Join(merged[i - 1], merged[i]) is { } both)
            {
                merged[i - 1] = both;
                merged.RemoveAt(i);
            }
        }

        return merged;
    }

    /// <summary>Changes of headers that all routes make are those of the site.</summary>
    public static (JsonObject? Headers, IReadOnlyList<MadeRoute> Routes) TakeHeaders(IReadOnlyList<MadeRoute> routes)
    {
        if (routes is not [{ Content: var first }, _, ..] || first["Headers"] is not JsonObject headers
            || headers.ToJsonString().Contains("{re.", StringComparison.Ordinal) // what a route's own expression has found
            || !routes.All(route => JsonNode.DeepEquals(route.Content["Headers"], headers)))
        {
            return (null, routes);
        }

        foreach (var route in routes)
        {
            route.Content.Remove("Headers");
        }

        return ((JsonObject)headers.DeepClone(), routes);
    }

    /// <summary>Its requests come to a later route that does the same, as none between the two takes any of them to do something else.</summary>
    private static bool IsNeedless(List<MadeRoute> routes, int index)
    {
        var route = routes[index];
        foreach (var later in routes.Skip(index + 1))
        {
            if (later.IsLike(route) && route.Condition.Implies(later.Condition))
            {
                return true;
            }

            if (!later.IsLike(route) && !later.Condition.IsDisjoint(route.Condition))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Neighbours that differ in their paths alone.</summary>
    private static MadeRoute? Join(MadeRoute one, MadeRoute other) =>
        one.IsLike(other) && one.Condition.Paths is { } paths && other.Condition.Paths is { } others
            && (one.Condition with { Paths = null }).IsSame(other.Condition with { Paths = null })
            ? one with { Condition = one.Condition with { Paths = [.. paths.Union(others)] } } : null;
}
