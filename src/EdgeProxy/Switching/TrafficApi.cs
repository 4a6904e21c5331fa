using System.Text.Json.Serialization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>The admin calls about the traffic of an app: for their server, and for the client of the command line.</summary>
internal static class TrafficApi
{
    public const string Pause = "/pause";
    public const string Resume = "/resume";
    public const string Maintenance = "/maintenance";
    public const string Traffic = "/traffic";

    /// <summary>Query parameter of <see cref="Traffic"/>: only the samples that ended after this time, RFC 3339.</summary>
    public const string After = "after";
}

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

/// <summary><c>GET /traffic</c>.</summary>
/// <param name="Every">How long a sample is.</param>
/// <param name="Samples">Of the last hour, the oldest first.</param>
internal sealed record TrafficView(TimeSpan Every, IReadOnlyList<TrafficSampleView> Samples);

/// <summary>One sample of <see cref="TrafficView"/>.</summary>
/// <param name="At">Its end.</param>
/// <param name="Slots">Those that have responded.</param>
internal sealed record TrafficSampleView(DateTimeOffset At, IReadOnlyDictionary<SlotName, SlotTrafficView> Slots);

/// <summary>The responses of a slot within a sample.</summary>
/// <param name="Requests">Ended requests.</param>
/// <param name="Errors">Those that ended with a 5xx.</param>
/// <param name="MedianMs">Milliseconds until the response began, of ordinary requests; null: there was none.</param>
/// <param name="P99Ms">99 of a hundred took at most that.</param>
internal sealed record SlotTrafficView(int Requests, int Errors, double? MedianMs, double? P99Ms);
