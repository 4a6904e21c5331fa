using System.Text.Json.Serialization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>The admin calls about switches: for their server, and for the client of the command line.</summary>
internal static class SwitchApi
{
    public const string Switch = "/switch";
    public const string Rollback = "/rollback";
    public const string Preview = "/preview";
    public const string Promote = "/promote";
    public const string Abort = "/abort";
    public const string Switches = "/switches";
    public const string Health = "/health";

    /// <summary>The query parameter of calls that begin or end a switch: with <c>false</c> the response comes as soon as the switch has begun. Default
    /// true.</summary>
    public const string Wait = "wait";

    /// <summary>The path of the switch with this id, below <see cref="Switches"/>.</summary>
    public static string SwitchOf(string id) => $"{Switches}/{id}";
}

/// <summary>The body of <c>POST /switch</c>.</summary>
/// <param name="To">The slot; null: the idle one.</param>
/// <param name="Label">What is deployed, for people.</param>
/// <param name="Force">See <see cref="SwitchRequest"/>.</param>
/// <param name="Canary">Which part of the clients gets the candidate before all others, step by step; null: <c>Switch:Canary</c>; empty: none does.</param>
/// <param name="Preview">How long the candidate waits to be looked at and promoted: 1 s to 24 h; null: not at all.</param>
/// <param name="Without">In a fleet: nodes that are left out; null: none.</param>
/// <param name="WithoutLost">In a fleet: each node that is not there is left out.</param>
internal sealed record SwitchBody(
    string? To = null,
    string? Label = null,
    bool Force = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<CanaryStepBody>? Canary = null, // no older proxy is to see it
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TimeSpan? Preview = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Without = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool WithoutLost = false) : RequestBody;

/// <summary>The body of <c>POST /preview</c>.</summary>
/// <param name="Url">The page to begin with, <c>https://shop.example.com/cart/</c>; null: the site's first one.</param>
internal sealed record PreviewBody(string? Url = null) : RequestBody;

/// <summary>A step of <see cref="SwitchBody.Canary"/>.</summary>
/// <param name="Share">How many of a hundred clients: 0.1 to 99.</param>
/// <param name="For">How long: 1 s to 24 h; null: <c>Switch:Observe</c>, and 30 s where that is off.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record CanaryStepBody(
    double? Share = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TimeSpan? For = null);

/// <summary>The body of <c>POST /promote</c> and <c>POST /abort</c>: nothing.</summary>
internal sealed record EndWaitBody : RequestBody;

/// <summary>The body of <c>POST /rollback</c>.</summary>
/// <param name="Force">Roll back also where both slots run from one tree; otherwise as <c>force</c> of a switch.</param>
/// <param name="Without">In a fleet: nodes that are left out; null: none.</param>
/// <param name="WithoutLost">In a fleet: each node that is not there is left out.</param>
internal sealed record RollbackBody(
    bool Force = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Without = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool WithoutLost = false) : RequestBody;

/// <summary>The response to <c>POST /preview</c>.</summary>
/// <param name="Link">A browser that opens it gets the candidate.</param>
/// <param name="ExpiresAt">When the link stops working.</param>
internal sealed record PreviewView(string Link, DateTimeOffset ExpiresAt);

/// <summary>The response to <c>GET /switches</c>: the last switches, the newest first.</summary>
internal sealed record SwitchesView(IReadOnlyList<Switch> Switches);

/// <summary>The response to <c>GET /health</c>: how each slot is.</summary>
internal sealed record HealthView(IReadOnlyDictionary<SlotName, SlotHealth> Slots);

/// <summary>A switch that was refused: problem details with the members of a switch that can be known.</summary>
internal sealed record RefusedSwitch : ApiProblem
{
    public SwitchOutcome Outcome { get; } = SwitchOutcome.Aborted;

    public required SlotName From { get; init; }

    /// <summary>The slot that was asked for, as it was written; it may be no slot.</summary>
    public required string To { get; init; }

    public required string? Label { get; init; }

    public string Reason => Detail;
}
