using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Turns the directives of a block into steps, in the order in which Caddy runs them.</summary>
internal sealed class RouteCompiler(ImportRemarks remarks, Func<Statement, bool> isOfSite, RequestStepReader requests, EndStepReader ends)
{
    /// <summary>caddyconfig/httpcaddyfile/directives.go of Caddy 2.6, as far as it concerns what is translated.</summary>
    private static readonly string[] _order =
    [
        "root", "header", "request_body", "redir", "rewrite", "uri", "try_files", "basicauth", "request_header", "encode", "handle", "route", "abort", "error",
            "respond",
        "reverse_proxy", "file_server",
    ];

    /// <param name="statements">Of a site.</param>
    public IReadOnlyList<RouteStep> Compile(IReadOnlyList<Statement> statements) => Compile(statements, isSorted: true, outer: null);

    /// <param name="statements">Of a block.</param>
    /// <param name="isSorted">Not in a <c>route</c>.</param>
    /// <param name="outer">The matchers that are defined around it; null: it is the site itself.</param>
    private List<RouteStep> Compile(IReadOnlyList<Statement> statements, bool isSorted, ConditionReader? outer)
    {
        var matchers = new ConditionReader(remarks, outer);
        foreach (var definition in statements.Where(IsDefinition))
        {
            matchers.Define(definition);
        }

        var steps = new List<RouteStep>();
        foreach (var directive in statements.Where(statement => !IsDefinition(statement) && !(outer is null && isOfSite(statement))))
        {
            if (Read(directive, isSorted, matchers) is { } step)
            {
                steps.Add(step);
            }
        }

        return isSorted ? Sort(steps) : steps;
    }

    private List<RouteStep> Sort(List<RouteStep> steps)
    {
        var sorted = DirectiveOrder.Sort(steps, step => Position(step.Source), step => step.Matcher.Weight, out var isSure);
        if (!isSure)
        {
            remarks.Problem(steps[0].Source.At, "Caddy sorts so many directives in a way that cannot be followed; put them into route { }, in their order");
        }

        return JoinedRoutes.Join(sorted, step => step.Group, step => step.Matcher.Text, steps =>
            new NestedStep(steps[0].Source, steps[0].Matcher, [.. steps.Select(Unconditional)], steps[0].Group));
    }

    /// <summary>As one of several that are joined: what is around them decides.</summary>
    private static RouteStep Unconditional(RouteStep step) => step switch
    {
        ChangeStep change => change with { Matcher = Matcher.All, Kind = null },
        NestedStep nested => nested with { Matcher = Matcher.All, Kind = null },
        _ => step with { Matcher = Matcher.All },
    };

    private static bool IsDefinition(Statement statement) => statement.Name.Text.StartsWith('@');

    /// <summary>handle and handle_path are sorted as one; later versions call basicauth basic_auth.</summary>
    private static int Position(Statement directive) => Array.IndexOf(_order, directive.Name.Text switch
    {
        "handle_path" => "handle",
        "basic_auth" => "basicauth",
        var name => name,
    });

    private RouteStep? Read(Statement directive, bool isSorted, ConditionReader matchers)
    {
        if (Position(directive) < 0)
        {
            remarks.Problem(directive.At, Refusals.Of(directive));
            return null;
        }

        var (matcher, arguments) = matchers.Read(directive);
        var step = directive.Name.Text is "handle" or "handle_path" or "route"
            ? Nested(directive, matcher ?? Matcher.All, arguments, isSorted, matchers)
            : requests.Read(directive, matcher ?? Matcher.All, arguments, isSorted) ?? ends.Read(directive, matcher ?? Matcher.All, arguments);
        return matcher is null ? null : step; // it was read for what is to be said of its lines
    }

    private NestedStep? Nested(Statement directive, Matcher matcher, Token[] arguments, bool isSorted, ConditionReader matchers)
    {
        var isRoute = directive.Name.Text == "route";
        var isPath = directive.Name.Text == "handle_path";
        if (directive.Block is not { } block || arguments.Length > 0)
        {
            remarks.Problem(directive.At, $"'{directive}' is not as Caddy has it; write {directive.Name.Text} /static/* {{ ... }}");
            return null;
        }

        var body = Compile(block, isSorted: !isRoute, matchers);
        if (isPath)
        {
            if (directive.Arguments is not [{ Text: ['/', ..] pattern }] || pattern.TrimEnd('*').Contains('*', StringComparison.Ordinal))
            {
                remarks.Problem(
                    directive.At, $"'{directive}' cannot be translated: what is taken off is a prefix without stars; write handle_path /static/* {{ ... }}");
                return null;
            }

            if (pattern.TrimEnd('*').TrimEnd('/') is { Length: > 0 } prefix)
            {
                body.Insert(0, RequestStepReader.Strip(directive, Matcher.All, prefix));
            }
        }

        return new NestedStep(directive, matcher, body, !isRoute && isSorted ? "handle" : null);
    }
}
