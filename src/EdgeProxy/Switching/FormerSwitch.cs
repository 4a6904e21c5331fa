using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching;

/// <summary>The switch that a former process did not bring to its end: what became of it, and its line in the history.</summary>
/// <remarks>Used once, by the start. Who is active it does not decide: <c>active.json</c> has done that before.</remarks>
internal sealed partial class FormerSwitch
{
    private readonly ActiveSlotFile _active;
    private readonly SwitchJournal _journal;
    private readonly SwitchHistory _history;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly JournalEntry? _unfinished;
    private readonly bool _hasFile;

    public FormerSwitch(ActiveSlotFile active, SwitchJournal journal, SwitchHistory history, TimeProvider time, ILogger<FormerSwitch> logger)
    {
        (_active, _journal, _history, _time, _logger) = (active, journal, history, time, logger);
        var (entry, problem) = journal.Read();
        if (problem is not null)
        {
            Log.JournalUnreadable(logger, problem);
        }

        _hasFile = entry is not null || problem is not null;
        _unfinished = entry is not null && history.Find(entry.Switch.Id) is null ? entry : null; // one that is in the history lacked the removal of its journal only
    }

    /// <summary>It was about to put another version into the slot, or had taken the traffic away from it again: what runs there is not to be kept.</summary>
    public bool HasClaimed(SlotName slot) => _unfinished is { StartsCandidate: true } left && left.Switch.To == slot;

    /// <summary>Its traffic had moved away from the slot.</summary>
    public bool HasLeft(SlotName slot) => _unfinished is { } left && left.Switch.From == slot && HasMoved(left);

    /// <summary>Puts its end into the history, if there is one to be told, and removes the journal.</summary>
    /// <param name="idle">What was done with the idle slot, in a clause; or why the units are not as they should be.</param>
    /// <exception cref="StateException">The journal could not be removed.</exception>
    public void Conclude(string idle)
    {
        if (_unfinished is { Switch: { } left })
        {
            var moved = HasMoved(_unfinished);
            var movedBack = !moved && _active.Current?.Switch == left.Id; // the flip back was this switch's, too
            var ended = left with
            {
                Outcome = moved ? SwitchOutcome.CompletedWithWarnings : movedBack ? SwitchOutcome.RolledBack : SwitchOutcome.Aborted,
                Duration = _time.GetUtcNow() - left.StartedAt,
                Reason = $"EdgeProxy ended in {left.Phase}{(moved ? "" : movedBack ? ", after traffic had moved back" : ", before traffic moved")}. "
                    + $"Traffic is on {(moved ? left.To : left.From).ToKey()}; {idle.TrimEnd('.')}. "
                    + (moved || movedBack ? "Requests in flight at that moment may have been cut." : "Switch again."),
            };
            _history.Add(ended);
            Log.Concluded(_logger, ended.Id, ended.Outcome.Value, ended.Reason);
        }

        if (_hasFile)
        {
            _journal.Clear();
        }
    }

    private bool HasMoved(JournalEntry left) => _active.Current?.Slot == left.Switch.To;

    private static partial class Log
    {
        [LoggerMessage(361, LogLevel.Warning, "Switch {SwitchId} of the former process ended {Outcome}: {Reason}")]
        public static partial void Concluded(ILogger logger, string switchId, SwitchOutcome outcome, string reason);

        [LoggerMessage(362, LogLevel.Error, "A former process left a switch behind, but which is not known: {Problem}")]
        public static partial void JournalUnreadable(ILogger logger, string problem);
    }
}
