using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Companions;

/// <summary>Moves the companions of an app to where its traffic is.</summary>
/// <remarks>
/// Where each of them belongs follows from the active slot alone, and every step may be made again. So a crash at any step needs no record of its own: the next
/// process brings all of them in line (<see cref="AlignAsync"/>). Only that a shared one may still run the old code is not to be seen; it is restarted then.
/// Changed by the holder of the turn (<see cref="WarmSlot.TakeTurnAsync"/>).
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
            if (await StartAsync(companion, MoveOf(run), isNew: true, stopping) is { } problem)
            {
                return await FailedAsync(companion, run.To, problem, stopping);
            }
        }

        return new($"started for {run.To.ToKey()}");
    }

    /// <summary>Watches those that the phase after the flip has started.</summary>
    public CompanionWatches Watch(SlotName slot) => new(
        [
            .. from companion in all
               where companion.When == CompanionStart.AfterFlip
               let watch = companion.Watch(slot)
               where watch is not null
               select (companion, watch),
        ],
        slot);

    /// <summary>The phase after the observation: all of them are the new slot's. What goes wrong is a warning.</summary>
    public Task<PhaseResult> AfterObserveAsync(SwitchRun run, CancellationToken stopping) =>
        EachAsync(run.To, companion => MoveOnAsync(companion, MoveOf(run), stopping));

    /// <summary>The phase after traffic has gone back (or could not): all of them are the active slot's.</summary>
    public Task<PhaseResult> BackAsync(SwitchRun run, CancellationToken stopping)
    {
        ForgetStarts();
        var move = MoveOf(slots.Plan);
        return EachAsync(move.To, companion => BringAsync(companion, move, companion.IsShared, mayBeNew: false, stopping));
    }

    /// <summary>Brings them in line with the active slot, at a start and where another process has moved traffic.</summary>
    /// <param name="mayBeOld">A switch was left: shared ones may run the code of the other slot.</param>
    /// <param name="stopping">The proxy stops.</param>
    public async Task AlignAsync(bool mayBeOld, CancellationToken stopping)
    {
        ForgetStarts();
        var move = MoveOf(slots.Plan);
        var result = await EachAsync(move.To, companion => BringAsync(companion, move, companion.IsShared && mayBeOld, mayBeNew: true, stopping));
        if (result.Problem is { } problem)
        {
            Log.NotAligned(logger, problem);
        }
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(all.Select(companion => companion.DisposeAsync().AsTask()));

    private void ForgetStarts()
    {
        foreach (var companion in all)
        {
            companion.ForgetStarts();
        }
    }

    private async Task<PhaseResult> EachAsync(SlotName to, Func<Companion, Task<PhaseResult?>> move)
    {
        var problems = new List<PhaseResult>();
        foreach (var companion in all)
        {
            if (await move(companion) is { } problem)
            {
                problems.Add(problem);
            }
        }

        return problems.Count == 0
            ? new($"all of them are those of {to.ToKey()}")
            : PhaseResult.Failed(string.Join("; ", problems.Select(problem => problem.Problem))) with
            {
                UnitLog = problems.Find(problem => problem.UnitLog is not null).UnitLog,
            };
    }

    /// <summary>The last good one ends only when the new one is seen to run.</summary>
    private static async Task<PhaseResult?> MoveOnAsync(Companion companion, Move move, CancellationToken stopping)
    {
        var problem = await StartAsync(companion, move, isNew: companion.When == CompanionStart.AfterObserve, stopping);
        var whyNot = problem is not null && !companion.IsSingleton ? problem : await companion.ProveAsync(move.To, mayBeNew: false, stopping);
        if (whyNot is null)
        {
            return Failed(problem ?? (companion.IsShared ? null : await companion.StopAsync(move.From, stopping)));
        }

        var log = await FailedAsync(companion, move.To, problem ?? whyNot, stopping); // before a stop adds lines of its own
        return companion.IsShared ? log : log with { Problem = $"{log.Problem}; {await KeepOldAsync(companion, move, stopping)}" };
    }

    /// <summary>Where the new one does not run the old one does, whatever the version: its tasks wait for nobody else.</summary>
    private static async Task<string> KeepOldAsync(Companion companion, Move move, CancellationToken stopping)
    {
        var old = companion.UnitOf(move.From);
        if (!companion.IsSingleton)
        {
            return $"{old} was not stopped";
        }

        await companion.StopAsync(move.To, stopping);
        return !await companion.IsStoppedAsync(move.To, stopping) ? $"{old} was not started again, as there may never be two"
            : await companion.StartAsync(move.From, isNew: false, stopping) ?? $"{old} was started again";
    }

    private static async Task<PhaseResult?> BringAsync(Companion companion, Move move, bool isNew, bool mayBeNew, CancellationToken stopping)
    {
        if (await StartAsync(companion, move, isNew, stopping) is { } problem)
        {
            return Failed(problem);
        }

        if (companion.IsShared || companion.IsSingleton || await companion.IsStoppedAsync(move.From, stopping))
        {
            return null;
        }

        return await companion.ProveAsync(move.To, mayBeNew, stopping) is { } whyNot
            ? Failed($"{whyNot}; {companion.UnitOf(move.From)} was not stopped")
            : Failed(await companion.StopAsync(move.From, stopping));
    }

    /// <summary>Of a singleton the old one is gone before the new one starts. A restart of a shared one is one job: stop, then start.</summary>
    private static async Task<string?> StartAsync(Companion companion, Move move, bool isNew, CancellationToken stopping)
    {
        if (companion.IsShared || !companion.IsSingleton)
        {
            return await companion.StartAsync(move.To, isNew, stopping);
        }

        var problem = await companion.StopAsync(move.From, stopping);
        return !await companion.IsStoppedAsync(move.From, stopping)
            ? $"{problem ?? "the old one may still run"}; it was not started for {move.To.ToKey()}, as there may never be two"
            : await companion.StartAsync(move.To, isNew, stopping) ?? problem;
    }

    private static Move MoveOf(SwitchRun run) => new(run.To, run.From);

    private static Move MoveOf(TrafficPlan plan) => new(plan.Active.Name, plan.Previous.Name);

    private static PhaseResult? Failed(string? problem) => problem is null ? null : PhaseResult.Failed(problem);

    /// <summary>With the log of the one that was to run.</summary>
    private static async Task<PhaseResult> FailedAsync(Companion companion, SlotName slot, string problem, CancellationToken stopping) =>
        PhaseResult.Failed(problem) with { UnitLog = await companion.ReadLogAsync(slot, stopping) };

    /// <summary>The slot whose companions are to run, and the one whose companions may still do.</summary>
    private readonly record struct Move(SlotName To, SlotName From);

    private static partial class Log
    {
        [LoggerMessage(313, LogLevel.Error, "Not all companions are as they should be: {Problem}")]
        public static partial void NotAligned(ILogger logger, string problem);
    }
}
