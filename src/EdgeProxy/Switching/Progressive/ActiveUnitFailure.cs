using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Progressive;

/// <summary>
/// Notices that the active unit has failed for good while a switch waits with a proved candidate: with <c>Switch:Rescue</c> it waits no longer.
/// </summary>
/// <remarks>No rescue can begin while a switch runs, and that one may wait for hours.</remarks>
internal sealed class ActiveUnitFailure(SwitchOptions options, IUnitManager units, TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    /// <summary>Ends the wait when the unit has failed. Never throws.</summary>
    /// <param name="active">The slot that has the traffic.</param>
    /// <param name="wait">Cancelled by this where the unit has failed, by the caller when the wait is over.</param>
    /// <returns>What happened; null: nothing.</returns>
    public async Task<string?> WatchAsync(SlotName active, CancellationTokenSource wait)
    {
        if (!options.Rescue)
        {
            return null;
        }

        var over = wait.Token;
        while (!over.IsCancellationRequested)
        {
            await Task.Delay(Look, time, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                // A stop that was slow ends with timeout, and is an operator's doing.
                if (!over.IsCancellationRequested && await units.GetStatusAsync(active, over) is { State: UnitState.Failed, Result: not "timeout" } status)
                {
                    await wait.CancelAsync();
                    return $"{UnitStatusMessages.WhyNotRunning(status)}, and traffic moves on (Switch:Rescue)";
                }
            }
            catch (Exception e) when (e is UnitException or OperationCanceledException)
            {
                // The next look comes, unless the wait is over.
            }
        }

        return null;
    }
}
