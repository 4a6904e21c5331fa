using System.Text.Json.Serialization;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Api;

/// <summary>An error of the admin API: problem details (RFC 9457).</summary>
internal record ApiProblem
{
    public const string ContentType = "application/problem+json";

    /// <summary>The status says it all, so the type is the generic one (RFC 9457 section 4.2.1).</summary>
    [JsonPropertyOrder(-1)]
    public string Type { get; } = "about:blank";

    [JsonPropertyOrder(-1)]
    public required string Title { get; init; }

    [JsonPropertyOrder(-1)]
    public required int Status { get; init; }

    /// <summary>What happened and what to do.</summary>
    [JsonPropertyOrder(-1)]
    public required string Detail { get; init; }
}

/// <summary>The call names an app that is not there.</summary>
internal sealed record UnknownApp : ApiProblem
{
    /// <summary>The names of those that are.</summary>
    public required IReadOnlyList<string> Apps { get; init; }
}

/// <summary>A switch that was refused: problem details with the members of a switch that can be known.</summary>
internal sealed record RefusedSwitch : ApiProblem
{
    public SwitchOutcome Outcome { get; } = SwitchOutcome.Aborted;

    public required SlotName From { get; init; }

    /// <summary>As it was asked for.</summary>
    public required string To { get; init; }

    public required string? Label { get; init; }

    public string Reason => Detail;
}
