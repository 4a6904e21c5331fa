using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Phases;

/// <summary>Watches the new slot under real traffic, while the old one still runs and can take it back.</summary>
/// <remarks><c>connectFailures</c>: how often a slot has refused a visitor's connection, since the proxy started.</remarks>
internal sealed class ObservePhase(
    SwitchOptions options,
    SlotPair slots,
    IUnitManager units,
    HealthProbe probe,
    HealthMonitor health,
    SlotTraffic traffic,
    Func<SlotName, long> connectFailures,
    TimeProvider time)
{
    /// <summary>One bad answer is an accident, three in a row are a state.</summary>
    internal const int BadInARow = 3;

    /// <summary>A look at the counters costs nothing; a bad version is to serve for as short as possible.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(500);

    /// <summary>A problem of this phase is why traffic should go back.</summary>
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        if (options.Observe == TimeSpan.Zero)
        {
            return new("off (Switch:Observe is 0)");
        }

        if (run.IsReuse)
        {
            // Whoever goes back does so because of the version that he leaves: that one must not get the traffic again by itself.
            return new($"{run.To.ToKey()} has served before and is not observed");
        }

        var refusedBefore = connectFailures(run.To);
        await using var watch = await TryWatchAsync(run.To, stopping);
        using var over = new CancellationTokenSource(options.Observe, time);
        using var wake = CancellationTokenSource.CreateLinkedTokenSource(over.Token, watch?.Ended ?? CancellationToken.None, stopping);
        var probing = ProbeAsync(run, wake.Token);
        string? verdict;
        do
        {
            await Task.WhenAny(Task.Delay(Look, time, wake.Token), probing);
            verdict = watch?.Verdict ?? WhyRefused(run.To, refusedBefore) ?? WhyTooManyErrors(run) ?? (probing.IsCompleted ? await probing : null);
        }
        while (verdict is null && !wake.IsCancellationRequested);

        await wake.CancelAsync();
        await probing;
        stopping.ThrowIfCancellationRequested();
        return verdict is null ? new(Seen(run)) : PhaseResult.Failed(verdict);
    }

    /// <summary>Null: the unit manager is away, which says nothing of the version; visitors and probes go on to tell of it.</summary>
    private async Task<UnitWatch?> TryWatchAsync(SlotName slot, CancellationToken stopping)
    {
        try
        {
            return await UnitWatch.StartAsync(units, slot, time, stopping);
        }
        catch (UnitManagerUnavailableException)
        {
            return null;
        }
    }

    /// <summary>Ends with the third bad answer in a row, or when it is cancelled; never throws.</summary>
    /// <returns>What is wrong; null: it was cancelled.</returns>
    private async Task<string?> ProbeAsync(SwitchRun run, CancellationToken over)
    {
        try
        {
            var bad = 0;
            while (true)
            {
                var answer = await probe.ProbeAsync(slots[run.To].Address, over);
                run.Probed(answer);
                health.Record(run.To, answer, run.Id);
                bad = answer.IsGood ? 0 : bad + 1;
                if (bad == BadInARow)
                {
                    return $"{bad} probes in a row failed: {answer.Error}";
                }

                await Task.Delay(BetweenProbes, time, over);
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private string? WhyRefused(SlotName slot, long before) => connectFailures(slot) - before is var failures and > 0
        ? $"{slot.ToKey()} did not accept {failures} connections of visitors"
        : null;

    private string? WhyTooManyErrors(SwitchRun run)
    {
        var (now, before) = (traffic.Since(run.To), traffic.Since(run.From));
        return now.Requests >= options.MinObservedRequests && now.ErrorRatio > before.ErrorRatio + options.MaxErrorRatio
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{run.To.ToKey()} answered {now.Errors} of {now.Requests} requests with a 5xx; {run.From.ToKey()} had {before.Errors} of {before.Requests}, Switch:MaxErrorRatio allows {options.MaxErrorRatio} more")
            : null;
    }

    private string Seen(SwitchRun run)
    {
        var (requests, errors) = traffic.Since(run.To);
        return string.Create(CultureInfo.InvariantCulture, $"{requests} requests in {options.Observe.TotalSeconds:0.###} s, {errors} of them with a 5xx");
    }
}
