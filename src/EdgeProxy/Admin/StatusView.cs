using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Admin;

/// <summary><c>GET /status</c>. What belongs to a feature that is not there is null or empty, so that the shape does not change when it lands.</summary>
internal sealed record StatusView
{
    public required string Version { get; init; }

    public required int Pid { get; init; }

    public required TimeSpan Uptime { get; init; }

    public required SlotName Active { get; init; }

    public required IReadOnlyDictionary<SlotName, SlotView> Slots { get; init; }

    /// <summary>The switch that runs; null: none.</summary>
    public required Switch? Switch { get; init; }

    public required Switch? LastSwitch { get; init; }

    /// <summary>Null: the app is not paused.</summary>
    public required PauseView? Pause { get; init; }

    /// <summary>Null: visitors are served.</summary>
    public required MaintenanceView? Maintenance { get; init; }

    /// <summary>Requests that wait for the active slot, or for the end of a pause, now.</summary>
    public required int Held { get; init; }

    public required IReadOnlyList<CertificateStatus> Certificates { get; init; }

    /// <summary>The active unit has failed for good; null: it has not.</summary>
    public required FailedActive? Rescue { get; init; }
}

/// <summary>One slot in <see cref="StatusView"/>.</summary>
internal sealed record SlotView
{
    public required string Address { get; init; }

    public required string Unit { get; init; }

    /// <summary>Null: the unit manager does not answer.</summary>
    public required UnitState? UnitState { get; init; }

    /// <summary>Null: it has none, or the unit manager does not answer.</summary>
    public required int? MainPid { get; init; }

    /// <summary>Bytes; null: not known.</summary>
    public required long? Memory { get; init; }

    public required HealthState Health { get; init; }

    /// <summary>What was deployed to it last; null: not known.</summary>
    public required string? Label { get; init; }

    /// <summary>Until when it is kept running for an instant rollback; null: it is not.</summary>
    public DateTimeOffset? WarmUntil { get; init; }

    public required InFlightView InFlight { get; init; }

    /// <summary>Open connections to it, idle ones included.</summary>
    public required int Connections { get; init; }

    /// <summary>Requests ended since the proxy started.</summary>
    public required long Requests { get; init; }

    /// <summary>Those that ended with a 5xx.</summary>
    public required long Errors { get; init; }
}

/// <summary>The pause that is on.</summary>
/// <param name="Since">When it was asked for.</param>
/// <param name="MaxWait">How long a request waits.</param>
internal sealed record PauseView(DateTimeOffset Since, TimeSpan MaxWait);

/// <summary>The maintenance that is on.</summary>
/// <param name="Since">When it was turned on.</param>
/// <param name="Message">For visitors; empty: the proxy's own words.</param>
internal sealed record MaintenanceView(DateTimeOffset Since, string Message);

/// <summary>Requests in flight by class.</summary>
internal sealed record InFlightView(int Http, int Stream, int WebSocket);

/// <summary><c>GET /health</c>.</summary>
internal sealed record HealthView(IReadOnlyDictionary<SlotName, SlotHealth> Slots);

/// <summary><c>GET /switches</c>.</summary>
internal sealed record SwitchesView(IReadOnlyList<Switch> Switches);

/// <summary><c>GET /livez</c> and <c>GET /readyz</c>.</summary>
internal sealed record ProbeView(string Status);

/// <summary>The body of <c>POST /switch</c>.</summary>
/// <param name="To">The slot; null: the idle one.</param>
/// <param name="Label">What is deployed, for people.</param>
/// <param name="Force">See <see cref="Switching.SwitchRequest"/>.</param>
internal sealed record SwitchBody(string? To = null, string? Label = null, bool Force = false) : OrderBody;

/// <summary>The body of <c>POST /rollback</c>.</summary>
/// <param name="Force">Also where both slots run from one tree; and as that of a switch.</param>
internal sealed record RollbackBody(bool Force = false) : OrderBody;

/// <summary>The body of <c>POST /pause</c>.</summary>
/// <param name="MaxWait">How long a request waits, and how long those in the app may take to end. 100 ms to 1 h; null: 30 s.</param>
internal sealed record PauseBody(TimeSpan? MaxWait = null) : OrderBody;

/// <summary>The body of <c>POST /resume</c>: nothing.</summary>
internal sealed record ResumeBody : OrderBody;

/// <summary>The body of <c>POST /maintenance</c>.</summary>
/// <param name="On">Required.</param>
/// <param name="Message">For visitors, plain text, at most 1000 characters; null or empty: the proxy's own words.</param>
internal sealed record MaintenanceBody(bool? On = null, string? Message = null) : OrderBody;

/// <summary>The body of a call that changes something.</summary>
internal abstract record OrderBody
{
    /// <summary>Members that do not exist: a typo must not start what was not meant.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
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
