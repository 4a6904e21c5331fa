using System.Diagnostics;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Journal;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>The record of a switch while it runs: every change is kept, journalled, logged and published here.</summary>
/// <remarks>Changed by the run alone; <see cref="Current"/> may be read by anyone.</remarks>
internal sealed partial class SwitchRun(Switch first, SwitchRequest request, WarmUse warmUse, SwitchJournal journal, EventHub events, SwitchingMetrics metrics, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly long _started = time.GetTimestamp();
    private readonly List<string> _problems = [];
    private Switch _current = first;
    private bool _isJournalled;

    /// <summary>As it is now.</summary>
    public Switch Current
    {
        get
        {
            var current = Volatile.Read(ref _current);
            return current.Outcome is null ? current with { Duration = Elapsed } : current;
        }
    }

    public string Id { get; } = first.Id;

    /// <summary>The slot that traffic leaves, to be drained and stopped; in a rollback the candidate.</summary>
    public SlotName From { get; private set; } = first.From;

    /// <summary>The slot that traffic moves to; in a rollback the old one.</summary>
    public SlotName To { get; private set; } = first.To;

    /// <summary>Traffic moves, or has moved, back to where it came from.</summary>
    public bool IsGoingBack { get; private set; }

    /// <summary>Whether and how the switch may be called back.</summary>
    public Recall Recall { get; } = new();

    public bool Force => request.Force;

    /// <summary>Why the proxy does this by itself; null: somebody has asked for it.</summary>
    public string? RescueOf => request.RescueOf;

    /// <summary>What is done with a candidate that is warm.</summary>
    public WarmUse WarmUse => warmUse;

    /// <summary>The candidate was warm and runs on as it is.</summary>
    public bool IsReuse { get; private set; }

    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>What went wrong so far.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>The candidate's unit is ours to stop: the journal says so, durably.</summary>
    public bool CandidateIsOurs { get; private set; }

    /// <summary>The rest of the switch is done in the other direction. Its record keeps the one that was asked for.</summary>
    public void TurnAround() => (From, To, IsGoingBack) = (To, From, !IsGoingBack);

    /// <summary>Watches the candidate from its start to the flip.</summary>
    public UnitWatch? Watch { get; set; }

    /// <summary>Makes durable that the candidate is about to be started, before it is.</summary>
    /// <exception cref="StateException">It could not: nothing may be started.</exception>
    public void ClaimCandidate()
    {
        journal.Begin(Current, startsCandidate: true);
        (CandidateIsOurs, _isJournalled) = (true, true);
    }

    /// <summary>Takes a warm candidate as it is: it is not ours to stop.</summary>
    /// <param name="label">What runs there.</param>
    /// <exception cref="StateException">It could not be made durable that the switch runs.</exception>
    public void Reuse(string? label)
    {
        Volatile.Write(ref _current, _current with { Label = label });
        journal.Begin(Current, startsCandidate: false);
        (IsReuse, _isJournalled) = (true, true);
    }

    /// <summary>Nothing of the switch is left to the next process.</summary>
    /// <exception cref="StateException">The journal could not be removed; the history has the switch, so the next start drops it.</exception>
    public void ClearJournal()
    {
        if (_isJournalled)
        {
            journal.Clear();
        }
    }

    /// <summary>Runs a phase: its time, its detail and what went wrong are kept.</summary>
    /// <returns>Whether all went well.</returns>
    /// <exception cref="OperationCanceledException">The proxy stops; the journal is left to the next process.</exception>
    public async Task<bool> PhaseAsync(SwitchPhase phase, Func<SwitchRun, CancellationToken, Task<PhaseResult>> work, CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        using var scope = logger.With(("Phase", phase), ("Slot", To));
        var recalled = Recall.Token;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, recalled);
        var run = Begin(phase);
        var started = time.GetTimestamp();
        PhaseResult result;
        try
        {
            result = await work(this, either.Token);
        }
        catch (OperationCanceledException) when (recalled.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            result = PhaseResult.Failed(Recall.Words);
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

        Finish(run with { Duration = time.GetElapsedTime(started), Detail = result.Problem ?? result.Detail, Failed = result.Problem is not null });
        metrics.PhaseEnded(phase, isDone: result.Problem is null, time.GetElapsedTime(started));
        if (result.Problem is not null)
        {
            _problems.Add(result.Problem);
        }

        return result.Problem is null;
    }

    /// <summary>Keeps what the last probe saw.</summary>
    public void Probed(ProbeSummary probe) => Volatile.Write(ref _current, _current with { LastProbe = probe });

    /// <summary>Ends the record; nothing is published yet, as it is to be in the history first.</summary>
    public Switch End(SwitchOutcome outcome, string? reason, IReadOnlyList<string> unitLog)
    {
        var ended = _current with { Outcome = outcome, Reason = reason, UnitLog = unitLog, Duration = Elapsed };
        Volatile.Write(ref _current, ended);
        return ended;
    }

    public void Publish(string name = "switch") => events.Publish(name, Current, ApiJson.Default.Switch, Id);

    public async ValueTask DisposeAsync()
    {
        if (Watch is { } watch)
        {
            Watch = null;
            await watch.DisposeAsync();
        }
    }

    private PhaseRun Begin(SwitchPhase phase)
    {
        var run = new PhaseRun { Phase = phase, StartedAt = time.GetUtcNow() };
        Volatile.Write(ref _current, _current with { Phase = phase, Phases = [.. _current.Phases, run] });
        if (_isJournalled)
        {
            Advance();
        }

        events.Publish("phase", run, ApiJson.Default.PhaseRun, Id);
        return run;
    }

    private void Finish(PhaseRun run)
    {
        Debug.Assert(_current.Phases[^1].Phase == run.Phase, "phases do not overlap");
        Volatile.Write(ref _current, _current with { Phases = [.. _current.Phases.SkipLast(1), run] });
        Log.PhaseEnded(logger, Id, run.Phase, run.Duration.TotalMilliseconds, run.Detail ?? "done");
        events.Publish("phase", run, ApiJson.Default.PhaseRun, Id);
    }

    /// <summary>The phase in the journal is for the history only; the claim and <c>active.json</c> decide. So a failure to write it stops nothing.</summary>
    private void Advance()
    {
        try
        {
            journal.Advance(Current, CandidateIsOurs);
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

        [LoggerMessage(332, LogLevel.Warning, "Switch {SwitchId} goes on, but its journal is a phase behind: {Problem}")]
        public static partial void JournalBehind(ILogger logger, string switchId, string problem);
    }
}
