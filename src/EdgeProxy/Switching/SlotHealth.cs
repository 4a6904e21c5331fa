using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>What the health view knows of a slot.</summary>
/// <param name="State">By the last probe and the state of the unit.</param>
/// <param name="Probes">The last ones, newest first, at most <see cref="HealthMonitor.Kept"/>.</param>
public sealed record SlotHealth(HealthState State, IReadOnlyList<ProbeRecord> Probes);

public enum HealthState
{
    /// <summary>Not looked at yet, or the unit's manager does not answer.</summary>
    Unknown,
    Healthy,
    Unhealthy,

    /// <summary>Its unit does not run.</summary>
    Stopped,
}

/// <summary>One probe of a slot.</summary>
public record ProbeRecord
{
    public required DateTimeOffset At { get; init; }

    /// <summary>The status code; null: no answer.</summary>
    public int? Status { get; init; }

    public TimeSpan Latency { get; init; }

    /// <summary>Null: the answer was good.</summary>
    public string? Error { get; init; }
}

/// <summary>The event <c>probe</c>.</summary>
public sealed record ProbeEvent : ProbeRecord
{
    public required SlotName Slot { get; init; }
}

/// <summary>The event <c>slot</c>: a slot became active or idle, or its health changed.</summary>
public sealed record SlotEvent(SlotName Slot, bool Active, HealthState Health);
