using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.State;

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
    private readonly OrphanedProcesses _orphans;
    private readonly StateDirectory? _state;
    private readonly bool _isHandedOver;
    private readonly Lazy<Task> _begun;

    /// <summary>The first call takes what the process before has handed over, or stops what a killed one has orphaned; every call waits for that.</summary>
    /// <param name="slots">Where each slot listens.</param>
    /// <param name="options">The command, and how it is run.</param>
    /// <param name="stateDirectory">Keeps <c>processes.json</c>; belongs to one proxy at a time.</param>
    /// <param name="time">The clock of delays and timeouts.</param>
    /// <param name="logger">Also gets the output of the children.</param>
    /// <param name="state">Where that directory is handed from process to process; null: it is not.</param>
    /// <exception cref="UnitException">The command cannot be run for one of the slots.</exception>
    public ProcessUnits(
        SlotsOptions slots, UnitsOptions options, string stateDirectory, TimeProvider time, ILogger<ProcessUnits> logger, StateDirectory? state = null)
    {
        (_slots, _state, _isHandedOver) = (slots, state, state is { IsShared: true });
        var template = CommandTemplate.Parse(options.Process.Command, out var problem)
            ?? throw new UnitException($"EdgeProxy:Units:Process:Command {problem}");
        _orphans = new OrphanedProcesses(stateDirectory, state, time, logger);
        _units = [.. SlotNameExtensions.All.Select(Create)];
        _begun = new(() => Task.Run(BeginAsync));

        ProcessUnit Create(SlotName slot) => new(
            slot.ToKey(),
            template.For(slot, AddressOf(slot)),
            options.Process,
            _launcher,
            () => _orphans.Save(Running),
            () => state is { IsGivenAway: true },
            time,
            logger);

        IEnumerable<(string, Child)> Running() => _units.Where(unit => unit.Running is not null).Select(unit => (unit.Status.Unit, unit.Running!));

        SlotAddress AddressOf(SlotName slot) => SlotAddress.TryParse(slots[slot].Address, out var address)
            ? address
            : throw new UnitException($"EdgeProxy:Slots:{slot}:Address must be {SlotAddress.Allowed}");
    }

    /// <summary>Does what the first call does, where there was none yet.</summary>
    public Task WhenBegunAsync() => _begun.Value;

    /// <summary>Completes when no child runs that this process has started.</summary>
    public Task WhenNoneIsLeftAsync() => Task.WhenAll(_units.Select(unit => unit.WhenNoneIsLeftAsync()));

    public string UnitOf(SlotName slot) => slot.ToKey();

    public async Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken)
    {
        await _begun.Value.WaitAsync(cancellationToken);
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
        if (_begun.IsValueCreated)
        {
            await _begun.Value;
        }

        // What another process has begun is not ended by one that has handed it on, or never got as far as to have it for its own.
        var isOthers = _state is { IsGivenAway: true } or { IsShared: true };
        await Task.WhenAll(_units.Where(unit => !(isOthers && unit.Running is { IsAdopted: true })).Select(unit => unit.StopAsync()));
        _launcher.Dispose();
    }

    private Task BeginAsync()
    {
        if (!_isHandedOver)
        {
            return _orphans.EndAsync();
        }

        foreach (var (name, child) in _orphans.Adopt())
        {
            Array.Find(_units, unit => unit.Status.Unit == name)?.Adopt(child);
        }

        return Task.CompletedTask;
    }

    /// <summary>The job goes on when the caller stops waiting.</summary>
    private async Task<UnitJobResult> JobAsync(SlotName slot, Func<ProcessUnit, Task<UnitJobResult>> job, CancellationToken cancellationToken)
    {
        await _begun.Value.WaitAsync(cancellationToken);
        return await job(_units[(int)slot]).WaitAsync(cancellationToken);
    }
}
