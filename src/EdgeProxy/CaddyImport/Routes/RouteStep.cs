using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What a directive does to a request that its matcher takes. Steps run in Caddy's order.</summary>
/// <param name="Source">The directive.</param>
internal abstract record RouteStep(Statement Source, Matcher Matcher)
{
    /// <summary>The group of the step: of those of one group in one block only the first that matches runs; null: all do.</summary>
    public virtual string? Group => null;
}

/// <summary>Changes the request or what becomes of it, and lets it go on.</summary>
/// <param name="Kind">Its group, where it has one.</param>
/// <param name="Change">What is wrong with it at this place; null: nothing.</param>
internal sealed record ChangeStep(Statement Source, Matcher Matcher, string? Kind, Func<RouteState, Condition, (RouteState State, string? Fault)> Change)
    : RouteStep(Source, Matcher)
{
    public override string? Group => Kind;
}

/// <summary><c>handle</c>, <c>handle_path</c> and <c>route</c>, and what Caddy joins.</summary>
/// <param name="Kind">Its group, where it has one.</param>
internal sealed record NestedStep(Statement Source, Matcher Matcher, IReadOnlyList<RouteStep> Body, string? Kind) : RouteStep(Source, Matcher)
{
    public override string? Group => Kind;
}

/// <summary>Serves the request, which ends here unless <see cref="RouteEnd.GoesOn"/> says otherwise.</summary>
/// <param name="End">The route's own keys.</param>
internal sealed record EndStep(Statement Source, Matcher Matcher, Func<RouteState, RouteEnd?> End) : RouteStep(Source, Matcher);
