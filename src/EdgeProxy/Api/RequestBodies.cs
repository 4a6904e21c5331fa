using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Api;

/// <summary>The body of <c>POST /switch</c>.</summary>
/// <param name="To">The slot; null: the idle one.</param>
/// <param name="Label">What is deployed, for people.</param>
/// <param name="Force">See <see cref="Switching.SwitchRequest"/>.</param>
/// <param name="Canary">Which part of the clients gets the candidate before all others, step by step; null: <c>Switch:Canary</c>; empty: none does.</param>
/// <param name="Preview">How long the candidate waits to be looked at and promoted: 1 s to 24 h; null: not at all.</param>
internal sealed record SwitchBody(
    string? To = null,
    string? Label = null,
    bool Force = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<CanaryStepBody>? Canary = null, // no older proxy is to see it
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TimeSpan? Preview = null) : RequestBody;

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
/// <param name="Force">Also where both slots run from one tree; and as that of a switch.</param>
internal sealed record RollbackBody(bool Force = false) : RequestBody;

/// <summary>The body of <c>POST /pause</c>.</summary>
/// <param name="MaxWait">How long a request waits, and how long those in the app may take to end. 100 ms to 1 h; null: 30 s.</param>
internal sealed record PauseBody(TimeSpan? MaxWait = null) : RequestBody;

/// <summary>The body of <c>POST /resume</c>: nothing.</summary>
internal sealed record ResumeBody : RequestBody;

/// <summary>The body of <c>POST /maintenance</c>.</summary>
/// <param name="On">Required.</param>
/// <param name="Message">For clients, plain text, at most 1000 characters; null or empty: the proxy's own words.</param>
/// <param name="For">How long, if it is to end by itself: 1 s to 7 days; null: until it is turned off.</param>
internal sealed record MaintenanceBody(
    bool? On = null, string? Message = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TimeSpan? For = null) : RequestBody;

/// <summary>The body of <c>POST /certificates/renew</c>.</summary>
/// <param name="Name">The domain; null: all that come from an authority.</param>
internal sealed record RenewBody(string? Name = null) : RequestBody;

/// <summary>The body of <c>POST /handover</c>: nothing.</summary>
internal sealed record HandoverBody : RequestBody;

/// <summary>The body of a call that changes something.</summary>
internal abstract record RequestBody
{
    /// <summary>Members that do not exist: a typo must not start what was not meant.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}
