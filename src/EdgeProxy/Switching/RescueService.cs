using EdgeProxy.Slots;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Notices that the active unit has failed for good, says so at once, and with <c>Switch:Rescue</c> switches to the other slot.</summary>
/// <remarks>
/// The loop belongs to the host and ends with it; a look that fails says nothing of the unit, and the next one comes. It cannot go to and fro: one try a
/// failure, and <c>active.json</c> notes that a rescue made its slot active, from which there is no other rescue before somebody has switched.
/// </remarks>
internal sealed partial class RescueService(
    SwitchOptions options,
    Reconciliation reconciliation,
    SlotPair slots,
    IUnitManager units,
    ActiveSlotRecord active,
    SwitchCoordinator switches,
    SwitchingMetrics metrics,
    IOperatorNotice notice,
    TimeProvider time,
    ILogger<RescueService> logger) : BackgroundService
{
    /// <summary>A look is one D-Bus call, below 1 ms.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    /// <summary>An operator who mends it by hand gets that much of a start.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private FailedActive? _current; // written by the loop only
    private Task<Switch>? _switch;
    private int _looksWhileStopping;
    private long _attempts;

    /// <summary>The failure that lasts; null: the active unit has not failed.</summary>
    public FailedActive? Current => Volatile.Read(ref _current);

    /// <summary>Switches that this has begun, since the proxy started.</summary>
    public long Attempts => Volatile.Read(ref _attempts);

    /// <summary>Traffic of the slot is about to move: it is worth waiting.</summary>
    public bool IsComing(SlotName slot) => Current is { State: RescueState.Due or RescueState.Switching } failed && failed.Slot == slot;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await reconciliation.Finished.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Look, time);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.LookFailed(logger, e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        var plan = slots.Plan;
        var slot = plan.Active.Name;
        var why = WhyFailed(await units.GetStatusAsync(slot, stoppingToken));
        switch (Current)
        {
            case var failed when why is null || (failed is not null && failed.Slot != slot):
                Set(null);
                break;
            case null:
                await NoticeAsync(plan, why, stoppingToken);
                break;
            case { State: RescueState.Due } due when time.GetUtcNow() - due.Since >= Patience:
                await BeginAsync(due, stoppingToken);
                break;
            case { State: RescueState.Switching } tried when _switch is { IsCompleted: true }:
                Set(tried with { State = RescueState.GivenUp }); // traffic would be on the other slot
                break;
        }
    }

    /// <summary>
    /// Failed, and not by a stop: one of those that was slow (Result timeout, or seen stopping for longer than a crash takes to clean up) is what an operator
    /// asked for, as is Inactive.
    /// </summary>
    private string? WhyFailed(UnitStatus status)
    {
        _looksWhileStopping = status.State switch
        {
            UnitState.Deactivating => _looksWhileStopping + 1,
            UnitState.Failed => _looksWhileStopping,
            _ => 0,
        };
        return status is { State: UnitState.Failed, Result: not "timeout" } && _looksWhileStopping < 2 ? UnitStatusMessages.WhyNotRunning(status) : null;
    }

    private async Task NoticeAsync(TrafficPlan plan, string why, CancellationToken stoppingToken)
    {
        var (slot, other) = (plan.Active.Name, plan.Previous.Name);
        var status = await units.GetStatusAsync(other, stoppingToken);
        var (state, next) = (options.Rescue, active.Current?.ByRescue, status.LoadState) switch
        {
            (_, _, not UnitLoadState.Loaded) => (RescueState.GivenUp, $"{status.Unit} cannot be started either"),
            (false, _, _) =>
                (
                    RescueState.Off,
                    $"`edgeproxy switch --to {other.ToKey()}` moves traffic to {other.ToKey()}{(status.IsRunning ? ", which runs" : "")}; Switch:Rescue " +
                        "would do that by itself"),
            (_, true, _) => (RescueState.GivenUp, $"traffic came here from {other.ToKey()} for the same reason, so that only an operator can tell what to do"),
            _ => (RescueState.Due, $"traffic moves to {other.ToKey()} in {Patience.TotalSeconds:0} s (Switch:Rescue)"),
        };
        Set(new FailedActive(slot, time.GetUtcNow(), $"{why}; {next}", state));
        Log.Failed(logger, slot, Current!.Reason);
        notice.UnitFailed(slots.Active.App.Name, Current);
    }

    /// <summary>Where another switch runs, that one is awaited: it may bring traffic away from here itself.</summary>
    private async Task BeginAsync(FailedActive due, CancellationToken stoppingToken)
    {
        var plan = slots.Plan;
        if (plan.Active.Name != due.Slot)
        {
            return; // traffic has moved meanwhile; the next look sees it
        }

        var to = plan.Previous.Name;
        var request = new SwitchRequest(to, active.Current?.LabelOf(to), RescueOf: due.Reason.Split(';')[0]);
        switch (await switches.BeginAsync(request, stoppingToken))
        {
            case SwitchStart.Started started:
                Interlocked.Increment(ref _attempts);
                metrics.RescueBegan();
                _switch = started.Completion;
                Set(due with { State = RescueState.Switching });
                Log.Began(logger, due.Slot, to, started.Switch.Id);
                break;
            case SwitchStart.Refused refused:
                Set(due with { State = RescueState.GivenUp });
                Log.Refused(logger, due.Slot, refused.Reason);
                break;
        }
    }

    private void Set(FailedActive? failed)
    {
        Volatile.Write(ref _current, failed);
        metrics.Failed(failed?.Slot);
    }

    private static partial class Log
    {
        [LoggerMessage(382, LogLevel.Critical, "The active slot {Slot} is down for good: {Reason}")]
        public static partial void Failed(ILogger logger, SlotName slot, string reason);

        [LoggerMessage(383, LogLevel.Critical, "Automatic failover from {From} to {To} by switch {SwitchId}")]
        public static partial void Began(ILogger logger, SlotName from, SlotName to, string switchId);

        [LoggerMessage(384, LogLevel.Critical, "Traffic of {Slot} could not be moved: {Reason}")]
        public static partial void Refused(ILogger logger, SlotName slot, string reason);

        [LoggerMessage(385, LogLevel.Debug, "Whether the active unit runs could not be told: {Problem}")]
        public static partial void LookFailed(ILogger logger, string problem);
    }
}
