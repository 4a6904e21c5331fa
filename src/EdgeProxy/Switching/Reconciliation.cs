using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>
/// Brings files, units and traffic together at start. Before a listener opens it chooses the active slot; then, beside the serving, it starts
/// that slot's unit, stops the other one and concludes a switch that the former process left behind.
/// </summary>
/// <remarks>Nothing that goes wrong here keeps the proxy from serving; it is logged with what to do.</remarks>
internal sealed partial class Reconciliation(
    SwitchOptions options,
    ActiveChoice choice,
    FormerSwitch left,
    WarmSlot warm,
    PauseControl pause,
    MaintenanceControl maintenance,
    SlotPair slots,
    IUnitManager units,
    UnitStop stop,
    TimeProvider time,
    ILogger<Reconciliation> logger) : BackgroundService, IHostedLifecycleService
{
    /// <summary>At boot the proxy may be there before the bus is.</summary>
    private static readonly TimeSpan ManagerPatience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan ManagerRetry = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the units are as they should be, or could not be made so. Never fails.</summary>
    public Task Finished => _finished.Task;

    /// <summary>The host calls this before any service starts, so before a listener opens.</summary>
    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        pause.Restore();
        maintenance.Restore();
        return choice.MakeAsync(cancellationToken);
    }

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            // While the active unit does not come up, the idle one may be the last that works: it is left alone.
            var idle = slots.Active.Name.Other();
            var problem = await TryAsync(slots.Active.Name, StartAsync, stoppingToken)
                ?? await TryAsync(idle, SettleIdleAsync, stoppingToken);
            left.Conclude(problem is not null ? $"at the next start the units could not be brought in line: {problem}"
                : warm.Until(idle) is not null ? $"{units.UnitOf(idle)} is kept warm"
                : $"{units.UnitOf(idle)} was stopped at the next start");
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next process does it.
        }
        catch (StateException e)
        {
            Log.JournalStays(logger, e.Message);
        }
        catch (Exception e)
        {
            Log.Threw(logger, e);
        }
        finally
        {
            _finished.TrySetResult();
        }
    }

    /// <summary>Does something with a unit, and tries again while the manager itself is away.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    private async Task<string?> TryAsync(SlotName slot, Func<SlotName, CancellationToken, Task<string?>> act, CancellationToken stoppingToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                var problem = await act(slot, stoppingToken);
                if (problem is not null)
                {
                    Log.UnitNotAsItShould(logger, slot, problem);
                }

                return problem;
            }
            catch (UnitManagerUnavailableException e) when (time.GetElapsedTime(started) < ManagerPatience)
            {
                Log.ManagerAway(logger, e.Message);
                await Task.Delay(ManagerRetry, time, stoppingToken);
            }
            catch (UnitException e)
            {
                Log.UnitNotAsItShould(logger, slot, e.Message);
                return e.Message;
            }
        }
    }

    private async Task<string?> StartAsync(SlotName slot, CancellationToken stoppingToken)
    {
        var status = await units.GetStatusAsync(slot, stoppingToken);
        if (status.State is UnitState.Active or UnitState.Activating or UnitState.Reloading)
        {
            return null;
        }

        Log.Starting(logger, status.Unit, slot);
        var result = await units.StartAsync(slot, stoppingToken);
        return result == UnitJobResult.Done ? null : UnitWords.WhyNotStarted(result, await units.GetStatusAsync(slot, stoppingToken));
    }

    /// <summary>The idle slot is stopped, unless it is to be warm.</summary>
    private async Task<string?> SettleIdleAsync(SlotName slot, CancellationToken stoppingToken)
    {
        var status = await units.GetStatusAsync(slot, stoppingToken);
        var until = status.State is UnitState.Active or UnitState.Reloading ? WarmUntil(slot) : null;
        SetWarm(until);
        if (until is not null || status.State is UnitState.Inactive or UnitState.Failed)
        {
            return null;
        }

        // One that is being stopped already (by the switch that the former process left) is waited for: the next switch may start it.
        Log.Stopping(logger, status.Unit, slot);
        return await stop.StopAsync(slot, stoppingToken);
    }

    /// <summary>Its time goes on after a restart of the proxy, but not beyond what the settings say now. A switch that was left after its flip would have kept it.</summary>
    private DateTimeOffset? WarmUntil(SlotName slot)
    {
        var latest = time.GetUtcNow() + options.KeepWarm;
        return options.KeepWarm == TimeSpan.Zero || left.HasClaimed(slot) ? null
            : left.HasLeft(slot) ? latest
            : warm.Until(slot) is { } until && until > latest ? latest
            : warm.Until(slot);
    }

    private void SetWarm(DateTimeOffset? until)
    {
        try
        {
            if (until is not { } end)
            {
                warm.Forget();
            }
            else if (end != warm.Kept?.Until)
            {
                warm.Keep(end);
            }
        }
        catch (StateException e)
        {
            Log.WarmthNotKept(logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(354, LogLevel.Information, "Starting {Unit}: {Slot} is active and its unit does not run")]
        public static partial void Starting(ILogger logger, string unit, SlotName slot);

        [LoggerMessage(355, LogLevel.Information, "Stopping {Unit}: {Slot} is idle")]
        public static partial void Stopping(ILogger logger, string unit, SlotName slot);

        [LoggerMessage(356, LogLevel.Error, "The unit of {Slot} is not as it should be: {Problem}")]
        public static partial void UnitNotAsItShould(ILogger logger, SlotName slot, string problem);

        [LoggerMessage(357, LogLevel.Warning, "The units cannot be asked yet: {Problem}")]
        public static partial void ManagerAway(ILogger logger, string problem);

        [LoggerMessage(358, LogLevel.Error, "Whether the idle slot is kept warm is not known to the next process: {Problem}")]
        public static partial void WarmthNotKept(ILogger logger, string problem);

        [LoggerMessage(359, LogLevel.Error, "The journal of a switch that has ended stays; the next start looks at it again: {Problem}")]
        public static partial void JournalStays(ILogger logger, string problem);

        [LoggerMessage(360, LogLevel.Error, "The units could not be brought in line at start")]
        public static partial void Threw(ILogger logger, Exception exception);
    }
}
