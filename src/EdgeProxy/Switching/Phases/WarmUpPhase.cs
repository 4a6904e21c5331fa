using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Phases;

/// <summary>Asks the candidate for its configured pages, so that clients do not meet cold workers.</summary>
internal sealed class WarmUpPhase(SwitchOptions options, SlotPair slots, HealthProbe probe)
{
    /// <summary>Times that a path is asked for at once: several workers are to see it.</summary>
    private const int Parallel = 4;

    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        if (run.IsReuse)
        {
            return new($"{run.To.ToKey()} is warm");
        }

        var watch = run.Watch!;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(watch.Ended, stopping);
        try
        {
            foreach (var path in options.WarmUp ?? [])
            {
                var responses = await Task.WhenAll(Enumerable.Range(0, Parallel).Select(_ => probe.WarmUpAsync(slots[run.To].Address, path, either.Token)));
                if (responses.FirstOrDefault(response => !response.IsGood) is { } bad)
                {
                    run.Probed(bad);
                    return PhaseResult.Failed($"warm-up: {bad.Error}");
                }
            }

            return new(options.WarmUp is { Length: > 0 } paths ? $"{paths.Length} paths, {Parallel} times each" : "no paths configured");
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return PhaseResult.Failed($"{watch.Verdict} while it was warmed up");
        }
    }
}
