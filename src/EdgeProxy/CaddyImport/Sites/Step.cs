using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What a directive does to a request, if its matcher takes it. Steps run in Caddy's order.</summary>
/// <param name="Source">The directive.</param>
internal abstract record Step(Statement Source, PathMatcher Matcher)
{
    /// <summary>The group of the step: of those of one group in one block only the first that matches runs; null: all do.</summary>
    public virtual string? Group => null;
}

/// <summary><c>root * DIRECTORY</c>.</summary>
internal sealed record RootStep(Statement Source, PathMatcher Matcher, string Directory) : Step(Source, Matcher)
{
    public override string? Group => "root";
}

/// <summary><c>uri strip_prefix</c>, and the first thing in a <c>handle_path</c>.</summary>
internal sealed record StripStep(Statement Source, PathMatcher Matcher, string Prefix) : Step(Source, Matcher);

/// <summary><c>encode</c>.</summary>
internal sealed record EncodeStep(Statement Source, PathMatcher Matcher, IReadOnlyList<string> Encodings) : Step(Source, Matcher);

/// <summary>A <c>header</c> that says how long responses may be cached.</summary>
internal sealed record CacheHeaderStep(Statement Source, PathMatcher Matcher) : Step(Source, Matcher);

/// <summary><c>handle</c>, <c>handle_path</c> and <c>route</c>, and what Caddy joins.</summary>
/// <param name="Kind">Its group, where it has one.</param>
/// <param name="IsSorted">Not in a <c>route</c>, which keeps the order of its lines, and where nothing is exclusive.</param>
internal sealed record BlockStep(Statement Source, PathMatcher Matcher, IReadOnlyList<Step> Body, string? Kind, bool IsSorted) : Step(Source, Matcher)
{
    public override string? Group => Kind;
}

/// <summary><c>file_server</c>: the request ends here.</summary>
/// <param name="Root">Its own root; null: that of the request.</param>
/// <param name="Index">Names of the file that is served for its directory.</param>
internal sealed record FilesStep(Statement Source, PathMatcher Matcher, string? Root, IReadOnlyList<string> Index) : Step(Source, Matcher);

/// <summary><c>reverse_proxy</c>: the request ends here.</summary>
/// <param name="Upstream">Where to, in the form of <see cref="Slots.SlotAddress"/>; null: not to be translated, as a problem has said.</param>
internal sealed record ProxyStep(Statement Source, PathMatcher Matcher, string? Upstream) : Step(Source, Matcher);
