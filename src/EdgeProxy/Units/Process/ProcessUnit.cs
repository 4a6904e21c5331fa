using EdgeProxy.Processes;

namespace EdgeProxy.Units.Process;

/// <summary>A slot's unit: its command, restarted when it fails, and the last lines of its output.</summary>
/// <remarks>
/// Jobs (start, stop, restart) run one at a time. Between a start and a stop one loop owns the child: it alone starts, watches and ends it, and
/// writes the status, but for the transitions to <see cref="UnitState.Activating"/> by which a job sets it going.
/// </remarks>
internal sealed partial class ProcessUnit
{
    private readonly IReadOnlyList<string> _command;
    private readonly ProcessUnitsOptions _options;
    private readonly ChildLauncher _launcher;
    private readonly Func<bool> _changed;
    private readonly Func<bool> _isGivenAway;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _oneJob = new(1, 1);
    private readonly OutputRing _output = new();
    private Child? _child;
    private Task _started = Task.CompletedTask; // the end of all children that were started here; written by the loop

    // The loop and what ends it: touched by the running job only.
    private Task _loop = Task.CompletedTask;
    private CancellationTokenSource _stop = new();

    // These change together, under _gate. _settled completes when the unit is neither on its way up nor down.
    private readonly Lock _gate = new();
    private UnitStatus _status;
    private TaskCompletionSource<UnitState> _settled = NewSettled();
    private TaskCompletionSource _startNow = new();

    /// <param name="name">For people and logs: the slot's key.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="launcher">Starts it; outlives the unit.</param>
    /// <param name="changed">Called whenever <see cref="Running"/> has changed; false: another process has the unit, and does not learn of it.</param>
    /// <param name="isGivenAway">Another process has the unit, or is about to: what ends is that one's to start again.</param>
    /// <param name="time">The clock of delays and timeouts.</param>
    /// <param name="logger">Also gets the output of the command, a line an entry.</param>
    public ProcessUnit(
        string name,
        IReadOnlyList<string> command,
        ProcessUnitsOptions options,
        ChildLauncher launcher,
        Func<bool> changed,
        Func<bool> isGivenAway,
        TimeProvider time,
        ILogger logger)
    {
        (_command, _options, _launcher, _changed, _isGivenAway, _time, _logger) = (command, options, launcher, changed, isGivenAway, time, logger);
        _status = new UnitStatus
        {
            Unit = name,
            State = UnitState.Inactive,
            SubState = "dead",
            KillSignal = ProcessGroup.Terminate,
            WorkingDirectory = options.WorkingDirectory,
        };
    }

    /// <summary>What runs now; null: nothing.</summary>
    public Child? Running => Volatile.Read(ref _child);

    public UnitStatus Status => Volatile.Read(ref _status);

    /// <summary>Completes when none of the children runs that it has started; adopted ones are another process's. More may be started meanwhile.</summary>
    public Task WhenNoneIsLeftAsync() => Volatile.Read(ref _started);

    /// <summary>Goes on with a child of the process before. Called before any job.</summary>
    public void Adopt(Child child)
    {
        _stop = new CancellationTokenSource();
        _child = child;
        Set(UnitState.Active, "running", s => s with { InvocationId = child.InvocationId });
        _loop = Task.Run(() => RunAsync(child, _stop.Token));
        _changed();
    }

    public IReadOnlyList<string> Tail(int lines) => _output.Tail(lines);

    public Task<UnitJobResult> StartAsync() => JobAsync(StartJobAsync);

    public Task<UnitJobResult> StopAsync() => JobAsync(StopJobAsync);

    public Task<UnitJobResult> RestartAsync() => JobAsync(async () =>
    {
        await StopJobAsync();
        return await StartJobAsync();
    });

    private async Task<UnitJobResult> JobAsync(Func<Task<UnitJobResult>> job)
    {
        await _oneJob.WaitAsync();
        try
        {
            return await job();
        }
        finally
        {
            _oneJob.Release();
        }
    }

    private async Task<UnitJobResult> StartJobAsync()
    {
        // It has ended by itself and the rest of its group is being ended: what comes next is known after that.
        while (Status.State == UnitState.Deactivating)
        {
            await Settled();
        }

        lock (_gate)
        {
            switch (_status.State)
            {
                // Active - it runs already
                // Activating - an automatic restart has begun
                case UnitState.AutoRestart: // the rest of the delay is not waited for; the restart counts as one
                    Set(UnitState.Activating, "start");
                    _startNow.TrySetResult();
                    break;
                case UnitState.Inactive or UnitState.Failed:
                    _output.Clear();
                    _stop = new CancellationTokenSource();
                    Set(UnitState.Activating, "start", s => s with { Result = "success", ExitStatus = null, Restarts = 0 });
                    _loop = Task.Run(() => RunAsync(null, _stop.Token));
                    break;
            }
        }

        return await Settled() == UnitState.Active ? UnitJobResult.Done : UnitJobResult.Failed;
    }

    private async Task<UnitJobResult> StopJobAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        return UnitJobResult.Done;
    }

    private Task<UnitState> Settled()
    {
        lock (_gate)
        {
            return _settled.Task;
        }
    }

    private void Set(UnitState state, string subState, Func<UnitStatus, UnitStatus>? more = null)
    {
        lock (_gate)
        {
            var status = _status with { State = state, SubState = subState, MainPid = _child?.Group.Pid ?? 0 };
            Volatile.Write(ref _status, more?.Invoke(status) ?? status);
            if (state is not (UnitState.Activating or UnitState.Deactivating))
            {
                _settled.TrySetResult(state);
            }
            else if (_settled.Task.IsCompleted)
            {
                _settled = NewSettled();
            }
        }
    }

    private static TaskCompletionSource<UnitState> NewSettled() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
