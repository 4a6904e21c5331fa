using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Phases;

/// <summary>Watches the new slot under real traffic, while the old one still runs and can take it back.</summary>
internal sealed class ObservePhase(
    SwitchOptions options, IUnitManager units, SwitchCompanions companions, Observation observation, SlotTraffic traffic, TimeProvider time)
{
    /// <summary>A problem of this phase is why traffic should go back.</summary>
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        if (options.Observe == TimeSpan.Zero)
        {
            return new("off (Switch:Observe is 0)");
        }

        if (run.IsReuse)
        {
            // A rollback is asked for because of the version that it leaves: that one must not get the traffic again by itself.
            return new($"{run.To.ToKey()} has served before and is not observed");
        }

        await using var watch = await TryWatchAsync(run, stopping);
        await using var theirs = companions.Watch(run.To);
        var verdict = await observation.RunAsync(
            run, options.Observe, watch is null ? theirs.All : [watch, .. theirs.All], CancellationToken.None, stopping);
        return await theirs.BlameAsync(verdict, stopping) ?? new(Seen(run));
    }

    /// <summary>Null: the unit manager is away, which says nothing of the version; clients and probes go on to tell of it.</summary>
    private async Task<UnitWatch?> TryWatchAsync(SwitchRun run, CancellationToken stopping)
    {
        try
        {
            return await UnitWatch.StartAsync(units, run.To, time, stopping);
        }
        catch (UnitManagerUnavailableException)
        {
            return null;
        }
    }

    private string Seen(SwitchRun run)
    {
        var seen = traffic.Since(run.To);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{seen.Requests} requests in {options.Observe.TotalSeconds:0.###} s, {seen.Errors} of them with a 5xx{traffic.WaitingWords(run.To)}");
    }
}
