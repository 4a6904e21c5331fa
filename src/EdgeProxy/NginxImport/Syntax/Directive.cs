using EdgeProxy.Importing;

namespace EdgeProxy.NginxImport.Syntax;

/// <summary>A directive of nginx.</summary>
/// <param name="Arguments">Without their quotes.</param>
/// <param name="Block">Null: it ends with a semicolon.</param>
internal sealed record Directive(string Name, string[] Arguments, IReadOnlyList<Directive>? Block, SourceLine At)
{
    public override string ToString() => string.Join(' ', Arguments.Prepend(Name));
}

/// <summary>A directive with what it is within: most hold for the blocks in theirs, too.</summary>
/// <param name="Own">Of the block.</param>
/// <param name="Outer">Null: the block is <c>http</c>.</param>
internal sealed record Level(IReadOnlyList<Directive> Own, Level? Outer)
{
    /// <summary>The one that counts here; null: there is none.</summary>
    public Directive? Last(string name) => Own.LastOrDefault(directive => directive.Name == name) ?? Outer?.Last(name);

    /// <summary>Those of the innermost level that has any: it takes none over then.</summary>
    public IReadOnlyList<Directive> All(params string[] names) =>
        Own.Where(directive => names.Contains(directive.Name)).ToList() is { Count: > 0 } own ? own : Outer?.All(names) ?? [];
}

/// <summary>The file cannot be read from this line on.</summary>
internal sealed class NginxSyntaxException(SourceLine at, string message) : Exception(message)
{
    public SourceLine At { get; } = at;
}
