using System.Globalization;
using EdgeProxy.Common;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching.Phases;

/// <summary>The candidate is proved and waits: clients with a link get it, no others do, until somebody promotes it.</summary>
internal sealed class PreviewPhase(CandidateTraffic candidate, ActiveUnitFailure failure, TimeProvider time)
{
    /// <summary>A preview that nobody promotes in time ends the switch: nobody has said that the version is good.</summary>
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var duration = run.Preview!.Value;
        using var promoted = run.Promotion.Open();
        using var early = CancellationTokenSource.CreateLinkedTokenSource(promoted.Token);
        using var wake = new Deadline(duration, time, run.Watch!.Ended, early.Token, stopping);
        var started = time.GetTimestamp();
        run.PreviewUntil = time.GetUtcNow() + duration;
        candidate.Give(run, percent: 0);
        var failing = failure.WatchAsync(run.From, early);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, wake.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await early.CancelAsync();
        var failed = await failing;
        stopping.ThrowIfCancellationRequested();
        var seen = string.Create(CultureInfo.InvariantCulture, $"{time.GetElapsedTime(started).TotalSeconds:0.###} s");
        return run.Watch.Verdict is { } verdict ? PhaseResult.Failed($"{verdict} in the preview")
            : promoted.IsCancellationRequested || failed is not null ? new($"{seen}{CanaryPhase.Why(failed, promoted.IsCancellationRequested)}")
            : PhaseResult.Failed(string.Create(CultureInfo.InvariantCulture, $"nobody has promoted it within {duration.TotalSeconds:0.###} s (--preview)"));
    }
}
