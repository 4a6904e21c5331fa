using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Phases;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Brings the units in line with where traffic goes: the active slot's runs, the other one's does not, unless it is to be warm.</summary>
/// <remarks>Used by the reconciliation, one call at a time. While the unit manager itself is away it tries again, for a while.</remarks>
internal sealed partial class UnitAlignment(
    HealthOptions health,
    SwitchOptions options,
    InterruptedSwitch left,
    WarmSlot warm,
    SlotPair slots,
    IUnitManager units,
    UnitStop stop,
    HealthProbe probe,
    HealthMonitor monitor,
    TimeProvider time,
    ILogger<UnitAlignment> logger)
{
    /// <summary>At boot the proxy may be there before the bus is.</summary>
    private static readonly TimeSpan ManagerPatience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan ManagerRetry = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(250);

    /// <summary>While the active unit does not come up, the idle one may be the last that works: it is left alone.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public async Task<string?> AlignAsync(CancellationToken stoppingToken)
    {
        var plan = slots.Plan;
        return await TryAsync(plan.Active.Name, StartAsync, stoppingToken) ?? await TryAsync(plan.Previous.Name, SettleIdleAsync, stoppingToken);
    }

    /// <summary>The first half of <see cref="AlignAsync"/>.</summary>
    public Task StartActiveAsync(CancellationToken stoppingToken) => TryAsync(slots.Active.Name, StartAsync, stoppingToken);

    /// <summary>Starts a slot's unit anew, so that it runs what is in its directory now.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public Task<string?> RestartAsync(SlotName slot, CancellationToken stoppingToken) => TryAsync(
        slot,
        async (slot, token) =>
        {
            var isRunning = (await units.GetStatusAsync(slot, token)).IsRunning;
            var result = isRunning ? await units.RestartAsync(slot, token) : await units.StartAsync(slot, token);
            return result == UnitJobResult.Done ? null : UnitStatusMessages.WhyNotStarted(result, await units.GetStatusAsync(slot, token));
        },
        stoppingToken);

    /// <summary>Starts a slot's unit where it does not run, and waits for a good response, before traffic moves there.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public async Task<string?> StartProvedAsync(SlotName slot, CancellationToken stoppingToken) =>
        await TryAsync(slot, StartAsync, stoppingToken) ?? await ProveAsync(slot, stoppingToken);

    /// <summary>Waits for one good response, for as long as a candidate of a switch may take.</summary>
    /// <returns>Why there was none; null: there was.</returns>
    private async Task<string?> ProveAsync(SlotName slot, CancellationToken stoppingToken)
    {
        using var budget = new Deadline(health.StartBudget, time, stoppingToken);
        var last = "no probe came to an end";
        try
        {
            while (true)
            {
                var response = await probe.ProbeAsync(slots[slot].Address, budget.Token);
                monitor.Record(slot, response);
                if (response.IsGood)
                {
                    return null;
                }

                last = response.Error!;
                await Task.Delay(BetweenProbes, time, budget.Token);
            }
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            return $"{slot.ToKey()} was not healthy within {health.StartBudget.TotalSeconds:0.#} s ({StartIdlePhase.BudgetWords(health)}): {last}";
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
        return result == UnitJobResult.Done ? null : UnitStatusMessages.WhyNotStarted(result, await units.GetStatusAsync(slot, stoppingToken));
    }

    /// <summary>The idle slot is stopped, unless it is to be warm.</summary>
    private async Task<string?> SettleIdleAsync(SlotName slot, CancellationToken stoppingToken)
    {
        var status = await units.GetStatusAsync(slot, stoppingToken);
        var until = status.State is UnitState.Active or UnitState.Reloading ? WarmUntil(slot) : null;
        await SetWarmAsync(until);
        if (until is not null || status.State is UnitState.Inactive or UnitState.Failed)
        {
            return null;
        }

        // One that is being stopped already (by the switch that the former process left) is waited for: the next switch may start it.
        Log.Stopping(logger, status.Unit, slot);
        return await stop.StopAsync(slot, stoppingToken);
    }

    /// <summary>Its time goes on after a restart of the proxy, but not beyond what the settings say now. A switch that was left after its flip would have kept
    /// it.</summary>
    private DateTimeOffset? WarmUntil(SlotName slot)
    {
        var latest = time.GetUtcNow() + options.KeepWarm;
        return options.KeepWarm == TimeSpan.Zero || left.HasClaimed(slot) ? null
            : left.HasLeft(slot) ? latest
            : warm.Until(slot) is { } until && until > latest ? latest
            : warm.Until(slot);
    }

    private async ValueTask SetWarmAsync(DateTimeOffset? until)
    {
        try
        {
            if (until is not { } end)
            {
                await warm.ForgetAsync();
            }
            else if (end != warm.Kept?.Until)
            {
                await warm.KeepAsync(end);
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
    }
}
