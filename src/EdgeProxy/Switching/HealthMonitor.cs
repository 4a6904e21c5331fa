using System.Collections.Immutable;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>
/// The health view: probes the running slots every <see cref="HealthOptions.MonitorInterval"/>, and every second while the active one is not healthy, so that
/// it says soon when that is over (as after a start, where the unit is just being started). It only observes, nothing is decided by it.
/// </summary>
internal sealed partial class HealthMonitor(
    HealthOptions options,
    SlotPair slots,
    IUnitManager units,
    HealthProbe probe,
    EventHub events,
    SwitchingMetrics metrics,
    TimeProvider time,
    ILogger<HealthMonitor> logger) : BackgroundService
{
    /// <summary>How many probes of a slot are kept.</summary>
    public const int Kept = 30;

    private static readonly TimeSpan UnhealthyInterval = TimeSpan.FromSeconds(1);

    private static readonly SlotHealth Unknown = new(HealthState.Unknown, []);

    private ImmutableDictionary<SlotName, SlotHealth> _health = ImmutableDictionary<SlotName, SlotHealth>.Empty;

    public SlotHealth this[SlotName slot] => _health.GetValueOrDefault(slot, Unknown);

    /// <summary>How long after a look the next one comes.</summary>
    internal TimeSpan Interval => this[slots.Active.Name].State is HealthState.Healthy or HealthState.Busy ? options.MonitorInterval : UnhealthyInterval;

    /// <summary>Looks at both slots once.</summary>
    internal Task CheckAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(SlotNameExtensions.All.Select(slot => CheckAsync(slot, cancellationToken)));

    /// <summary>Adds a probe, the monitor's own or one of a switch.</summary>
    /// <param name="isBusy">See <see cref="SlotLoad"/>.</param>
    internal void Record(SlotName slot, ProbeSummary summary, string? switchId = null, bool isBusy = false)
    {
        var record = new ProbeEvent { Slot = slot, At = time.GetUtcNow(), Status = summary.Status, Latency = summary.Latency, Error = summary.Error };
        metrics.Probed(slot, summary);
        Update(slot, summary.IsGood ? HealthState.Healthy : isBusy ? HealthState.Busy : HealthState.Unhealthy, record);
        events.Publish(EventNames.Probe, record, SwitchingJson.Relaxed.ProbeEvent, switchId);
    }

    /// <summary>Says that the slot's unit does not run (or, with <see cref="HealthState.Unknown"/>, that nobody can tell).</summary>
    internal void Set(SlotName slot, HealthState state) => Update(slot, state, probe: null);

    /// <summary>The loop ends with the host. A round that fails is a bug and is logged: the next one comes all the same.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await CheckAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.RoundFailed(logger, e);
            }

            if (timer.Period != Interval)
            {
                timer.Period = Interval; // begins anew
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CheckAsync(SlotName slot, CancellationToken cancellationToken)
    {
        var running = await RunsAsync(slot, cancellationToken);
        if (running == false)
        {
            Set(slot, HealthState.Stopped);
            return;
        }

        var load = new SlotLoad(slots[slot]);
        var summary = await probe.ProbeAsync(slots[slot].Address, cancellationToken);
        if (running is null && !summary.IsGood)
        {
            Set(slot, HealthState.Unknown);
            return;
        }

        Record(slot, summary, isBusy: load.Explains(summary));
    }

    /// <summary>Null: the manager does not respond.</summary>
    private async Task<bool?> RunsAsync(SlotName slot, CancellationToken cancellationToken)
    {
        try
        {
            return (await units.GetStatusAsync(slot, cancellationToken)).IsRunning;
        }
        catch (UnitException)
        {
            return null;
        }
    }

    private void Update(SlotName slot, HealthState state, ProbeRecord? probe)
    {
        var before = this[slot].State;
        metrics.Health(slot, state);
        ImmutableInterlocked.AddOrUpdate(ref _health, slot, _ => Next(Unknown), (_, health) => Next(health));
        if (state != before)
        {
            events.Publish(EventNames.Slot, SlotEvent.Of(slots, slot, state), SwitchingJson.Relaxed.SlotEvent);
        }

        SlotHealth Next(SlotHealth last) => new(state, probe is null ? last.Probes : [probe, .. last.Probes.Take(Kept - 1)]);
    }

    private static partial class Log
    {
        [LoggerMessage(340, LogLevel.Error, "The health view could not be refreshed")]
        public static partial void RoundFailed(ILogger logger, Exception exception);
    }
}
