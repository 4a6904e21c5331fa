using System.Text.Json.Serialization;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary>The switch that runs, as <c>switch.json</c> keeps it for the next process.</summary>
internal sealed record SwitchCheckpoint : VersionedRecord
{
    /// <summary>The switch as it was when its last phase began; where it has an outcome, it has ended, and its last hooks were run.</summary>
    public required Switch Switch { get; init; }

    /// <summary>The candidate's unit was (or was about to be) started by this switch; false: it ran already, kept warm.</summary>
    public required bool StartsCandidate { get; init; }

    /// <summary>The hook that runs (<see cref="Processes.Invocation"/>); null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? HookInvocation { get; init; }
}

/// <summary><c>switch.json</c>: says what to clean up after a process that ended in the middle of a switch. It does not say which slot is active.</summary>
internal sealed class SwitchCheckpointFile(StateDirectory directory)
{
    public const string FileName = "switch.json";

    /// <summary>The switch that a former process left unfinished. Never throws.</summary>
    public StateRead<SwitchCheckpoint> Read() => directory.ReadVersioned(FileName, SwitchingJson.Default.SwitchCheckpoint);

    /// <summary>Makes durable that a switch runs, and whether it is about to start its candidate.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Begin(Switch current, bool startsCandidate) => Write(current, startsCandidate, durable: true);

    /// <summary>Notes the phase for the history. After a power failure an earlier one may be found: nothing is decided by it, and clients need not wait for
    /// the disk.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Advance(Switch current, bool startsCandidate) => Write(current, startsCandidate, durable: false);

    /// <summary>Makes durable that a hook is about to run.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void NoteHook(Switch current, bool startsCandidate, string invocation) => Write(current, startsCandidate, durable: true, invocation);

    /// <exception cref="StateException">It could not be removed.</exception>
    public void Clear() => directory.Delete(FileName);

    private void Write(Switch current, bool startsCandidate, bool durable, string? hook = null) => directory.WriteJson(
        FileName,
        new SwitchCheckpoint { Version = SwitchCheckpoint.CurrentVersion, Switch = current, StartsCandidate = startsCandidate, HookInvocation = hook },
        SwitchingJson.Default.SwitchCheckpoint,
        durable);
}
