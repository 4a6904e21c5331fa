using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Companions;

/// <summary>Moves the companions of an app to where its traffic is.</summary>
/// <remarks>
/// Where each of them belongs follows from the active slot alone, and every step may be made again. So a crash at any step needs no record of its own: the next
/// process brings all of them in line (<see cref="AlignAsync"/>). Only that a shared one may still run the old code is not to be seen; it is restarted then.
/// Changed by whoever has the turn (<see cref="WarmSlot.TakeTurnAsync"/>).
/// </remarks>
internal sealed partial class SwitchCompanions(IReadOnlyList<Companion> all, SlotPair slots, ILogger<SwitchCompanions> logger) : IAsyncDisposable
{
    public IReadOnlyList<Companion> All => all;

    public bool HasAny => all.Count > 0;

    public bool HasAfterFlip => all.Any(companion => companion.When == CompanionStart.AfterFlip);

    /// <summary>
    /// The phase after the flip: those of the old slot run on, so that a rollback finds them, but for singletons. The first that fails ends it.
    /// </summary>
    public async Task<PhaseResult> AfterFlipAsync(SwitchRun run, CancellationToken stopping)
    {
        foreach (var companion in all.Where(companion => companion.When == CompanionStart.AfterFlip))
        {
            if (await MoveAsync(companion, run.To, isNew: true, stopsOld: companion.IsSingleton, stopping) is { } problem)
            {
                return PhaseResult.Failed(problem);
            }
        }

        return new($"started for {run.To.ToKey()}");
    }

    /// <summary>The phase after the observation: all of them are the new slot's. What goes wrong is a warning.</summary>
    public Task<PhaseResult> AfterObserveAsync(SwitchRun run, CancellationToken stopping) =>
        EachAsync(run.To, companion => companion.When == CompanionStart.AfterObserve, stopping);

    /// <summary>The phase after traffic has gone back (or could not): all of them are the active slot's.</summary>
    public Task<PhaseResult> BackAsync(SwitchRun run, CancellationToken stopping) =>
        EachAsync(slots.Active.Name, companion => companion.IsShared, stopping);

    /// <summary>Brings them in line with the active slot, at a start and where another process has moved traffic.</summary>
    /// <param name="mayBeOld">A switch was left: shared ones may run the code of the other slot.</param>
    /// <param name="stopping">The proxy stops.</param>
    public async Task AlignAsync(bool mayBeOld, CancellationToken stopping)
    {
        var result = await EachAsync(slots.Active.Name, companion => companion.IsShared && mayBeOld, stopping);
        if (result.Problem is { } problem)
        {
            Log.NotAligned(logger, problem);
        }
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(all.Select(companion => companion.DisposeAsync().AsTask()));

    private async Task<PhaseResult> EachAsync(SlotName to, Func<Companion, bool> isNew, CancellationToken stopping)
    {
        var problems = new List<string>();
        foreach (var companion in all)
        {
            if (await MoveAsync(companion, to, isNew(companion), stopsOld: true, stopping) is { } problem)
            {
                problems.Add(problem);
            }
        }

        return problems.Count > 0 ? PhaseResult.Failed(string.Join("; ", problems)) : new($"all of them are those of {to.ToKey()}");
    }

    /// <summary>Of a singleton the old one is gone before the new one starts; of others the new one runs before the old one ends.</summary>
    private static async Task<string?> MoveAsync(Companion companion, SlotName to, bool isNew, bool stopsOld, CancellationToken stopping)
    {
        if (companion.IsShared)
        {
            return await companion.StartAsync(to, isNew, stopping); // a restart is one job: stop, then start
        }

        if (companion.IsSingleton)
        {
            var problem = await companion.StopAsync(to.Other(), stopping);
            return !await companion.IsStoppedAsync(to.Other(), stopping)
                ? $"{problem ?? "the old one may still run"}; it was not started for {to.ToKey()}, as there may never be two"
                : await companion.StartAsync(to, isNew, stopping) ?? problem;
        }

        return await companion.StartAsync(to, isNew, stopping) ?? (stopsOld ? await companion.StopAsync(to.Other(), stopping) : null);
    }

    private static partial class Log
    {
        [LoggerMessage(313, LogLevel.Error, "Not all companions are as they should be: {Problem}")]
        public static partial void NotAligned(ILogger logger, string problem);
    }
}
