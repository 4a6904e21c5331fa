using System.Collections.Immutable;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What the directives so far have made of a request. Immutable.</summary>
internal sealed record RouteState
{
    public string? Root { get; init; }

    /// <summary>Taken off the front of the path; null: nothing.</summary>
    public string? StripPrefix { get; init; }

    /// <summary>All paths here begin with it.</summary>
    public bool IsStripSure { get; init; }

    public string? Rewrite { get; init; }

    public ImmutableArray<string>? TryFiles { get; init; }

    /// <summary>The root in which <c>try_files</c> looks, as it was then.</summary>
    public string? TryFilesRoot { get; init; }

    /// <summary>The line of <c>try_files</c>.</summary>
    public Statement? TryFilesAt { get; init; }

    public ImmutableList<FieldChange> ResponseFields { get; init; } = [];

    public ImmutableList<FieldChange> RequestFields { get; init; } = [];

    public JsonObject? BasicAuth { get; init; }

    public long? MaxRequestBodySize { get; init; }

    public IReadOnlyList<string>? Encodings { get; init; }

    /// <summary>The path is not that of the client any more.</summary>
    public bool IsPathChanged => StripPrefix is not null || Rewrite is not null || TryFiles is not null;
}
