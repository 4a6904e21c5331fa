using System.Globalization;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching.Phases;

/// <summary>Gives the candidate to a part of the clients, step by step, before everybody gets it. Each step is a run of the phase.</summary>
internal sealed class CanaryPhase(
    SwitchOptions options, CandidateTraffic candidate, Observation observation, ActiveUnitFailure failure, SlotTraffic traffic, TimeProvider time)
{
    /// <summary>What a step takes for which nothing is said and nothing is observed.</summary>
    private static readonly TimeSpan DefaultFor = TimeSpan.FromSeconds(30);

    /// <summary>The steps of a switch; empty: everybody gets the candidate at once.</summary>
    public IReadOnlyList<CanaryStep> StepsOf(SwitchRun run) =>
        run.IsReuse || run.RescueOf is not null ? [] : run.Canary ?? options.Canary ?? [];

    /// <summary>How long a step is that somebody asks for without saying it: what is observed after a flip.</summary>
    public TimeSpan DefaultDuration => options.Observe > CanaryRules.ShortestStep ? options.Observe : DefaultFor;

    /// <summary>One step. The candidate keeps its share when it has ended well: the next step, or the flip, replaces it.</summary>
    public async Task<PhaseResult> RunAsync(SwitchRun run, CanaryStep step, CancellationToken stopping)
    {
        using var promoted = run.Promotion.Open();
        using var early = CancellationTokenSource.CreateLinkedTokenSource(promoted.Token);
        var started = time.GetTimestamp();
        candidate.Give(run, step.Share!.Value);
        var before = traffic.Since(run.To);
        var failing = failure.WatchAsync(run.From, early);
        try
        {
            var verdict = await observation.RunAsync(run, step.For, run.Watch is { } watch ? [watch] : [], early.Token, stopping);
            if (verdict is not null)
            {
                candidate.End(run.Id);
                var problem = string.Create(CultureInfo.InvariantCulture, $"{verdict.Value.Problem}, with {step.Share} % of the clients");
                return verdict.Value with { Problem = problem };
            }
        }
        catch (OperationCanceledException)
        {
            candidate.End(run.Id);
            throw;
        }
        finally
        {
            await early.CancelAsync();
            await failing;
        }

        var failed = await failing;
        run.IsPromoted = promoted.IsCancellationRequested || failed is not null;
        var now = traffic.Since(run.To);
        return new(string.Create(
            CultureInfo.InvariantCulture,
            $"{step.Share} % of the clients for {time.GetElapsedTime(started).TotalSeconds:0.###} s: {now.Requests - before.Requests} requests, " +
                $"{now.Errors - before.Errors} of them with a 5xx{traffic.WaitingWords(run.To)}{Why(failed, promoted.IsCancellationRequested)}"));
    }

    /// <summary>Nobody gets the candidate before the flip any more.</summary>
    public void End(SwitchRun run) => candidate.End(run.Id);

    internal static string Why(string? failed, bool isPromoted) => failed is not null ? $"; {failed}" : isPromoted ? "; promoted" : "";
}
