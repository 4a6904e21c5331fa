using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Companions;

/// <summary>One companion: its unit for each slot, or one for both.</summary>
internal sealed class Companion(CompanionOptions options, IUnitManager units, bool isShared, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>The run that the switch has started, by its key. Changed by the holder of the turn.</summary>
    private readonly Dictionary<SlotName, (UnitStatus Run, long At)> _started = [];

    public string Name => options.Name!;

    public CompanionStart When => options.When;

    public bool IsSingleton => options.Singleton;

    public bool IsShared => isShared;

    /// <summary>Its unit for a slot, for people.</summary>
    public string UnitOf(SlotName slot) => units.UnitOf(Key(slot));

    /// <summary>Takes over or ends what a former process left of its units: see <see cref="UnitsFeature.BeginAsync"/>.</summary>
    public Task BeginAsync() => UnitsFeature.BeginAsync(units);

    /// <summary>See <see cref="UnitsFeature.WhenNoChildIsLeftAsync"/>.</summary>
    public Task WhenNoChildIsLeftAsync() => UnitsFeature.WhenNoChildIsLeftAsync(units);

    /// <summary>What that unit is doing.</summary>
    /// <exception cref="UnitException">The unit manager does not respond.</exception>
    public Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken) => units.GetStatusAsync(Key(slot), cancellationToken);

    /// <summary>Starts it where it does not run.</summary>
    /// <param name="slot">Whose.</param>
    /// <param name="isNew">What runs runs the old code, and is restarted.</param>
    /// <param name="stopping">Ends the wait.</param>
    /// <returns>What went wrong; null: nothing.</returns>
    public Task<string?> StartAsync(SlotName slot, bool isNew, CancellationToken stopping) => TryAsync(slot, async (key, token) =>
    {
        var status = await units.GetStatusAsync(key, token);
        if (status.IsRunning && !isNew)
        {
            return null;
        }

        CrashPoint.Pass("companion", "about to be started");
        // In auto-restart it has nothing that a stop would have to end first.
        var result = status.IsRunning ? await units.RestartAsync(key, token) : await units.StartAsync(key, token);
        CrashPoint.Pass("companion", "started");
        var now = await units.GetStatusAsync(key, token);
        if (result != UnitJobResult.Done)
        {
            return UnitStatusMessages.WhyNotStarted(result, now);
        }

        _started[key] = (now, time.GetTimestamp());
        return null;
    }, stopping);

    /// <summary>What was started before says nothing any more: it may have been restarted for other reasons since.</summary>
    public void ForgetStarts() => _started.Clear();

    /// <summary>Watches the run that was started; null: none was.</summary>
    public UnitWatch? Watch(SlotName slot) => _started.TryGetValue(Key(slot), out var started) ? new(units, Key(slot), started.Run, time) : null;

    /// <summary>A start job that is done says that a process was made. That the code runs is seen when it has not ended for a while.</summary>
    /// <param name="slot">Whose.</param>
    /// <param name="mayBeNew">What was not started here may have been a moment ago, by a former process.</param>
    /// <param name="stopping">Ends the wait.</param>
    /// <returns>Why it does not run on as it was started; null: it does.</returns>
    public async Task<string?> ProveAsync(SlotName slot, bool mayBeNew, CancellationToken stopping)
    {
        var key = Key(slot);
        try
        {
            var isNew = _started.TryGetValue(key, out var started);
            var (run, since) = isNew ? started : (await units.GetStatusAsync(key, stopping), time.GetTimestamp());
            while (true)
            {
                var isLast = !(isNew || mayBeNew) || time.GetElapsedTime(since) >= options.Settle;
                var now = await units.GetStatusAsync(key, stopping);
                if (UnitStatusMessages.WhyNotTheSame(run, now) is { } problem)
                {
                    return InWords(problem);
                }

                if (isLast)
                {
                    return now.State == UnitState.Activating ? InWords($"{now.Unit} is still starting") : null;
                }

                await Task.Delay(Look, time, stopping);
            }
        }
        catch (UnitException e)
        {
            return InWords(e.Message);
        }
    }

    /// <summary>A problem of it, with its name.</summary>
    public string InWords(string problem) => $"companion {options.Name}: {problem}";

    /// <summary>The last lines of its log.</summary>
    public Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, CancellationToken stopping) => SwitchEnding.ReadLogAsync(units, Key(slot), stopping);

    /// <summary>Stops it, also out of auto-restart, and waits until it has ended its work.</summary>
    /// <returns>What went wrong; null: it does not run.</returns>
    public Task<string?> StopAsync(SlotName slot, CancellationToken stopping) => TryAsync(slot, async (key, token) =>
    {
        var before = await units.GetStatusAsync(key, token);
        if (before.State is UnitState.Inactive or UnitState.Failed)
        {
            return null;
        }

        CrashPoint.Pass("companion", "about to be stopped");
        var result = await units.StopAsync(key, token);
        CrashPoint.Pass("companion", "stopped");
        var after = await units.GetStatusAsync(key, token);
        return after.IsRunning || after.State == UnitState.Deactivating ? $"{after.Unit} still runs (its stop job ended with {result})"
            : before.MainPid != 0 && UnitStatusMessages.WasKilled(after)
                ? $"{after.Unit} did not stop by itself and was killed ({UnitStatusMessages.Ending(after)}): "
                    + "is its TimeoutStopSec shorter than its longest task?"
            : null;
    }, stopping);

    /// <summary>Whether it surely does not run.</summary>
    public async Task<bool> IsStoppedAsync(SlotName slot, CancellationToken stopping)
    {
        try
        {
            return await units.GetStatusAsync(Key(slot), stopping) is { State: UnitState.Inactive or UnitState.Failed };
        }
        catch (UnitException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync() => units.DisposeAsync();

    private SlotName Key(SlotName slot) => isShared ? SlotName.Blue : slot;

    private async Task<string?> TryAsync(SlotName slot, Func<SlotName, CancellationToken, Task<string?>> act, CancellationToken stopping)
    {
        var key = Key(slot);
        using var patience = new Deadline(options.StopTimeout, time, stopping);
        try
        {
            return await act(key, patience.Token) is { } problem ? InWords(problem) : null;
        }
        catch (UnitException e)
        {
            return InWords(e.Message);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return InWords($"{units.UnitOf(key)} has not done what it was told within {options.StopTimeout.TotalSeconds:0.#} s (StopTimeout)");
        }
    }
}
