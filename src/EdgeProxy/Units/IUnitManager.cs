using EdgeProxy.Slots;

namespace EdgeProxy.Units;

/// <summary>Runs the slots' units. Implemented by <c>SystemdUnits</c> and <c>ProcessUnits</c>; both pass the same tests.</summary>
/// <remarks>
/// Calls may come from any thread, several at a time. Every failure is a <see cref="UnitException"/>, whose message says what the
/// operator must do; cancelling stops the waiting, not the job.
/// </remarks>
public interface IUnitManager : IAsyncDisposable
{
    /// <summary>The name of the unit that runs the slot, for people: <c>app-server-blue.service</c>, or the slot's key for a child process.</summary>
    string UnitOf(SlotName slot);

    /// <summary>What the unit is doing now. A unit without a file is reported as <see cref="UnitLoadState.NotFound"/>, not thrown.</summary>
    Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken);

    /// <summary>Starts the unit and waits until the job has ended. A unit that runs already is left alone (<see cref="UnitJobResult.Done"/>).</summary>
    Task<UnitJobResult> StartAsync(SlotName slot, CancellationToken cancellationToken);

    /// <summary>
    /// Stops the unit, also out of auto-restart, and waits until the job has ended. A unit that does not run is left alone
    /// (<see cref="UnitJobResult.Done"/>).
    /// </summary>
    Task<UnitJobResult> StopAsync(SlotName slot, CancellationToken cancellationToken);

    /// <summary>Stops the unit if it runs, then starts it, as one job.</summary>
    Task<UnitJobResult> RestartAsync(SlotName slot, CancellationToken cancellationToken);

    /// <summary>
    /// The last lines that the unit's current or last run has logged, oldest first, then the tail of the slot's <c>Log</c> file where one is
    /// set. Never throws for a log that cannot be read: the reason is a line.
    /// </summary>
    Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, int maxLines, CancellationToken cancellationToken);
}
