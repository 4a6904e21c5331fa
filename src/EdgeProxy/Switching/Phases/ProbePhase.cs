using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Phases;

/// <summary>Waits until the candidate has given <see cref="HealthOptions.Successes"/> good responses in a row, all from one main process. One that responds
/// and does not have the health path for longer than <see cref="HealthOptions.Interval"/> has booted, and will not get it.</summary>
internal sealed class ProbePhase(HealthOptions options, SlotPair slots, IUnitManager units, HealthProbe probe, HealthMonitor health, TimeProvider time)
{
    /// <summary>A fast boot is noticed fast: the recipe's 2 s are its bound, not its pace.</summary>
    private static readonly TimeSpan AfterBad = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan AfterGood = TimeSpan.FromMilliseconds(50);

    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var watch = run.Watch!;
        // One that is warm has nothing to boot: a rollback to it must not wait for a boot.
        var left = run.IsReuse ? options.Timeout : options.StartBudget - run.Elapsed;
        using var budget = new Deadline(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, watch.Ended, stopping);
        try
        {
            return await ProveAsync(run, budget.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return PhaseResult.Failed(watch.Verdict is { } verdict ? $"{verdict} before it was healthy" : WhyNotHealthy(run));
        }
    }

    private async Task<PhaseResult> ProveAsync(SwitchRun run, CancellationToken cancellationToken)
    {
        TimeSpan firstGood = default;
        TimeSpan? firstMissing = null;
        var goodInARow = 0;
        var pid = -1;
        while (true)
        {
            var response = await probe.ProbeAsync(slots[run.To].Address, cancellationToken);
            run.Probed(response);
            health.Record(run.To, response, run.Id);
            if (!response.IsGood)
            {
                goodInARow = 0;
                firstMissing = response.IsNotFound ? firstMissing ?? run.Elapsed : null;
                if (run.Elapsed - firstMissing > options.Interval)
                {
                    return PhaseResult.Failed($"{run.To.ToKey()} responds, but not at its health path: {response.Error}");
                }

                await Task.Delay(AfterBad, time, cancellationToken);
                continue;
            }

            firstMissing = null;
            var status = await units.GetStatusAsync(run.To, cancellationToken);
            goodInARow = status.MainPid == pid ? goodInARow + 1 : 1;
            pid = status.MainPid;
            firstGood = goodInARow == 1 ? run.Elapsed : firstGood;
            if (goodInARow >= options.Successes)
            {
                return new($"first good response {firstGood.TotalSeconds:0.000} s after the switch began, {goodInARow} in a row from process {pid}");
            }

            await Task.Delay(AfterGood, time, cancellationToken);
        }
    }

    private string WhyNotHealthy(SwitchRun run) =>
        (run.IsReuse
            ? $"{run.To.ToKey()}, which is warm, did not prove healthy within {options.Timeout.TotalSeconds:0.#} s (Health:Timeout): "
            : $"{run.To.ToKey()} was not healthy within {options.StartBudget.TotalSeconds:0.#} s ({StartIdlePhase.BudgetWords(options)}): ")
        + (run.Current.LastProbe is { } last ? last.Error ?? $"it responded, but never {options.Successes} times in a row" : "no probe came to an end");
}
