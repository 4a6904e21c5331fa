using EdgeProxy.Json;
using EdgeProxy.Switching;

namespace EdgeProxy.State;

/// <summary>The switch that runs, as <c>switch.json</c> keeps it for the next process.</summary>
public sealed record JournalEntry : VersionedRecord
{
    /// <summary>As it was when its last phase began.</summary>
    public required Switch Switch { get; init; }

    /// <summary>The candidate's unit was (or was about to be) started by this switch; false: it ran already, kept warm.</summary>
    public required bool StartsCandidate { get; init; }
}

/// <summary><c>switch.json</c>: says what to clean up after a process that ended in the middle of a switch. Who is active it does not say.</summary>
public sealed class SwitchJournal(StateDirectory directory)
{
    public const string FileName = "switch.json";

    /// <summary>The switch that a former process left unfinished. Never throws.</summary>
    public StateRead<JournalEntry> Read() => directory.ReadVersioned(FileName, EdgeProxyJson.Default.JournalEntry);

    /// <summary>Makes durable that a switch runs, and whether it is about to start its candidate.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Begin(Switch current, bool startsCandidate) => Write(current, startsCandidate, durable: true);

    /// <summary>Notes the phase for the history. After a power failure an earlier one may be found: nothing is decided by it, and visitors need not wait for the disk.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Advance(Switch current, bool startsCandidate) => Write(current, startsCandidate, durable: false);

    /// <exception cref="StateException">It could not be removed.</exception>
    public void Clear() => directory.Delete(FileName);

    private void Write(Switch current, bool startsCandidate, bool durable) => directory.WriteJson(
        FileName,
        new JournalEntry { Version = JournalEntry.CurrentVersion, Switch = current, StartsCandidate = startsCandidate },
        EdgeProxyJson.Default.JournalEntry,
        durable);
}
