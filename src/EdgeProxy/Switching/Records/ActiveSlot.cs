using System.Text.Json.Serialization;
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

    /// <summary>The flip of the fleet that made it so, counted; null: this proxy was never in one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Epoch { get; init; }

    /// <summary>The fleet's switch that brought what runs in the slot; null: it is not known, as its unit is being brought there.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Release { get; init; }

    /// <summary>The <see cref="Release"/> of the other slot.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IdleRelease { get; init; }

    /// <summary>What was deployed to the slot last, by its label; null: not known.</summary>
    public string? LabelOf(SlotName slot) => slot == Slot ? Label : IdleLabel;
}
