using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Stops a slot's unit and looks how it went.</summary>
internal sealed class UnitStop(IUnitManager units, HealthMonitor health, TimeProvider time)
{
    /// <summary>A stop job that takes longer never ends: systemd's own bound (TimeoutStopSec) is 90 s by default.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Stops it, also out of auto-restart, and waits for it.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    /// <exception cref="UnitException">It could not be told.</exception>
    public async Task<string?> StopAsync(SlotName slot, CancellationToken stopping)
    {
        using var patience = new Deadline(Patience, time, stopping);
        try
        {
            var before = await units.GetStatusAsync(slot, patience.Token);
            CrashPoint.Pass("unit", "about to be stopped");
            var result = await units.StopAsync(slot, patience.Token); // also out of a restart that is due
            CrashPoint.Pass("unit", "stopped");
            var status = await units.GetStatusAsync(slot, patience.Token);
            if (status.IsRunning)
            {
                return $"{status.Unit} still runs (its stop job ended with {result}); `systemctl stop {status.Unit}` stops it";
            }

            health.Set(slot, HealthState.Stopped);
            // One that had ended before tells of its own end, not of this stop.
            return before.MainPid != 0 && UnitStatusMessages.WasKilled(status)
                ? $"{status.Unit} did not stop by itself and was killed ({UnitStatusMessages.Ending(status)}): "
                    + "is its TimeoutStopSec shorter than its longest request?"
                : null;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return $"{units.UnitOf(slot)} has not stopped after {Patience.TotalMinutes:0} min; `systemctl status {units.UnitOf(slot)}` shows why";
        }
    }
}
