using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary>The active slot. This alone decides it, for a flip, for a flip back and at the next start.</summary>
internal sealed record ActiveSlot : VersionedRecord
{
    public required SlotName Slot { get; init; }

    public required DateTimeOffset Since { get; init; }

    /// <summary>The id of the switch that made it so; null: chosen at a start.</summary>
    public string? Switch { get; init; }

    /// <summary>It became active because the other slot had failed for good, and nobody has switched since.</summary>
    public bool ByRescue { get; init; }

    /// <summary>The label that was given with that switch; null: none.</summary>
    public string? Label { get; init; }

    /// <summary>The label of the other slot, from the time when it was active; null: none.</summary>
    public string? IdleLabel { get; init; }

    /// <summary>Until when the other slot is kept running for an instant rollback; null, or a time that has passed: it is not.</summary>
    public DateTimeOffset? WarmUntil { get; init; }

    /// <summary>What was deployed to the slot last, by its label; null: not known.</summary>
    public string? LabelOf(SlotName slot) => slot == Slot ? Label : IdleLabel;
}
