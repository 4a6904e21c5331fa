using EdgeProxy.Processes;
using EdgeProxy.Slots;

namespace EdgeProxy.Units.Process;

/// <summary>Runs the slots as child processes, for development, demos and containers.</summary>
/// <remarks>
/// A child leads a session and a process group of its own, and gets SIGTERM when the proxy dies, however it dies. It is restarted when it fails, with a
/// growing delay, and its output is kept for <see cref="ReadLogAsync"/>. Disposing stops both slots.
/// </remarks>
internal sealed class ProcessUnits : IUnitManager
{
    private readonly SlotsOptions _slots;
    private readonly ChildLauncher _launcher = new();
    private readonly ProcessUnit[] _units = [];
    private readonly Task _orphansStopped;

    /// <summary>Begins to stop the processes that a killed proxy has orphaned; every later call waits for that.</summary>
    /// <param name="slots">Where each slot listens.</param>
    /// <param name="options">The command, and how it is run.</param>
    /// <param name="stateDirectory">Keeps <c>processes.json</c>; belongs to one proxy at a time.</param>
    /// <param name="time">The clock of delays and timeouts.</param>
    /// <param name="logger">Also gets the output of the children.</param>
    /// <exception cref="UnitException">The command cannot be run for one of the slots.</exception>
    public ProcessUnits(SlotsOptions slots, UnitsOptions options, string stateDirectory, TimeProvider time, ILogger<ProcessUnits> logger)
    {
        _slots = slots;
        var template = CommandTemplate.Parse(options.Process.Command, out var problem)
            ?? throw new UnitException($"EdgeProxy:Units:Process:Command {problem}");
        var orphans = new OrphanedProcesses(stateDirectory, time, logger);
        _units = [.. SlotNameExtensions.All.Select(Create)];
        _orphansStopped = Task.Run(orphans.EndAsync);

        ProcessUnit Create(SlotName slot) => new(
            slot.ToKey(), template.For(slot, AddressOf(slot)), options.Process, _launcher, () => orphans.Save(Running), time, logger);

        IEnumerable<Child> Running() => _units.Select(unit => unit.Running).OfType<Child>();

        SlotAddress AddressOf(SlotName slot) => SlotAddress.TryParse(slots[slot].Address, out var address)
            ? address
            : throw new UnitException($"EdgeProxy:Slots:{slot}:Address must be {SlotAddress.Allowed}");
    }

    public string UnitOf(SlotName slot) => slot.ToKey();

    public async Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken)
    {
        await _orphansStopped.WaitAsync(cancellationToken);
        var unit = _units[(int)slot];
        return unit.Running is { } child ? unit.Status with { Memory = child.Group.Memory() } : unit.Status;
    }

    public Task<UnitJobResult> StartAsync(SlotName slot, CancellationToken cancellationToken) => JobAsync(slot, unit => unit.StartAsync(), cancellationToken);

    public Task<UnitJobResult> StopAsync(SlotName slot, CancellationToken cancellationToken) => JobAsync(slot, unit => unit.StopAsync(), cancellationToken);

    public Task<UnitJobResult> RestartAsync(SlotName slot, CancellationToken cancellationToken) =>
        JobAsync(slot, unit => unit.RestartAsync(), cancellationToken);

    public async Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, int maxLines, CancellationToken cancellationToken) =>
        [.. _units[(int)slot].Tail(maxLines), .. await LogTail.ReadAsync(_slots[slot].Log, maxLines, cancellationToken)];

    public async ValueTask DisposeAsync()
    {
        await _orphansStopped;
        await Task.WhenAll(_units.Select(unit => unit.StopAsync()));
        _launcher.Dispose();
    }

    /// <summary>The job goes on when the caller stops waiting.</summary>
    private async Task<UnitJobResult> JobAsync(SlotName slot, Func<ProcessUnit, Task<UnitJobResult>> job, CancellationToken cancellationToken)
    {
        await _orphansStopped.WaitAsync(cancellationToken);
        return await job(_units[(int)slot]).WaitAsync(cancellationToken);
    }
}
