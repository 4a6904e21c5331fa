namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>How Caddy joins neighbours of a sorted block into one route, whose handlers all run for a request that the matcher takes once
/// (buildSubroute and consolidateRoutes of caddyconfig/httpcaddyfile/httptype.go, 2.6).</summary>
internal static class JoinedRoutes
{
    /// <summary>The group of <c>rewrite</c>, which is one of its own even where there is one alone.</summary>
    public const string Rewrite = "rewrite";

    /// <summary>Steps that stand next to each other, have the same matcher as it is written, and are of the same group, become one.</summary>
    /// <param name="steps">Sorted.</param>
    /// <param name="group">Of a step; null: none.</param>
    /// <param name="matcher">Of a step, see <see cref="TextOf"/>; null: like no other.</param>
    /// <param name="join">Makes one step of several.</param>
    public static List<T> Join<T>(IReadOnlyList<T> steps, Func<T, string?> group, Func<T, string?> matcher, Func<IReadOnlyList<T>, T> join)
    {
        var runs = new List<List<T>>();
        foreach (var step in steps)
        {
            if (runs.Count > 0 && runs[^1][0] is var first && matcher(step) is { } text && text == matcher(first) && GroupOf(step) == GroupOf(first))
            {
                runs[^1].Add(step);
            }
            else
            {
                runs.Add([step]);
            }
        }

        return [.. runs.Select(run => run is [var only] ? only : join(run))];

        // A directive that excludes others of its name is in a group only where there are others.
        string? GroupOf(T step) => group(step) is { } name && (name == Rewrite || steps.Count(other => group(other) == name) > 1) ? name : null;
    }

    /// <summary>The same for matchers that are the same to Caddy: as they are written, but for what its JSON does not keep.</summary>
    /// <param name="lines">Of a matcher; lines of one kind are one list.</param>
    public static string TextOf(IEnumerable<Statement> lines) => string.Join('\n', lines
        .GroupBy(line => line.Name.Text, StringComparer.Ordinal)
        .OrderBy(kind => kind.Key, StringComparer.Ordinal)
        .Select(kind => $"{kind.Key}\0{string.Join('\0', kind.Key switch
        {
            "not" => kind.Select(TextOfNot),
            "file" => kind.Select(line => FileMatcher.Read(line).ToString()),
            "header" => kind.OrderBy(FieldOf, StringComparer.Ordinal).SelectMany(line => line.Words.Skip(1).Prepend(FieldOf(line))),
            "query" => kind.SelectMany(line => line.Words).OrderBy(word => word.Split('=')[0], StringComparer.Ordinal),
            _ => kind.SelectMany(line => line.Words),
        })}"));

    private static string TextOfNot(Statement not) =>
        $"({TextOf(not.Block ?? (not.Arguments is [var kind, .. var rest] ? [new Statement(kind, rest, Block: null)] : []))})";

    private static string FieldOf(Statement line) => (line.Words.FirstOrDefault() ?? "").ToUpperInvariant();
}
