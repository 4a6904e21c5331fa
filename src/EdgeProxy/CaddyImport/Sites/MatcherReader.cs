using System.Buffers;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Reads matchers: <c>*</c>, <c>/path/*</c>, and the named ones of a site (<c>@static path /static/*</c>).</summary>
/// <param name="outer">Those of the block around this one; null: this is a site.</param>
internal sealed class MatcherReader(ImportRemarks remarks, MatcherReader? outer)
{
    /// <summary>Patterns, placeholders, and what is written otherwise in a request than in a file's name.</summary>
    private static readonly SearchValues<char> _special = SearchValues.Create("*?[]{}%\\");

    private readonly Dictionary<string, Statement> _named = new(StringComparer.Ordinal);

    public bool IsOfSite => outer is null;

    public void Define(Statement definition)
    {
        if (outer?.Find(definition.Name.Text) is not null || !_named.TryAdd(definition.Name.Text, definition))
        {
            remarks.Problem(definition.At, $"{definition.Name.Text} is defined a second time, which Caddy refuses");
        }
    }

    /// <summary>The matcher of a directive and the arguments behind it.</summary>
    /// <returns>A null matcher cannot be translated, and a problem says why.</returns>
    public (PathMatcher? Matcher, Token[] Arguments) Read(Statement directive) => directive.Arguments switch
    {
        [{ Text: "*" }, .. var rest] => (PathMatcher.All, rest),
        [{ Text: ['/', ..] } path, .. var rest] => (Combine([new Statement(path with { Text = "path" }, [path], Block: null)], directive.At), rest),
        [{ Text: ['@', ..] } name, .. var rest] => (Named(name), rest),
        _ => (PathMatcher.All, directive.Arguments),
    };

    private PathMatcher? Named(Token name)
    {
        if (Find(name.Text) is not { } definition)
        {
            remarks.Problem(name.At, $"the matcher {name.Text} is not defined in this site");
            return null;
        }

        // One condition may stand in the line itself: "@static path /static/*".
        var lines = definition.Block ?? (definition.Arguments is [var kind, .. var rest] ? [new Statement(kind, rest, Block: null)] : []);
        return Combine(lines, definition.At);
    }

    private Statement? Find(string name) => _named.GetValueOrDefault(name) ?? outer?.Find(name);

    private PathMatcher? Combine(IReadOnlyList<Statement> lines, SourceLine at)
    {
        var paths = lines.Where(line => line.Name.Text == "path").SelectMany(line => line.Arguments).ToList();
        var conditions = paths.Count > 0 ? Of(paths)?.Conditions.ToList() : [];
        foreach (var line in lines.Where(line => line.Name.Text != "path"))
        {
            if (line.Name.Text == "not" && Negate(line) is { } negated)
            {
                conditions?.AddRange(negated);
                continue;
            }

            conditions = null;
            if (line.Name.Text != "not")
            {
                remarks.Problem(
                    line.At,
                    $"the matcher '{line}' cannot be translated: EdgeProxy tells requests apart by the beginning of their paths alone; let the app decide");
            }
        }

        if (lines.Count == 0)
        {
            remarks.Problem(at, "the matcher has no condition");
            return null;
        }

        return conditions is null ? null : new PathMatcher(conditions) { Weight = DirectiveOrder.WeightOf(paths), Text = JoinedRoutes.TextOf(lines) };
    }

    /// <summary><c>not path ...</c>, or a block of such lines: none of them may hold.</summary>
    private List<PathCondition>? Negate(Statement not)
    {
        var lines = not.Block ?? (not.Arguments is [var kind, .. var rest] ? [new Statement(kind, rest, Block: null)] : []);
        if (lines.Count == 0 || lines.Any(line => line.Name.Text != "path" || line.Block is not null))
        {
            remarks.Problem(not.At, $"the matcher '{not}' cannot be translated: only 'not path ...' can; let the app decide");
            return null;
        }

        return Of([.. lines.SelectMany(line => line.Arguments)]) is { } matcher
            ? [.. matcher.Conditions.Select(condition => condition with { IsNegated = true })]
            : null;
    }

    private PathMatcher? Of(IReadOnlyList<Token> patterns)
    {
        var prefixes = patterns.Select(PrefixOf).ToList();
        return prefixes.Contains(null)
            ? null
            : new PathMatcher([new PathCondition(IsNegated: false, prefixes!)]);
    }

    private string? PrefixOf(Token pattern)
    {
        var text = pattern.Text;
        if (text is "*" or "/*")
        {
            return "";
        }

        var prefix = text.EndsWith("/*", StringComparison.Ordinal) ? text[..^2] : null;
        if (prefix is null || !prefix.StartsWith('/') || prefix.Contains("//", StringComparison.Ordinal) || prefix.AsSpan().ContainsAny(_special))
        {
            remarks.Problem(
                pattern.At,
                $"the path {text} cannot be translated: EdgeProxy takes a path with all beneath it (/static/*), not single files or patterns; let the app " +
                    "serve it, or put the files below such a path");
            return null;
        }

        return prefix.TrimEnd('/');
    }
}
