using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>What the health view knows of a slot.</summary>
/// <param name="State">By the last probe and the state of the unit.</param>
/// <param name="Probes">The last ones, newest first, at most <see cref="HealthMonitor.Kept"/>.</param>
internal sealed record SlotHealth(HealthState State, IReadOnlyList<ProbeRecord> Probes);

public enum HealthState
{
    /// <summary>Not looked at yet, or the unit's manager does not respond.</summary>
    Unknown,
    Healthy,
    Unhealthy,

    /// <summary>Its unit does not run.</summary>
    Stopped,

    /// <summary>All its places are taken (<c>Upstream:MaxConcurrent</c>) and requests end well, so that the probe did not have its turn.</summary>
    Busy,
}

/// <summary>One probe of a slot.</summary>
internal record ProbeRecord
{
    public required DateTimeOffset At { get; init; }

    /// <summary>The status code; null: no response.</summary>
    public int? Status { get; init; }

    public TimeSpan Latency { get; init; }

    /// <summary>What was wrong with the response; null: it was good.</summary>
    public string? Error { get; init; }
}

/// <summary>The event <c>probe</c>.</summary>
internal sealed record ProbeEvent : ProbeRecord
{
    public required SlotName Slot { get; init; }
}

/// <summary>The event <c>slot</c>: a slot became active or idle, or its health changed.</summary>
/// <param name="Slot">Which.</param>
/// <param name="Active">Whether it is the active one.</param>
/// <param name="Health">As the health view has it.</param>
/// <param name="Share">How many of a hundred clients get it: 0 or 100, but while a candidate has a share.</param>
internal sealed record SlotEvent(SlotName Slot, bool Active, HealthState Health, double Share)
{
    public static SlotEvent Of(SlotPair slots, SlotName slot, HealthState health)
    {
        var plan = slots.Plan;
        return new(slot, plan.Active.Name == slot, health, plan.PercentOf(slot));
    }
}
