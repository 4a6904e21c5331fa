using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Turns the directives of a block into steps, in the order in which Caddy runs them; what is for the whole site goes into the draft.</summary>
internal sealed class SiteCompiler(ImportRemarks remarks, SettingsDraft draft, SiteOptions site)
{
    /// <summary>The order of caddyconfig/httpcaddyfile/directives.go, as far as it concerns what is translated.</summary>
    private static readonly string[] _order = ["root", "header", "uri", "encode", "handle", "route", "reverse_proxy", "file_server"];

    private readonly ReverseProxyReader _proxies = new(remarks, draft);
    private readonly HeaderReader _headers = new(remarks, draft);

    /// <param name="statements">Of a site.</param>
    public IReadOnlyList<Step> Compile(IReadOnlyList<Statement> statements) => Compile(statements, isSorted: true, outer: null);

    /// <param name="statements">Of a block.</param>
    /// <param name="isSorted">Not in a <c>route</c>.</param>
    /// <param name="outer">The matchers that are defined around it; null: it is the site itself.</param>
    private List<Step> Compile(IReadOnlyList<Statement> statements, bool isSorted, MatcherReader? outer)
    {
        var matchers = new MatcherReader(remarks, outer);
        foreach (var definition in statements.Where(IsDefinition))
        {
            matchers.Define(definition);
        }

        var steps = new List<Step>();
        foreach (var directive in statements.Where(statement => !IsDefinition(statement)))
        {
            if (outer is not null || !site.TryTake(directive))
            {
                AddStep(steps, directive, matchers);
            }
        }

        return isSorted ? Sort(steps) : steps;
    }

    private List<Step> Sort(List<Step> steps)
    {
        var sorted = DirectiveOrder.Sort(steps, Position, step => step.Matcher.Weight, out var isSure);
        if (!isSure)
        {
            remarks.Problem(steps[0].Source.At, "Caddy sorts so many directives in a way that cannot be followed; put them into route { }, in their order");
        }

        return JoinedRoutes.Join(sorted, step => step.Group, step => step.Matcher.Text, steps =>
            new BlockStep(
                steps[0].Source, steps[0].Matcher, [.. steps.Select(step => step with { Matcher = PathMatcher.All })], steps[0].Group, IsSorted: false));
    }

    private static bool IsDefinition(Statement statement) => statement.Name.Text.StartsWith('@');

    /// <summary>handle and handle_path are sorted as one.</summary>
    private static int Position(Step step) => Array.IndexOf(_order, step.Source.Name.Text == "handle_path" ? "handle" : step.Source.Name.Text);

    private void AddStep(List<Step> steps, Statement directive, MatcherReader matchers)
    {
        var name = directive.Name.Text;
        if (name != "handle_path" && Array.IndexOf(_order, name) < 0)
        {
            remarks.Problem(directive.At, Refusals.Of(directive));
            return;
        }

        var (matcher, arguments) = matchers.Read(directive);
        if (matcher is not null && Step(directive, matcher, arguments, matchers) is { } step)
        {
            steps.Add(step);
        }
        else if (matcher is null && directive.Block is { } block && name is "handle" or "handle_path" or "route")
        {
            Compile(block, isSorted: true, matchers); // for what is to be said of the lines in it
        }
    }

    private Step? Step(Statement directive, PathMatcher matcher, Token[] arguments, MatcherReader matchers) => directive.Name.Text switch
    {
        "root" => Root(directive, matcher, arguments),
        "header" => _headers.Read(directive, matcher, arguments, isOfSite: matchers.IsOfSite),
        "uri" => Strip(directive, matcher, arguments),
        "encode" => EncodeReader.Read(directive, matcher, arguments, remarks, draft),
        "reverse_proxy" => _proxies.Read(directive, matcher, arguments),
        "file_server" => FileServerReader.Read(directive, matcher, arguments, remarks),
        _ => Block(directive, matcher, arguments, matchers),
    };

    private RootStep? Root(Statement directive, PathMatcher matcher, Token[] arguments) => (arguments, directive.Arguments) switch
    {
        ([var path], _) => new RootStep(directive, matcher, path.Text),
        ([], [{ Text: ['/', ..] } path]) => new RootStep(directive, PathMatcher.All, path.Text), // "root /srv", as later versions read it
        _ => Malformed<RootStep>(directive, "root * /srv/app/staticfiles"),
    };

    private StripStep? Strip(Statement directive, PathMatcher matcher, Token[] arguments)
    {
        if (arguments is [{ Text: "strip_prefix" }, { Text: ['/', ..] } prefix])
        {
            return new StripStep(directive, matcher, prefix.Text.TrimEnd('/'));
        }

        remarks.Problem(directive.At, Refusals.Of(directive));
        return null;
    }

    private BlockStep? Block(Statement directive, PathMatcher matcher, Token[] arguments, MatcherReader matchers)
    {
        var isRoute = directive.Name.Text == "route";
        if (directive.Block is not { } block || arguments.Length > 0)
        {
            return Malformed<BlockStep>(directive, $"{directive.Name.Text} /static/* {{ ... }}");
        }

        var body = Compile(block, isSorted: !isRoute, matchers);
        if (directive.Name.Text == "handle_path")
        {
            if (matcher.Conditions is not [{ IsNegated: false, Prefixes: [var prefix] }] || directive.Arguments is not [{ Text: ['/', ..] }])
            {
                return Malformed<BlockStep>(directive, "handle_path /static/* { ... }");
            }

            if (prefix.Length > 0)
            {
                body.Insert(0, new StripStep(directive, PathMatcher.All, prefix));
            }
        }

        return new BlockStep(directive, matcher, body, isRoute ? null : "handle", IsSorted: !isRoute);
    }

    private T? Malformed<T>(Statement directive, string right)
        where T : Step
    {
        remarks.Problem(directive.At, $"'{directive}' is not as Caddy has it; write {right}");
        return null;
    }
}
