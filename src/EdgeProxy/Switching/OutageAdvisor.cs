using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Tells the data plane whether a slot that refuses connections will come back, and helps it where that is due.</summary>
/// <remarks>
/// What each state of the unit means here:
/// AutoRestart - started at once, one time an outage (RestartSec may be 10 s; a unit that flaps must not be started in a loop).
/// Activating, Active, Reloading, Deactivating - wait: it boots, or is being restarted by hand.
/// Failed, Inactive - in vain after 2 s: it failed for good, or an operator has stopped it, and that is his to undo. Worth waiting where a rescue comes.
/// Unknown, or the start of the proxy has not brought the units in line yet - wait.
/// </remarks>
internal sealed partial class OutageAdvisor(
    IUnitManager units, Reconciliation reconciliation, RescueService rescue, TimeProvider time, ILogger<OutageAdvisor> logger) : IOutageAdvisor
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>How often a unit that seems to run on is looked at again: a connection can end before systemd has noticed why.</summary>
    private const int Glances = 5;

    /// <summary>Between a stop and a start by hand (<c>systemctl restart</c>) a unit is Inactive for a moment.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<string> WhenHopelessAsync(Slot slot, CancellationToken outageEnded)
    {
        var started = false;
        long? downSince = null;
        while (true)
        {
            var status = reconciliation.Finished.IsCompleted ? await LookAsync(slot.Name, outageEnded) : null;
            if (status is { State: UnitState.AutoRestart } && !started)
            {
                started = true;
                await StartAsync(slot.Name, status, outageEnded);
            }

            downSince = status is { State: UnitState.Failed or UnitState.Inactive } ? downSince ?? time.GetTimestamp() : null;
            if (downSince is { } since && time.GetElapsedTime(since) >= Patience && !rescue.IsComing(slot.Name))
            {
                return $"{UnitStatusMessages.WhyNotRunning(status!)}; `systemctl start {status!.Unit}` starts it, a switch moves traffic to the other slot";
            }

            await Task.Delay(Interval, time, outageEnded);
        }
    }

    public async Task<bool> OutlastRestartAsync(Slot slot, CancellationToken cancellationToken)
    {
        var before = await LookAsync(slot.Name, cancellationToken);
        var now = before;
        for (var glance = 0; RunsOn(before, now); glance++)
        {
            if (glance == Glances)
            {
                return false;
            }

            await Task.Delay(Interval, time, cancellationToken);
            now = await LookAsync(slot.Name, cancellationToken);
        }

        while (now is { State: UnitState.Deactivating or UnitState.Activating or UnitState.Reloading })
        {
            await Task.Delay(Interval, time, cancellationToken);
            now = await LookAsync(slot.Name, cancellationToken);
        }

        return true; // it runs again, or connections are refused now and WhenHopelessAsync is asked
    }

    /// <summary>Nothing is known to have happened to the unit; what cannot be asked counts as such.</summary>
    private static bool RunsOn(UnitStatus? before, UnitStatus? now) =>
        before is null || now is null
        || (before.State == UnitState.Active && now.State == UnitState.Active && before.InvocationId == now.InvocationId && before.MainPid == now.MainPid);

    private async Task<UnitStatus?> LookAsync(SlotName slot, CancellationToken outageEnded)
    {
        try
        {
            return await units.GetStatusAsync(slot, outageEnded);
        }
        catch (Exception unknown) when (unknown is UnitException or IOException)
        {
            return null; // an IOException: this process is out of descriptors, say
        }
    }

    private async Task StartAsync(SlotName slot, UnitStatus status, CancellationToken outageEnded)
    {
        Log.StartedAtOnce(logger, status.Unit, slot);
        try
        {
            await units.StartAsync(slot, outageEnded);
        }
        catch (UnitException e)
        {
            Log.NotStarted(logger, status.Unit, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(370, LogLevel.Warning, "{Unit} of the active slot {Slot} has ended and waits for its restart: it is started at once")]
        public static partial void StartedAtOnce(ILogger logger, string unit, SlotName slot);

        [LoggerMessage(371, LogLevel.Error, "{Unit} could not be started: {Problem}")]
        public static partial void NotStarted(ILogger logger, string unit, string problem);
    }
}
