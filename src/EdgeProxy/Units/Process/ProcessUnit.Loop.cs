using System.ComponentModel;
using EdgeProxy.Processes;

namespace EdgeProxy.Units.Process;

internal sealed partial class ProcessUnit
{
    /// <summary>Runs the command until it ends well or is stopped. Begun by a start job, ended by a stop job; never throws.</summary>
    /// <param name="adopted">Runs already; null: nothing does.</param>
    /// <param name="stop">By a stop job.</param>
    private async Task RunAsync(Child? adopted, CancellationToken stop)
    {
        try
        {
            var delay = TimeSpan.Zero;
            while (true)
            {
                var began = _time.GetTimestamp();
                var (exit, killed) = await RunOnceAsync(adopted, stop);
                adopted = null;
                await WaitUntilOursAsync(stop);
                if (stop.IsCancellationRequested || exit.IsClean)
                {
                    SetEnded(exit, killed);
                    return;
                }

                delay = RestartPolicy.NextDelay(delay, _time.GetElapsedTime(began));
                Log.WillRestart(_logger, Status.Unit, exit, delay);
                if (!await WaitForRestartAsync(exit, delay, stop))
                {
                    Set(UnitState.Inactive, "dead");
                    return;
                }
            }
        }
        catch (Exception e)
        {
            Log.LoopFailed(_logger, e, Status.Unit);
            Running?.Group.Signal(ProcessGroup.Kill);
            SetChild(null);
            Set(UnitState.Failed, "failed", s => s with { Result = "resources" });
        }
    }

    private async Task<(ExitStatus Exit, bool Killed)> RunOnceAsync(Child? adopted, CancellationToken stop)
    {
        Child child;
        try
        {
            child = adopted ?? await Child.StartAsync(
                _launcher, new ChildStart(_command) { WorkingDirectory = _options.WorkingDirectory, Variables = _options.Environment ?? [] }, OnLine);
        }
        catch (Win32Exception e)
        {
            OnLine($"edgeproxy: {e.Message}");
            return (new ExitStatus(ExitStatus.CannotExecute), false);
        }

        using (child)
        {
            var isKnown = SetChild(child);
            if (!child.IsAdopted)
            {
                if (!isKnown)
                {
                    child.Kill(); // forked while the unit was given away: the other process starts one of its own
                }

                Volatile.Write(ref _started, _started.IsCompleted ? child.Exited : Task.WhenAll(_started, child.Exited));
            }

            // Before it is ready it does not lead its group, so there would be nobody to send a signal to.
            if (await child.WaitReadyAsync())
            {
                Set(UnitState.Active, "running", s => s with { InvocationId = child.InvocationId });
                Log.Started(_logger, Status.Unit, child.IsAdopted ? "goes on" : "started", child.Group.Pid);
            }

            var ended = await child.WaitExitAsync(stop);
            Set(UnitState.Deactivating, ended ? "final-sigterm" : "stop-sigterm");
            var end = await child.EndAsync(_options.StopTimeout, _time);
            SetChild(null);
            return end;
        }
    }

    /// <summary>Where the unit is given away: until that has failed, or for good.</summary>
    private async Task WaitUntilOursAsync(CancellationToken stop)
    {
        while (_isGivenAway() && !stop.IsCancellationRequested)
        {
            await Task.Delay(RestartPolicy.FirstDelay, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>False: stopped while it waited.</returns>
    private async Task<bool> WaitForRestartAsync(ExitStatus exit, TimeSpan delay, CancellationToken stop)
    {
        lock (_gate)
        {
            _startNow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Set(UnitState.AutoRestart, "auto-restart", s => s with { Result = exit.Result, ExitStatus = exit.Status });
        }

        using var wait = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await Task.WhenAny(_startNow.Task, Task.Delay(delay, _time, wait.Token));
        await wait.CancelAsync();
        await WaitUntilOursAsync(stop); // it may have been given away meanwhile: then another process starts it
        if (stop.IsCancellationRequested)
        {
            return false;
        }

        Set(UnitState.Activating, "start", s => s with { Restarts = s.Restarts + 1 });
        return true;
    }

    /// <summary>The state in which an ended unit stays: failed when it ended badly or would not end.</summary>
    private void SetEnded(ExitStatus exit, bool killed)
    {
        var result = killed ? "timeout" : exit.Result;
        Log.Ended(_logger, Status.Unit, exit);
        if (killed)
        {
            Log.Killed(_logger, Status.Unit, _options.StopTimeout);
        }

        var (state, subState) = result == "success" ? (UnitState.Inactive, "dead") : (UnitState.Failed, "failed");
        Set(state, subState, s => s with { Result = result, ExitStatus = exit.Status });
    }

    private bool SetChild(Child? child)
    {
        Volatile.Write(ref _child, child);
        return _changed();
    }

    private void OnLine(string line)
    {
        _output.Add(line);
        Log.Output(_logger, Status.Unit, line);
    }

    private static partial class Log
    {
        [LoggerMessage(500, LogLevel.Information, "{Unit}: {What}, pid {Pid}")]
        public static partial void Started(ILogger logger, string unit, string what, int pid);

        [LoggerMessage(501, LogLevel.Information, "{Unit}: {Exit}")]
        public static partial void Ended(ILogger logger, string unit, ExitStatus exit);

        [LoggerMessage(502, LogLevel.Warning, "{Unit}: {Exit}; it is started again in {Delay}")]
        public static partial void WillRestart(ILogger logger, string unit, ExitStatus exit, TimeSpan delay);

        [LoggerMessage(503, LogLevel.Warning, "{Unit}: did not end within {StopTimeout} after SIGTERM and was killed")]
        public static partial void Killed(ILogger logger, string unit, TimeSpan stopTimeout);

        [LoggerMessage(504, LogLevel.Critical, "{Unit}: its watcher failed; the unit is ended and stays down until it is started again")]
        public static partial void LoopFailed(ILogger logger, Exception exception, string unit);

        [LoggerMessage(505, LogLevel.Information, "{Unit}: {Line}")]
        public static partial void Output(ILogger logger, string unit, string line);
    }
}
