using EdgeProxy.Json;
using EdgeProxy.Switching;

namespace EdgeProxy.State;

/// <summary>The switch that runs, as <c>switch.json</c> keeps it for the next process.</summary>
public sealed record JournalEntry
{
    /// <summary>The format that this version writes and reads.</summary>
    public const int CurrentVersion = 1;

    public required int Version { get; init; }

    /// <summary>As it was when its last phase began.</summary>
    public required Switch Switch { get; init; }

    /// <summary>The candidate's unit was (or was about to be) started by this switch.</summary>
    public required bool StartsCandidate { get; init; }
}

/// <summary><c>switch.json</c>: says what to clean up after a process that ended in the middle of a switch. Who is active it does not say.</summary>
public sealed class SwitchJournal(StateDirectory directory)
{
    public const string FileName = "switch.json";

    /// <summary>The switch that a former process left unfinished. Never throws.</summary>
    public StateRead<JournalEntry> Read()
    {
        var read = directory.ReadJson(FileName, EdgeProxyJson.Default.JournalEntry);
        return read.Value is { Version: not JournalEntry.CurrentVersion } foreign
            ? new(null, $"{directory.PathOf(FileName)} has format {foreign.Version}, this version of EdgeProxy knows {JournalEntry.CurrentVersion}")
            : read;
    }

    /// <exception cref="StateException">It could not be made durable.</exception>
    public void Write(Switch current, bool startsCandidate) => directory.WriteJson(
        FileName,
        new JournalEntry { Version = JournalEntry.CurrentVersion, Switch = current, StartsCandidate = startsCandidate },
        EdgeProxyJson.Default.JournalEntry);

    /// <exception cref="StateException">It could not be removed.</exception>
    public void Clear() => directory.Delete(FileName);
}
