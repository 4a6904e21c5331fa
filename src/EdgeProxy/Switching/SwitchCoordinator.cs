using System.Globalization;
using System.Security.Cryptography;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Journal;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Takes the commands about switches, and runs one at a time. What a switch does is <see cref="SwitchCourse"/>.</summary>
/// <remarks>
/// A switch belongs to the host: it goes on when its caller has left, and stops where it is when the proxy stops. The checkpoint
/// then tells the next process what to clean up (<see cref="Reconciliation"/>).
/// </remarks>
internal sealed partial class SwitchCoordinator(
    Reconciliation reconciliation,
    SlotPair slots,
    IUnitManager units,
    ActiveSlotRecord active,
    WarmSlot warm,
    SwitchCourse course,
    IOperatorNotice notice,
    SwitchCheckpointFile checkpoint,
    SwitchHistory history,
    EventHub events,
    SwitchingMetrics metrics,
    TimeProvider time,
    ILogger<SwitchCoordinator> logger) : IHostedLifecycleService, IDisposable
{
    private readonly Lock _starting = new();
    private readonly CancellationTokenSource _stopping = new();
    private SwitchRun? _running; // set under _starting, reset by the run that ends
    private Task<Switch>? _completion;

    /// <summary>The switch that runs, as it is now; null: none.</summary>
    public Switch? Running => Volatile.Read(ref _running)?.Current;

    /// <summary>The switch that ended last; null: none is known.</summary>
    public Switch? Last => history.Recent is [var last, ..] ? last : null;

    /// <summary>How long a step of a canary is for which nothing is said.</summary>
    public TimeSpan DefaultCanaryStep => course.DefaultCanaryStep;

    /// <summary>Starts a switch, unless one runs. Waits for the end of the clean-up at start, never for a running switch.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="cancellationToken">Ends the wait, not the switch.</param>
    public async ValueTask<SwitchStart> BeginAsync(SwitchRequest request, CancellationToken cancellationToken)
    {
        await reconciliation.Finished.WaitAsync(cancellationToken);
        return request.To is { } back && RequestsDeployedVersion(request)
            ? await WithoutHooksAsync(back, request.RescueOf is not null, _ => ValueTask.FromResult(Begin(request)), cancellationToken)
            : Begin(request);
    }

    private SwitchStart Begin(SwitchRequest request)
    {
        lock (_starting)
        {
            if (Join(request.To) is { } joined)
            {
                return joined;
            }

            var plan = slots.Plan;
            var to = request.To ?? plan.Previous.Name;
            return to == plan.Active.Name
                ? IsActive(to)
                : Start(plan, request with { To = to }, request.WarmUse ?? (RequestsDeployedVersion(request) ? WarmUse.Reuse : WarmUse.Restart));
        }
    }

    /// <summary>
    /// Brings traffic back to the previous slot: by calling back the running switch where its old slot still runs, else by a switch, which takes
    /// a warm slot as it is.
    /// </summary>
    /// <param name="force">Also where the previous version cannot be told to be there still; and as <see cref="SwitchRequest.Force"/>.</param>
    /// <param name="cancellationToken">Ends the wait, not the rollback.</param>
    public async ValueTask<SwitchStart> BeginRollbackAsync(bool force, CancellationToken cancellationToken)
    {
        await reconciliation.Finished.WaitAsync(cancellationToken);
        var previous = slots.Plan.Previous.Name;
        return await WithoutHooksAsync(previous, isRescue: false, token => RollBackAsync(force, token), cancellationToken);
    }

    private async ValueTask<SwitchStart> RollBackAsync(bool force, CancellationToken cancellationToken)
    {
        SlotName previous;
        SwitchRequest request;
        lock (_starting)
        {
            if (_running is { } canary && canary.RollbackSignal.TryAsk()) // before its flip the previous slot is the candidate
            {
                return new SwitchStart.Joined(canary.Current, _completion!);
            }

            var plan = slots.Plan;
            previous = plan.Previous.Name;
            request = new SwitchRequest(previous, active.Current?.LabelOf(previous), force, Canary: []);
            if (Join(previous) is { } joined)
            {
                return joined;
            }

            if (warm.Until(previous) is not null)
            {
                return Start(plan, request, force ? WarmUse.Reuse : WarmUse.ReuseOnly);
            }
        }

        return !force && await FindSharedTreeAsync(cancellationToken) is { } tree
            ? new SwitchStart.Refused(
                $"{previous.ToKey()} is stopped, and both slots run from {tree}: started again it would run what is there now. "
                + "Check the earlier version out there, then roll back with force")
            : await BeginAsync(request, cancellationToken);
    }

    /// <summary>What invites a client to the candidate of the running switch, and until when it does.</summary>
    /// <returns>Null: it has no preview, or not any more.</returns>
    public (string Token, DateTimeOffset Until)? Invite() =>
        Volatile.Read(ref _running) is { PreviewUntil: { } until, CandidateKey: { } key } && slots.Plan.Candidate?.Key == key
            ? (PreviewToken.Sign(key, until), until)
            : null;

    /// <summary>Ends the wait of the running switch before its flip: what is left of a canary is left out.</summary>
    public SwitchStart Promote()
    {
        lock (_starting)
        {
            return _running is not { } run ? new SwitchStart.Refused("no switch runs")
                : run.Promotion.TryAsk() ? new SwitchStart.Joined(run.Current, _completion!)
                : new SwitchStart.Refused($"switch {run.Id} is in {run.Current.Phase} and is not waiting for a promotion");
        }
    }

    /// <summary>Calls the running switch back, also before any client gets the candidate.</summary>
    public SwitchStart Abort()
    {
        lock (_starting)
        {
            return _running is not { } run ? new SwitchStart.Refused("no switch runs")
                : run.RollbackSignal.TryAbort() ? new SwitchStart.Joined(run.Current, _completion!)
                : new SwitchStart.Refused(
                    $"switch {run.Id} is in {run.Current.Phase}: it is too late to abort it"
                        + (run.HasOnlyHooksLeft && slots.Active.Name == run.To ? "; a rollback ends its hooks and takes traffic back" : ""));
        }
    }

    /// <summary>
    /// Begins what takes traffic away from the active slot. Where the switch that runs has nothing left but hooks, they are ended for it: a CDN that is being
    /// purged is nothing that clients of a bad version can wait for.
    /// </summary>
    /// <param name="back">The slot that traffic is wanted on.</param>
    /// <param name="isRescue">Also where that switch was not the one that has left the slot.</param>
    /// <param name="begin">Begins it, when nothing runs any more.</param>
    /// <param name="cancellationToken">Ends the wait; what was asked for is done nevertheless.</param>
    private async ValueTask<SwitchStart> WithoutHooksAsync(
        SlotName back, bool isRescue, Func<CancellationToken, ValueTask<SwitchStart>> begin, CancellationToken cancellationToken)
    {
        Task<Switch>? hooks = null;
        lock (_starting)
        {
            if (_running is { HasOnlyHooksLeft: true } run && slots.Active.Name != back && (isRescue || run.From == back))
            {
                run.EndHooks();
                hooks = _completion!;
            }
        }

        return hooks is null ? await begin(cancellationToken) : await AfterAsync(hooks).WaitAsync(cancellationToken);

        async Task<SwitchStart> AfterAsync(Task<Switch> hooks)
        {
            await hooks;
            return slots.Active.Name == back ? IsActive(back) // of two callers, the second does not undo what the first has done
                : await begin(CancellationToken.None);
        }
    }

    private static SwitchStart.Refused IsActive(SlotName slot) => new($"{slot.ToKey()} is active already");

    /// <remarks>Needs <see cref="_starting"/>.</remarks>
    private SwitchStart Start(TrafficPlan plan, SwitchRequest request, WarmUse warmUse)
    {
        if (_stopping.IsCancellationRequested)
        {
            return new SwitchStart.Refused("EdgeProxy is stopping; ask its next process");
        }

        var first = new Switch
        {
            Id = request.Id ?? NewId(),
            From = plan.Active.Name,
            To = plan.Previous.Name,
            Label = request.Label,
            ByRescue = request.RescueOf is not null,
            Fleet = request.Agreement?.Fleet,
            StartedAt = time.GetUtcNow(),
        };
        var run = new SwitchRun(first, request, warmUse, checkpoint, events, metrics, time, logger);
        _running = run;
        _completion = Task.Run(() => RunAndRecordAsync(run), CancellationToken.None);
        return new SwitchStart.Started(first, _completion);
    }

    /// <summary>A request that names a slot, and no other version than the one that it has, wants that one back. A deploy names no slot, or a new
    /// label.</summary>
    private bool RequestsDeployedVersion(SwitchRequest request) =>
        request.To is { } slot && (request.Label is null || request.Label == active.Current?.LabelOf(slot));

    /// <summary>What a request gets while a switch runs: that switch, called back where the request is for the slot that it leaves. Null: none runs.</summary>
    /// <remarks>Needs <see cref="_starting"/>. Only a request that names the old slot means it: the next deploy of a script that names none does not undo this
    /// one.</remarks>
    private SwitchStart? Join(SlotName? to) => _running switch
    {
        null => null,
        { } run when run.Current is { } current && to == current.From && run.RollbackSignal.TryAsk() => new SwitchStart.Joined(current, _completion!),
        { } run => new SwitchStart.Busy(run.Current),
    };

    /// <summary>Where both units run the app from; null: each has a place of its own, or it is not known.</summary>
    private async Task<string?> FindSharedTreeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var status = await Task.WhenAll(SlotNameExtensions.All.Select(slot => units.GetStatusAsync(slot, cancellationToken)));
            return status[0].WorkingDirectory == status[1].WorkingDirectory ? status[0].WorkingDirectory : null;
        }
        catch (UnitException)
        {
            return null; // the switch meets the same problem, and says what it is
        }
    }

    /// <summary>Runs a switch and keeps its end; never throws.</summary>
    private async Task<Switch> RunAndRecordAsync(SwitchRun run)
    {
        using var scope = logger.With(("SwitchId", run.Id));
        Log.Began(logger, run.Id, run.From, run.To, run.Current.Label ?? "none");
        run.Publish();
        metrics.SwitchBegan();
        try
        {
            using var turn = await warm.TakeTurnAsync(_stopping.Token);
            CrashPoint.Enter(CrashPoint.Switch);
            var ended = await course.RunAsync(run, _stopping.Token);
            Keep(ended);
            ClearCheckpoint(run);
            Log.Ended(logger, run.Id, ended.Outcome!.Value, ended.Duration.TotalSeconds, ended.Reason ?? "all went well");
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Log.LeftBehind(logger, run.Id, run.Current.Phase);
        }
        catch (Exception e)
        {
            Keep(run.Close(course.Explain(run, e)));
        }
        finally
        {
            await run.DisposeAsync();
            metrics.SwitchEnded(run.Current.Outcome, run.Current.Duration);
            reconciliation.RequestIfChangedElsewhere();
            Volatile.Write(ref _running, null);
            run.Publish();
        }

        return run.Current;
    }

    /// <summary>Told first: a process that is killed in between leaves a switch without an end, which the next one tells again.</summary>
    private void Keep(Switch ended)
    {
        notice.SwitchEnded(slots.Active.App.Name, ended);
        history.Add(ended);
    }

    private void ClearCheckpoint(SwitchRun run)
    {
        try
        {
            run.ClearCheckpoint();
        }
        catch (StateException e)
        {
            Log.JournalStays(logger, run.Id, e.Message);
        }
    }

    /// <summary>Sorts by time and can be typed: <c>20260131-235959-3fa2</c>.</summary>
    private string NewId() =>
        $"{time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{RandomNumberGenerator.GetHexString(4, lowercase: true)}";

    /// <summary>Before anything else stops: a caller that waits for the switch would keep the admin listener from closing.</summary>
    async Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (Volatile.Read(ref _completion) is { } completion)
        {
            await completion.WaitAsync(cancellationToken);
        }
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();

    private static partial class Log
    {
        [LoggerMessage(320, LogLevel.Information, "Switch {SwitchId} from {From} to {To} began, label {Label}")]
        public static partial void Began(ILogger logger, string switchId, SlotName from, SlotName to, string label);

        [LoggerMessage(321, LogLevel.Information, "Switch {SwitchId} ended {Outcome} after {Seconds:F3} s: {Reason}")]
        public static partial void Ended(ILogger logger, string switchId, SwitchOutcome outcome, double seconds, string reason);

        [LoggerMessage(322, LogLevel.Warning, "Switch {SwitchId} stops in {Phase} as EdgeProxy stops; the next process finishes or undoes it")]
        public static partial void LeftBehind(ILogger logger, string switchId, SwitchPhase phase);

        [LoggerMessage(324, LogLevel.Warning, "The checkpoint of switch {SwitchId} could not be removed: {Problem}")]
        public static partial void JournalStays(ILogger logger, string switchId, string problem);
    }
}
