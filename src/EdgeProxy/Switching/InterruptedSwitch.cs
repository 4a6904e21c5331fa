using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>The switch that a former process did not bring to its end: what became of it, and its line in the history.</summary>
/// <remarks>Used once, by the start. It does not decide which slot is active: <c>active.json</c> has done that before.</remarks>
internal sealed partial class InterruptedSwitch
{
    private readonly ActiveSlotRecord _active;
    private readonly SwitchCheckpointFile _checkpoint;
    private readonly SwitchHistory _history;
    private readonly SwitchHooks _hooks;
    private readonly IOperatorNotice _notice;
    private readonly SlotPair _slots;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SwitchCheckpoint? _unfinished;
    private readonly bool _hasFile;

    public InterruptedSwitch(
        ActiveSlotRecord active,
        SwitchCheckpointFile checkpoint,
        SwitchHistory history,
        SwitchHooks hooks,
        IOperatorNotice notice,
        SlotPair slots,
        TimeProvider time,
        ILogger<InterruptedSwitch> logger)
    {
        (_active, _checkpoint, _history, _hooks, _notice, _slots, _time, _logger) = (active, checkpoint, history, hooks, notice, slots, time, logger);
        var (entry, problem) = checkpoint.Read();
        if (problem is not null)
        {
            Log.JournalUnreadable(logger, problem);
        }

        _hasFile = entry is not null || problem is not null;
        // one that is in the history lacked the removal of its checkpoint only
        _unfinished = entry is not null && history.Find(entry.Switch.Id) is null ? entry : null;
    }

    /// <summary>It was about to put another version into the slot, or had taken the traffic away from it again: what runs there is not to be kept.</summary>
    public bool HasClaimed(SlotName slot) => _unfinished is { StartsCandidate: true } left && left.Switch.To == slot;

    /// <summary>Its traffic had moved, and perhaps back again.</summary>
    public bool HasMovedTraffic => _unfinished is { } left && (HasMoved(left) || _active.Current?.Switch == left.Switch.Id);

    /// <summary>Its traffic had moved away from the slot.</summary>
    public bool HasLeft(SlotName slot) => _unfinished is { } left && left.Switch.From == slot && HasMoved(left);

    /// <summary>Ends what may be left of the hook that ran when the process was killed: before anything else is done about the switch.</summary>
    public Task EndHookAsync() => _unfinished?.HookInvocation is { } invocation ? _hooks.EndLeftOverAsync(invocation) : Task.CompletedTask;

    /// <summary>Runs the hooks after its end, puts it into the history, if there is one to be told, and removes the checkpoint.</summary>
    /// <param name="idle">What was done with the idle slot, in a clause; or why the units are not as they should be.</param>
    /// <param name="stopping">The proxy stops; the checkpoint is left to the next process.</param>
    /// <exception cref="StateException">The checkpoint could not be removed.</exception>
    public async Task ConcludeAsync(string idle, CancellationToken stopping)
    {
        if (_unfinished is { Switch: { } left })
        {
            var moved = HasMoved(_unfinished);
            // The flip back was this switch's, too; or a part of the clients had its candidate, and all get the active slot again.
            var movedBack = !moved && (_active.Current?.Switch == left.Id || left.Phases.Any(phase => phase.Phase == SwitchPhase.Canary));
            var ended = left.Outcome is not null ? left : left with
            {
                Outcome = moved ? SwitchOutcome.CompletedWithWarnings : movedBack ? SwitchOutcome.RolledBack : SwitchOutcome.Aborted,
                Duration = _time.GetUtcNow() - left.StartedAt,
                Reason = $"EdgeProxy ended in {left.Phase}{(moved ? "" : movedBack ? ", after traffic had moved back" : ", before traffic moved")}. "
                    + $"Traffic is on {(moved ? left.To : left.From).ToKey()}; {idle.TrimEnd('.')}. "
                    + (moved || movedBack ? "Requests in flight at that moment may have been cut." : "Switch again."),
            };
            if (_hooks.HasAfterEnd)
            {
                ended = await _hooks.AfterEndAsync(ended, invocation => _checkpoint.NoteHook(ended, _unfinished.StartsCandidate, invocation), stopping);
            }

            _notice.SwitchEnded(_slots.Active.App.Name, ended);
            _history.Add(ended);
            Log.Concluded(_logger, ended.Id, ended.Outcome!.Value, ended.Reason ?? "all went well");
        }

        if (_hasFile)
        {
            _checkpoint.Clear();
        }
    }

    private bool HasMoved(SwitchCheckpoint left) => _active.Current?.Slot == left.Switch.To;

    private static partial class Log
    {
        [LoggerMessage(361, LogLevel.Warning, "Switch {SwitchId} of the former process ended {Outcome}: {Reason}")]
        public static partial void Concluded(ILogger logger, string switchId, SwitchOutcome outcome, string reason);

        [LoggerMessage(362, LogLevel.Error, "A former process left a switch behind, but which is not known: {Problem}")]
        public static partial void JournalUnreadable(ILogger logger, string problem);
    }
}
