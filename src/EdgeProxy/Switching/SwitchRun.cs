using System.Diagnostics;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Journal;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>The record of a switch while it runs: every change is kept, written to the checkpoint, logged and published here.</summary>
/// <remarks>Changed by the run alone; <see cref="Current"/> may be read by anyone.</remarks>
internal sealed partial class SwitchRun(
    Switch first, SwitchRequest request, WarmUse warmUse, SwitchCheckpointFile checkpoint, EventHub events, SwitchingMetrics metrics, TimeProvider time,
    ILogger logger) : IAsyncDisposable
{
    private readonly long _started = time.GetTimestamp();
    private readonly List<string> _problems = [];
    private Switch _current = first;
    private bool _hasCheckpoint;
    private readonly CancellationTokenSource _unwantedHooks = new(); // without a timer or a wait handle: nothing is to be disposed
    private Switch? _ending; // how it will have ended when its last hooks have run

    /// <summary>The switch as it is now.</summary>
    public Switch Current
    {
        get
        {
            var current = Volatile.Read(ref _current);
            return current.Outcome is null ? current with { Duration = Elapsed } : current;
        }
    }

    public string Id { get; } = first.Id;

    /// <summary>The slot that was active when the switch began.</summary>
    public SlotName From { get; } = first.From;

    /// <summary>The candidate. Where traffic is now, and where it can go back to, the <see cref="SlotPair.Plan"/> says.</summary>
    public SlotName To { get; } = first.To;

    /// <summary>Traffic moves, or has moved, back to where it came from.</summary>
    public bool IsGoingBack { get; set; }

    /// <summary>Whether and how the switch may be called back.</summary>
    public RollbackSignal RollbackSignal { get; } = new();

    public bool Force => request.Force;

    /// <summary>The agreement that the switch asks: see <see cref="SwitchRequest.Agreement"/>.</summary>
    public ISwitchAgreement? Agreement => request.Agreement;

    /// <summary>The steps of the canary: see <see cref="SwitchRequest.Canary"/>.</summary>
    public IReadOnlyList<CanaryStep>? Canary => request.Canary;

    /// <summary>The time for a preview: see <see cref="SwitchRequest.Preview"/>.</summary>
    public TimeSpan? Preview => request.Preview;

    /// <summary>The time until which preview links are valid; null: there are none.</summary>
    public DateTimeOffset? PreviewUntil { get; set; }

    /// <summary>What the numbers of clients are signed with in this switch; null: none has got one yet.</summary>
    public CandidateKey? CandidateKey { get; set; }

    /// <summary>Clients have been given the candidate before the flip.</summary>
    public bool HasShared { get; set; }

    /// <summary>Whether and how a wait before the flip may be ended.</summary>
    public Promotion Promotion { get; } = new();

    /// <summary>The rest of the canary is left out.</summary>
    public bool IsPromoted { get; set; }

    /// <summary>Why the proxy does this by itself; null: somebody has asked for it.</summary>
    public string? RescueOf => request.RescueOf;

    /// <summary>What is done with a candidate that is warm.</summary>
    public WarmUse WarmUse => warmUse;

    /// <summary>The candidate was warm and runs on as it is.</summary>
    public bool IsReuse { get; private set; }

    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>What went wrong so far.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>The last lines of the unit that is to blame, where that is none of the app's own.</summary>
    public IReadOnlyList<string>? BlamedLog { get; private set; }

    /// <summary>Its outcome is decided, and its units are what they will be: all that is left are hooks.</summary>
    public bool HasOnlyHooksLeft => Volatile.Read(ref _ending) is not null;

    /// <summary>Fires when the hooks after the end are not to be waited for.</summary>
    public CancellationToken UnwantedHooks => _unwantedHooks.Token;

    /// <summary>The candidate's unit is ours to stop: the checkpoint says so, durably.</summary>
    public bool CandidateIsOurs { get; private set; }

    /// <summary>Watches the candidate from its start to the flip.</summary>
    public UnitWatch? Watch { get; set; }

    /// <summary>Makes durable that the candidate is about to be started, before it is.</summary>
    /// <exception cref="StateException">It could not: nothing may be started.</exception>
    public void ClaimCandidate()
    {
        checkpoint.Begin(Current, startsCandidate: true);
        (CandidateIsOurs, _hasCheckpoint) = (true, true);
    }

    /// <summary>Takes a warm candidate as it is: it is not ours to stop.</summary>
    /// <param name="label">What runs there.</param>
    /// <exception cref="StateException">It could not be made durable that the switch runs.</exception>
    public void Reuse(string? label)
    {
        Volatile.Write(ref _current, _current with { Label = label });
        checkpoint.Begin(Current, startsCandidate: false);
        (IsReuse, _hasCheckpoint) = (true, true);
    }

    /// <summary>Nothing of the switch is left to the next process.</summary>
    /// <exception cref="StateException">The checkpoint could not be removed; the history has the switch, so the next start drops it.</exception>
    public void ClearCheckpoint()
    {
        if (_hasCheckpoint)
        {
            checkpoint.Clear();
        }
    }

    /// <summary>Runs a phase: its time, its detail and what went wrong are kept.</summary>
    /// <returns>Whether all went well.</returns>
    /// <exception cref="OperationCanceledException">The proxy stops; the checkpoint is left to the next process.</exception>
    public async Task<bool> PhaseAsync(SwitchPhase phase, Func<SwitchRun, CancellationToken, Task<PhaseResult>> work, CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        using var scope = logger.With(("Phase", phase), ("Slot", IsGoingBack ? From : To));
        var recalled = RollbackSignal.Token;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, recalled);
        var run = Begin(phase);
        var started = time.GetTimestamp();
        PhaseResult result;
        try
        {
            recalled.ThrowIfCancellationRequested(); // asked for between two phases
            result = await work(this, either.Token);
        }
        catch (OperationCanceledException) when (recalled.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            result = PhaseResult.Failed(RollbackSignal.Why);
        }
        catch (Exception e) when (e is UnitException or StateException)
        {
            result = PhaseResult.Failed(e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            // A bug. It must leave neither a candidate running nor the gate closed: the switch ends like any that failed here.
            Log.PhaseThrew(logger, Id, phase, e);
            result = PhaseResult.Failed($"EdgeProxy itself failed ({e.GetType().Name}: {e.Message}); please report this");
        }

        Finish(run with
        {
            Duration = time.GetElapsedTime(started),
            Detail = result.Problem ?? result.Detail,
            Failed = result.Problem is not null,
            Judgement = result.Judgement,
        });
        metrics.PhaseEnded(phase, isDone: result.Problem is null, time.GetElapsedTime(started));
        BlamedLog ??= result.UnitLog;
        if (result.Problem is { } problem && !(problem == RollbackSignal.Why && _problems.Contains(problem))) // what follows a recall says it again
        {
            _problems.Add(problem);
        }

        return result.Problem is null;
    }

    /// <summary>Keeps what the last probe saw.</summary>
    public void Probed(ProbeSummary probe) => Volatile.Write(ref _current, _current with { LastProbe = probe });

    /// <summary>Notes a hook in the checkpoint, durably, before it runs.</summary>
    /// <exception cref="StateException">It could not: the hook may not be run.</exception>
    public void NoteHook(string invocation)
    {
        checkpoint.NoteHook(CheckpointNow, CandidateIsOurs, invocation);
        _hasCheckpoint = true;
    }

    /// <summary>Keeps what a hook did.</summary>
    public void Add(HookRun hook) => Volatile.Write(ref _current, _current with { Hooks = [.. _current.Hooks ?? [], hook] });

    /// <summary>Ends the hooks after the end, and leaves those out that have not begun.</summary>
    public void EndHooks() => _ = _unwantedHooks.CancelAsync(); // not here: the hooks are the run's business, and the caller may hold a lock

    /// <summary>How the run ends. For others it goes on until <see cref="Close"/>: there may be hooks to run.</summary>
    public Switch End(SwitchOutcome outcome, string? reason, IReadOnlyList<string> unitLog)
    {
        var ending = _current with { Outcome = outcome, Reason = reason, UnitLog = unitLog, Duration = Elapsed };
        Volatile.Write(ref _ending, ending);
        return ending;
    }

    /// <summary>Ends the record; nothing is published yet, as it is to be in the history first.</summary>
    /// <param name="ended">What <see cref="End"/> has said.</param>
    /// <param name="problem">What went wrong after that; null: nothing.</param>
    public Switch Close(Switch ended, string? problem = null)
    {
        ended = SwitchHooks.WithWarning(ended with { Phase = _current.Phase, Phases = _current.Phases, Hooks = _current.Hooks }, problem);
        Volatile.Write(ref _current, ended);
        return ended;
    }

    public void Publish(string name = EventNames.Switch) => events.Publish(name, Current, SwitchingJson.Relaxed.Switch, Id);

    public async ValueTask DisposeAsync()
    {
        if (Watch is { } watch)
        {
            Watch = null;
            await watch.DisposeAsync();
        }
    }

    /// <summary>As the checkpoint has it: with its outcome as soon as that is known.</summary>
    private Switch CheckpointNow => _ending is { } ending ? ending with { Phase = _current.Phase, Phases = _current.Phases, Hooks = _current.Hooks } : Current;

    private PhaseRun Begin(SwitchPhase phase)
    {
        var run = new PhaseRun { Phase = phase, StartedAt = time.GetUtcNow() };
        Volatile.Write(ref _current, _current with { Phase = phase, Phases = [.. _current.Phases, run] });
        if (_hasCheckpoint)
        {
            Advance();
        }

        events.Publish(EventNames.Phase, run, SwitchingJson.Relaxed.PhaseRun, Id);
        return run;
    }

    private void Finish(PhaseRun run)
    {
        Debug.Assert(_current.Phases[^1].Phase == run.Phase, "phases do not overlap");
        Volatile.Write(ref _current, _current with { Phases = [.. _current.Phases.SkipLast(1), run] });
        Log.PhaseEnded(logger, Id, run.Phase, run.Duration.TotalMilliseconds, run.Detail ?? "done");
        events.Publish(EventNames.Phase, run, SwitchingJson.Relaxed.PhaseRun, Id);
    }

    /// <summary>The phase in the checkpoint is for the history only; the claim and <c>active.json</c> decide. So a failure to write it stops nothing.</summary>
    private void Advance()
    {
        try
        {
            checkpoint.Advance(CheckpointNow, CandidateIsOurs);
        }
        catch (StateException e)
        {
            Log.JournalBehind(logger, Id, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(330, LogLevel.Information, "Switch {SwitchId}: {Phase} took {Milliseconds:F0} ms: {Detail}")]
        public static partial void PhaseEnded(ILogger logger, string switchId, SwitchPhase phase, double milliseconds, string detail);

        [LoggerMessage(331, LogLevel.Error, "Switch {SwitchId}: {Phase} threw")]
        public static partial void PhaseThrew(ILogger logger, string switchId, SwitchPhase phase, Exception exception);

        [LoggerMessage(332, LogLevel.Warning, "Switch {SwitchId} goes on, but its checkpoint is a phase behind: {Problem}")]
        public static partial void JournalBehind(ILogger logger, string switchId, string problem);
    }
}
