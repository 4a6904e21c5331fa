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

    /// <summary>The query parameter of <see cref="Traffic"/> that leaves only the samples that ended after this time, RFC 3339.</summary>
    public const string After = "after";
}

/// <summary>The body of <c>POST /pause</c>.</summary>
/// <param name="MaxWait">How long a request waits, and how long those in the app may take to end. 100 ms to 1 h; null: 30 s.</param>
internal sealed record PauseBody(TimeSpan? MaxWait = null) : RequestBody;

/// <summary>The body of <c>POST /resume</c>: nothing.</summary>
internal sealed record ResumeBody : RequestBody;

/// <summary>The body of <c>POST /maintenance</c>.</summary>
/// <param name="On">Whether maintenance is turned on or off. Required.</param>
/// <param name="Message">The text for clients, plain, at most 1000 characters; null or empty: the proxy's own words.</param>
/// <param name="For">How long, if it is to end by itself: 1 s to 7 days; null: until it is turned off.</param>
internal sealed record MaintenanceBody(
    bool? On = null, string? Message = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TimeSpan? For = null) : RequestBody;

/// <summary>The response to <c>GET /traffic</c>: the traffic of the last hour.</summary>
/// <param name="Every">The length of a sample.</param>
/// <param name="Samples">The samples of the last hour, the oldest first.</param>
internal sealed record TrafficView(TimeSpan Every, IReadOnlyList<TrafficSampleView> Samples);

/// <summary>One sample of <see cref="TrafficView"/>: what slots did in <see cref="TrafficView.Every"/>.</summary>
/// <param name="At">The end of the sample.</param>
/// <param name="Slots">The slots that have responded in it.</param>
internal sealed record TrafficSampleView(DateTimeOffset At, IReadOnlyDictionary<SlotName, SlotTrafficView> Slots);

/// <summary>The responses of a slot within a sample.</summary>
/// <param name="Requests">The number of requests that have ended.</param>
/// <param name="Errors">The number of those that ended with a 5xx.</param>
/// <param name="MedianMs">The median of the time until the response of an ordinary request began, in milliseconds; null: there was none.</param>
/// <param name="P99Ms">The 99th percentile of the same, in milliseconds; null: there was none.</param>
internal sealed record SlotTrafficView(int Requests, int Errors, double? MedianMs, double? P99Ms);
