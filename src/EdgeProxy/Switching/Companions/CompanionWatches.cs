using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Companions;

/// <summary>Watches the companions that a switch has started, while their slot is observed.</summary>
internal sealed class CompanionWatches(IReadOnlyList<(Companion Companion, UnitWatch Watch)> watches, SlotName slot) : IAsyncDisposable
{
    public IReadOnlyList<UnitWatch> All { get; } = [.. watches.Select(watched => watched.Watch)];

    /// <summary>A verdict of one of them, with its name and the last lines of its log; any other one as it is.</summary>
    public async Task<PhaseResult?> BlameAsync(PhaseResult? verdict, CancellationToken stopping) =>
        verdict is { Problem: { } problem } && watches.FirstOrDefault(watched => watched.Watch.Verdict == problem).Companion is { } companion
            ? PhaseResult.Failed(companion.InWords(problem)) with { UnitLog = await companion.ReadLogAsync(slot, stopping) }
            : verdict;

    public async ValueTask DisposeAsync() => await Task.WhenAll(All.Select(watch => watch.DisposeAsync().AsTask()));
}
