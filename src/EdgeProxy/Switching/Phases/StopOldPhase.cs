using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Phases;

/// <summary>Stops the old slot's unit, or leaves it running for a while, for an instant rollback.</summary>
internal sealed class StopOldPhase(SwitchOptions options, SlotPair slots, UnitStop stop, WarmSlot warm, IUnitManager units, TimeProvider time)
{
    private SlotName Old => slots.Plan.Previous.Name;

    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping) =>
        await stop.StopAsync(Old, stopping) is { } problem ? PhaseResult.Failed(problem) : new($"{units.UnitOf(Old)} was stopped");

    /// <summary>With <see cref="SwitchOptions.KeepWarm"/> the unit is kept, and <see cref="WarmStop"/> stops it when that time is over. One that has ended is
    /// not worth keeping.</summary>
    public async Task<PhaseResult> KeepWarmAsync(SwitchRun run, CancellationToken stopping)
    {
        if (options.KeepWarm == TimeSpan.Zero || await units.GetStatusAsync(Old, stopping) is not { State: UnitState.Active or UnitState.Reloading })
        {
            return await RunAsync(run, stopping);
        }

        var until = time.GetUtcNow() + options.KeepWarm;
        var words = string.Create(
            CultureInfo.InvariantCulture, $"{units.UnitOf(Old)} is kept warm until {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC (Switch:KeepWarm)");
        try
        {
            await warm.KeepAsync(until);
            return new(words);
        }
        catch (StateException e)
        {
            return PhaseResult.Failed($"{words}, but not beyond a restart of EdgeProxy: {e.Message}");
        }
    }
}
