using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Reads matchers into conditions: <c>*</c>, <c>/path/*</c>, and the named ones of a block and of those around it.</summary>
/// <param name="outer">Those of the block around this one; null: this is a site.</param>
internal sealed class ConditionReader(ImportRemarks remarks, ConditionReader? outer)
{
    private readonly Dictionary<string, Statement> _named = new(StringComparer.Ordinal);
    private readonly ConditionLines _lines = new(remarks);

    public void Define(Statement definition)
    {
        if (outer?.Find(definition.Name.Text) is not null || !_named.TryAdd(definition.Name.Text, definition))
        {
            remarks.Problem(definition.At, $"{definition.Name.Text} is defined a second time, which Caddy refuses");
        }
    }

    /// <summary>The matcher of a directive and the arguments behind it.</summary>
    /// <returns>A null matcher cannot be translated, and a problem says why.</returns>
    public (Matcher? Matcher, Token[] Arguments) Read(Statement directive) => directive.Arguments switch
    {
        _ when directive.Name.Text == "try_files" => (Matcher.All with { Text = null }, directive.Arguments), // it has none: /maintenance.html is a file
        [{ Text: "*" }, .. var rest] => (Matcher.All, rest),
        [{ Text: ['/', ..] } path, .. var rest] => (Of([new Statement(path with { Text = "path" }, [path], Block: null)], directive.At), rest),
        [{ Text: ['@', ..] } name, .. var rest] => (Named(name), rest),
        _ => (Matcher.All, directive.Arguments),
    };

    private Matcher? Named(Token name)
    {
        if (Find(name.Text) is not { } definition)
        {
            remarks.Problem(name.At, $"the matcher {name.Text} is not defined in this site");
            return null;
        }

        // One condition may stand in the line itself: "@static path /static/*".
        var lines = definition.Block ?? (definition.Arguments is [var kind, .. var rest] ? [new Statement(kind, rest, Block: null)] : []);
        return Of(lines, definition.At);
    }

    private Statement? Find(string name) => _named.GetValueOrDefault(name) ?? outer?.Find(name);

    private Matcher? Of(IReadOnlyList<Statement> lines, SourceLine at) =>
        _lines.Read(lines, at) is { } condition ? new Matcher(condition, WeightOf(lines), JoinedRoutes.TextOf(lines)) : null;

    private static int WeightOf(IReadOnlyList<Statement> lines) =>
        DirectiveOrder.WeightOf([.. lines.Where(line => line.Name.Text == "path").SelectMany(line => line.Arguments)]);
}

/// <param name="Condition">Which requests it takes.</param>
/// <param name="Weight">See <see cref="DirectiveOrder.WeightOf"/>.</param>
/// <param name="Text">See <see cref="JoinedRoutes.TextOf"/>; null: it is Caddy's own, and like no other.</param>
internal sealed record Matcher(Condition Condition, int Weight, string? Text)
{
    public static Matcher All { get; } = new(Condition.All, DirectiveOrder.NoMatcher, "");
}
