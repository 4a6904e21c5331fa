using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Ends a run: says what happened, where traffic is now and what to do, with the log lines of the unit that is to blame.</summary>
internal sealed class SwitchEnding(IUnitManager units, UnitStop stop)
{
    private const int LinesOfLog = 50;

    /// <summary>Ends a run whose traffic never moved: what it has started is stopped.</summary>
    public async Task<Switch> AbortAsync(SwitchRun run, CancellationToken stopping)
    {
        await run.DisposeAsync();
        var because = $"{run.Current.Phase}: {run.Problems[^1].TrimEnd('.')}. Traffic stays on {run.From.ToKey()}.";
        if (!run.CandidateIsOurs)
        {
            return run.End(SwitchOutcome.Aborted, $"{because} Nothing was started.", []);
        }

        var log = await ReadLogAsync(run.To, stopping); // before the stop adds its own lines
        var problem = await TryStopCandidateAsync(run, stopping);
        var next = run.RollbackSignal.IsAsked ? "" : " Mend it, then switch again.";
        return run.End(SwitchOutcome.Aborted, $"{because} {problem ?? $"{units.UnitOf(run.To)} was stopped again."}{next}", log);
    }

    /// <summary>Ends a run whose traffic has moved.</summary>
    /// <param name="run">The run, its old slot (after a rollback the candidate) drained and stopped.</param>
    /// <param name="log">Of the unit to blame; null: the old one's, where something went wrong.</param>
    /// <param name="stopping">The proxy stops.</param>
    public async Task<Switch> CompleteAsync(SwitchRun run, IReadOnlyList<string>? log, CancellationToken stopping)
    {
        var because = string.Join(". ", run.Problems.Select(problem => problem.TrimEnd('.')));
        return run switch
        {
            { IsGoingBack: true } => run.End(
                SwitchOutcome.RolledBack,
                $"{because}. Traffic is back on {run.From.ToKey()}, which was not restarted. Mend {run.To.ToKey()}, then switch again.",
                log ?? []),
            { Problems.Count: 0 } =>
                run.End(SwitchOutcome.Completed, run.RescueOf is { } why ? $"{why}. EdgeProxy has switched by itself (Switch:Rescue)." : null, []),
            _ => run.End(SwitchOutcome.CompletedWithWarnings, $"Traffic is on {run.To.ToKey()}. {because}.", log ?? await ReadLogAsync(run.From, stopping)),
        };
    }

    /// <summary>The last lines of a unit's log; never fails for the unit manager's sake.</summary>
    public Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, CancellationToken stopping) => ReadLogAsync(units, slot, stopping);

    /// <summary>Those of any unit.</summary>
    internal static async Task<IReadOnlyList<string>> ReadLogAsync(IUnitManager units, SlotName slot, CancellationToken stopping)
    {
        try
        {
            return await units.ReadLogAsync(slot, LinesOfLog, stopping);
        }
        catch (UnitException e)
        {
            return [$"the log of {units.UnitOf(slot)} could not be read: {e.Message}"];
        }
    }

    private async Task<string?> TryStopCandidateAsync(SwitchRun run, CancellationToken stopping)
    {
        try
        {
            return await stop.StopAsync(run.To, stopping);
        }
        catch (UnitException e)
        {
            return $"{units.UnitOf(run.To)} could not be stopped: {e.Message}";
        }
    }
}
