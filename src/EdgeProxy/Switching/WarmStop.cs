using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Stops a warm slot's unit when its time is over.</summary>
/// <remarks>
/// The loop belongs to the host and ends with it; a stop that it interrupts is the next process's. While the unit manager is away it tries again; a unit that
/// does not stop is logged with what to do, as at the end of a switch.
/// </remarks>
internal sealed partial class WarmStop(
    WarmSlot warm, UnitStop stop, Reconciliation reconciliation, TimeProvider time, ILogger<WarmStop> logger) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await reconciliation.Finished.WaitAsync(stoppingToken);
        while (true)
        {
            await warm.WhenOverAsync(stoppingToken);
            if (!await TryStopAsync(stoppingToken))
            {
                await Task.Delay(RetryAfter, time, stoppingToken);
            }
        }
    }

    private async Task<bool> TryStopAsync(CancellationToken stoppingToken)
    {
        using var turn = await warm.TakeTurnAsync(stoppingToken);
        if (warm.Kept is not { } kept || kept.Until > time.GetUtcNow())
        {
            return true; // a switch had its turn before, and the slot is another matter now
        }

        try
        {
            var problem = await stop.StopAsync(kept.Slot, stoppingToken);
            Log.Stopped(logger, problem is null ? LogLevel.Information : LogLevel.Warning, kept.Slot, problem ?? "its unit was stopped");
            await warm.ForgetAsync();
            return true;
        }
        catch (UnitException e)
        {
            Log.NotStopped(logger, kept.Slot, e.Message);
            return false;
        }
        catch (StateException)
        {
            return true; // what the file still says has passed, and means nothing to the next process
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 380, Message = "The time of the warm slot {Slot} is over: {End}")]
        public static partial void Stopped(ILogger logger, LogLevel level, SlotName slot, string end);

        [LoggerMessage(
            381, LogLevel.Error, "The time of the warm slot {Slot} is over, but its unit could not be told to stop; EdgeProxy tries again: {Problem}")]
        public static partial void NotStopped(ILogger logger, SlotName slot, string problem);
    }
}
