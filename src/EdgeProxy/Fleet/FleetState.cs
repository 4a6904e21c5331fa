using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Fleet;

/// <summary>What a fleet has agreed on: one document in etcd, which every change compares.</summary>
internal sealed record FleetState
{
    /// <summary>The format that this version writes and reads.</summary>
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>The number of flips, those back included. It is not etcd's revision, which a restored backup takes back.</summary>
    public required long Epoch { get; init; }

    /// <summary>The slot that is active on every node.</summary>
    public required SlotName Slot { get; init; }

    /// <summary>The switch that brought what runs in the slot: colours come again, this does not.</summary>
    public required string Release { get; init; }

    public string? Label { get; init; }

    public string? IdleRelease { get; init; }

    public string? IdleLabel { get; init; }

    /// <summary>The switch that runs; null: none.</summary>
    public FleetSwitch? Switch { get; init; }

    /// <summary>The switch that ended last; null: none has.</summary>
    public FleetEnd? Last { get; init; }
}

/// <summary>A switch of a fleet while it runs.</summary>
internal sealed record FleetSwitch
{
    public required string Id { get; init; }

    public required SlotName From { get; init; }

    public required SlotName To { get; init; }

    public string? Label { get; init; }

    public required FleetPhase Phase { get; init; }

    /// <summary>The nodes whose votes decide.</summary>
    public required IReadOnlyList<string> Members { get; init; }

    public IReadOnlyList<string> Without { get; init; } = [];

    public bool Force { get; init; }

    public WarmUse WarmUse { get; init; }

    /// <summary>Traffic has gone back.</summary>
    public bool IsGoingBack { get; init; }

    /// <summary>An operator has asked for the way back.</summary>
    public bool IsRecalled { get; init; }

    /// <summary>What went wrong; null: nothing so far.</summary>
    public string? Reason { get; init; }
}

/// <summary>How a switch of a fleet ended.</summary>
internal sealed record FleetEnd(string Id, SwitchOutcome Outcome, string? Reason, long Epoch);

/// <summary>What all nodes do at a time.</summary>
internal enum FleetPhase
{
    /// <summary>Start, probe and warm up the candidate. All votes are needed.</summary>
    Prepare,

    /// <summary>Hold new requests. All votes are needed. Only with <see cref="FleetFlip.Hold"/>.</summary>
    Hold,

    /// <summary>Watch the new version: all have flipped, or do so now.</summary>
    Observe,

    /// <summary>See whether the old slot can take the traffic back.</summary>
    Back,

    /// <summary>Let the requests of the slot that was left end.</summary>
    Drain,

    /// <summary>Stop the slot that was left.</summary>
    Stop,
}

/// <summary>The vote of a node in a phase. It has the lease of the node, and is deleted with it.</summary>
internal sealed record FleetVote(string Id, FleetPhase Phase, string? Problem);

/// <summary>A node that is there.</summary>
/// <param name="Process">A text that no other process has.</param>
/// <param name="Epoch">The epoch that the node serves.</param>
/// <param name="Version">The version of EdgeProxy.</param>
internal sealed record FleetPresence(string Process, long Epoch, string Version);

/// <summary>The JSON of what is in etcd.</summary>
[JsonSourceGenerationOptions(
    System.Text.Json.JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(FleetState))]
[JsonSerializable(typeof(FleetVote))]
[JsonSerializable(typeof(FleetPresence))]
[JsonSerializable(typeof(StagedVersion))]
internal sealed partial class FleetJson : JsonSerializerContext;
