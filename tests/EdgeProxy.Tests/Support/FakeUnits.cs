using System.Collections.Concurrent;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Support;

/// <summary>A unit manager in memory, for what no real one does on demand. Each unit follows its script.</summary>
internal sealed class FakeUnits : IUnitManager
{
    private readonly FakeUnit _blue = new("app-server-blue.service");
    private readonly FakeUnit _green = new("app-server-green.service");
    private int _looks;

    /// <summary>Every call that changes something, in order: <c>start green</c>.</summary>
    public ConcurrentQueue<string> Calls { get; } = [];

    public FakeUnit this[SlotName slot] => slot == SlotName.Blue ? _blue : _green;

    public string UnitOf(SlotName slot) => this[slot].Name;

    /// <summary>How often a state was asked for.</summary>
    public int Looks => Volatile.Read(ref _looks);

    public Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _looks);
        return this[slot].Failure is { } failure ? Task.FromException<UnitStatus>(failure) : Task.FromResult(this[slot].Status);
    }

    public Task<UnitJobResult> StartAsync(SlotName slot, CancellationToken cancellationToken)
    {
        Calls.Enqueue($"start {slot.ToKey()}");
        var unit = this[slot];
        return unit.Status.State is UnitState.Active ? Task.FromResult(UnitJobResult.Done) : unit.RunJobAsync(unit.OnStart, cancellationToken);
    }

    public Task<UnitJobResult> StopAsync(SlotName slot, CancellationToken cancellationToken)
    {
        Calls.Enqueue($"stop {slot.ToKey()}");
        return this[slot].RunJobAsync(this[slot].OnStop, cancellationToken);
    }

    public async Task<UnitJobResult> RestartAsync(SlotName slot, CancellationToken cancellationToken)
    {
        Calls.Enqueue($"restart {slot.ToKey()}");
        await this[slot].RunJobAsync(this[slot].OnStop, cancellationToken);
        return await this[slot].RunJobAsync(this[slot].OnStart, cancellationToken);
    }

    public Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, int maxLines, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([.. this[slot].Log.TakeLast(maxLines)]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>One unit: its state, and what a start or a stop does to it.</summary>
internal sealed class FakeUnit
{
    private static int _lastPid = 1000;

    public FakeUnit(string name)
    {
        Name = name;
        Status = new UnitStatus { Unit = name, State = UnitState.Inactive, SubState = "dead" };
        OnStart = (unit, _) => Task.FromResult(unit.Runs());
        OnStop = (unit, _) => Task.FromResult(unit.Ends());
    }

    public string Name { get; }

    public UnitStatus Status { get; set; }

    public List<string> Log { get; } = [];

    /// <summary>Thrown by every call while set.</summary>
    public UnitException? Failure { get; set; }

    public Func<FakeUnit, CancellationToken, Task<UnitJobResult>> OnStart { get; set; }

    public Func<FakeUnit, CancellationToken, Task<UnitJobResult>> OnStop { get; set; }

    /// <summary>A new run began.</summary>
    public UnitJobResult Runs()
    {
        Status = Status with
        {
            State = UnitState.Active,
            SubState = "running",
            MainPid = Interlocked.Increment(ref _lastPid),
            InvocationId = Guid.NewGuid().ToString("N"),
            Result = "success",
            ExitStatus = null,
        };
        return UnitJobResult.Done;
    }

    /// <summary>The run is over.</summary>
    public UnitJobResult Ends(UnitState state = UnitState.Inactive, string result = "success", int? exitStatus = 0)
    {
        Status = Status with { State = state, MainPid = 0, Result = result, ExitStatus = exitStatus };
        return state == UnitState.Failed && result != "timeout" ? UnitJobResult.Failed : UnitJobResult.Done;
    }

    /// <summary>It ended and was started again by itself between two looks.</summary>
    public void RestartsByItself()
    {
        Runs();
        Status = Status with { Restarts = Status.Restarts + 1 };
    }

    internal Task<UnitJobResult> RunJobAsync(Func<FakeUnit, CancellationToken, Task<UnitJobResult>> job, CancellationToken cancellationToken) =>
        Failure is { } failure ? Task.FromException<UnitJobResult>(failure) : job(this, cancellationToken).WaitAsync(cancellationToken);
}
