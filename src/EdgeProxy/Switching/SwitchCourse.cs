using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Hooks;

namespace EdgeProxy.Switching;

/// <summary>The course of a switch: its phases (<see cref="RunPhasesAsync"/>), and what follows where one of them fails or traffic is wanted back.</summary>
/// <remarks>Has no state of its own: that of a switch is its <see cref="SwitchRun"/>.</remarks>
internal sealed partial class SwitchCourse(
    SlotPair slots, SwitchPhases phases, SwitchEnding ending, SwitchHooks hooks, SwitchCompanions companions, ILogger<SwitchCourse> logger)
{
    /// <summary>How long a step of a canary is for which nothing is said.</summary>
    public TimeSpan DefaultCanaryStep => phases.Canary.DefaultDuration;

    /// <summary>A switch with the hooks after its end, which run whatever the end was.</summary>
    /// <exception cref="OperationCanceledException">The proxy stops.</exception>
    public async Task<Switch> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        Switch ended;
        try
        {
            ended = slots.Active.Name == run.From
                ? await RunPhasesAsync(run, stopping)
                : run.End(
                    SwitchOutcome.Aborted,
                    $"Another process has moved traffic to {slots.Active.Name.ToKey()} meanwhile. Nothing was started. Check whether that is intended; " +
                        "otherwise switch again.",
                    []);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            ended = Explain(run, e);
        }

        run.RollbackSignal.Close(); // else an abort that was asked for would keep them from running
        var isDone = !hooks.HasAfterEnd
            || await run.PhaseAsync(SwitchPhase.AfterEnd, (_, token) => hooks.AfterEndAsync(run, ended, token), stopping);
        return run.Close(ended, isDone ? null : run.Problems[^1]);
    }

    /// <summary>The phases, from the first to the last: what a switch does.</summary>
    private async Task<Switch> RunPhasesAsync(SwitchRun run, CancellationToken stopping)
    {
        // Until the flip the old slot is the active one: whatever goes wrong, the candidate is stopped and the old slot serves on.
        var moved = await run.PhaseAsync(SwitchPhase.StartIdle, phases.StartIdle.RunAsync, stopping)
            && await run.PhaseAsync(SwitchPhase.Probe, phases.Probe.RunAsync, stopping)
            && await run.PhaseAsync(SwitchPhase.WarmUp, phases.WarmUp.RunAsync, stopping)
            && (run.Preview is null || run.IsReuse || await run.PhaseAsync(SwitchPhase.Preview, phases.Preview.RunAsync, stopping))
            && (!hooks.HasBeforeFlip || await run.PhaseAsync(SwitchPhase.BeforeFlip, hooks.BeforeFlipAsync, stopping))
            && await ShareAsync(run, stopping)
            && (run.Agreement is not { } all || await run.PhaseAsync(SwitchPhase.Agree, all.PreparedAsync, stopping))
            && await run.PhaseAsync(SwitchPhase.Flip, phases.Flip.RunAsync, stopping);
        if (!moved)
        {
            run.RollbackSignal.Close(); // it ends in any case; what is still to be done is not called back
            phases.Canary.End(run);
            return run.HasShared ? await TakeBackAsync(run, stopping) : await ending.AbortAsync(run, stopping);
        }

        // From here on the new slot serves. Until the old one is stopped it can take the traffic back, in one step.
        run.RollbackSignal.Open();
        var stays = (!companions.HasAfterFlip || await run.PhaseAsync(SwitchPhase.Companions, companions.AfterFlipAsync, stopping))
            && await run.PhaseAsync(SwitchPhase.Observe, phases.Observe.RunAsync, stopping);
        if (run.Agreement is { } everybody)
        {
            var problem = stays ? null : run.Problems[^1];
            stays = await run.PhaseAsync(SwitchPhase.Agree, (run, token) => everybody.ObservedAsync(run, problem, token), stopping);
        }

        if (stays)
        {
            if (companions.HasAny)
            {
                await run.PhaseAsync(SwitchPhase.MoveCompanions, companions.AfterObserveAsync, stopping);
            }

            await DrainAsync(run, stopping);
        }

        // What goes wrong from here on is a warning.
        if (!run.RollbackSignal.Close() && stays)
        {
            await StopAsync(run, phases.StopOld.KeepWarmAsync, stopping);
            return await ending.CompleteAsync(run, run.BlamedLog, stopping);
        }

        var log = run.BlamedLog ?? await ending.ReadLogAsync(run.To, stopping); // the candidate's, before its stop adds lines of its own
        await GoBackAsync(run, stopping);
        await DrainAsync(run, stopping);
        await StopAsync(run, phases.StopOld.RunAsync, stopping);
        return await ending.CompleteAsync(run, log, stopping);
    }

    private async Task DrainAsync(SwitchRun run, CancellationToken stopping)
    {
        await run.PhaseAsync(SwitchPhase.Drain, phases.Drain.RunAsync, stopping);
        if (run.Agreement is { } all)
        {
            await run.PhaseAsync(SwitchPhase.Agree, all.DrainedAsync, stopping);
        }
    }

    private static async Task StopAsync(SwitchRun run, Func<SwitchRun, CancellationToken, Task<PhaseResult>> stop, CancellationToken stopping)
    {
        await run.PhaseAsync(SwitchPhase.StopOld, stop, stopping);
        if (run.Agreement is { } all)
        {
            await run.PhaseAsync(SwitchPhase.Agree, all.StoppedAsync, stopping);
        }
    }

    /// <summary>Lets a part of the clients have the candidate, a larger one with each step.</summary>
    /// <returns>False: it is not to have the rest of them.</returns>
    private async Task<bool> ShareAsync(SwitchRun run, CancellationToken stopping)
    {
        foreach (var step in phases.Canary.StepsOf(run))
        {
            if (!run.HasShared)
            {
                CrashPoint.Enter(CrashPoint.Canary);
            }

            run.RollbackSignal.Open();
            if (!await run.PhaseAsync(SwitchPhase.Canary, (run, token) => phases.Canary.RunAsync(run, step, token), stopping))
            {
                return false;
            }

            if (run.IsPromoted)
            {
                break;
            }
        }

        return true;
    }

    /// <summary>Ends a switch whose candidate a part of the clients had, and has no more: their requests in it are waited for.</summary>
    private async Task<Switch> TakeBackAsync(SwitchRun run, CancellationToken stopping)
    {
        await run.DisposeAsync();
        run.IsGoingBack = true;
        var log = await ending.ReadLogAsync(run.To, stopping); // before its stop adds lines of its own
        await run.PhaseAsync(SwitchPhase.Drain, phases.Drain.RunAsync, stopping);
        await run.PhaseAsync(SwitchPhase.StopOld, phases.StopOld.RunAsync, stopping);
        return await ending.CompleteAsync(run, log, stopping);
    }

    /// <summary>Moves traffic back; what is left of the switch then drains and stops the candidate. Where the old slot does not respond, traffic
    /// stays.</summary>
    private async Task GoBackAsync(SwitchRun run, CancellationToken stopping)
    {
        CrashPoint.Enter(CrashPoint.Rollback);
        run.IsGoingBack = true;
        run.IsGoingBack = await run.PhaseAsync(SwitchPhase.Flip, phases.Flip.BackAsync, stopping);
        if (companions.HasAny)
        {
            await run.PhaseAsync(SwitchPhase.MoveCompanions, companions.BackAsync, stopping);
        }
    }

    /// <summary>How a switch ends that a bug has ended.</summary>
    public Switch Explain(SwitchRun run, Exception failure)
    {
        Log.Threw(logger, run.Id, failure);
        phases.Canary.End(run);
        return run.End(
            slots.Active.Name == run.Current.To ? SwitchOutcome.CompletedWithWarnings : SwitchOutcome.Aborted,
            $"EdgeProxy itself failed ({failure.GetType().Name}: {failure.Message}). Traffic is on {slots.Active.Name.ToKey()}; look whether both units run, " +
                "and report this.",
            []);
    }

    private static partial class Log
    {
        [LoggerMessage(323, LogLevel.Error, "Switch {SwitchId} threw")]
        public static partial void Threw(ILogger logger, string switchId, Exception exception);
    }
}
