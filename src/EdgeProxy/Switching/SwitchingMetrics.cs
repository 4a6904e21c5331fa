using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>Which slot is active, how both are, and how switches went: for all apps of the process.</summary>
internal sealed class SwitchingInstruments : InstrumentSet
{
    private ImmutableArray<SwitchingMetrics> _apps = [];

    public SwitchingInstruments(Meter meter)
    {
        meter.CreateObservableGauge("edgeproxy.slot.active", () => Each(app => app.IsActive), description: "1: the slot gets new requests.");
        meter.CreateObservableGauge(
            "edgeproxy.slot.share", Shares, description: "How many of a hundred clients get the slot: 0 or 100, but while a candidate has a share.");
        meter.CreateObservableGauge("edgeproxy.slot.healthy", () => Each(app => app.IsHealthy), description: "1: the last probe of the slot was good.");
        meter.CreateObservableGauge(
            "edgeproxy.slot.failed", () => Each(app => app.HasFailed), description: "1: the slot is active, and its unit has failed for good.");
        Rescues = meter.CreateCounter<long>("edgeproxy.rescues", description: "Switches that EdgeProxy has begun by itself (Switch:Rescue).");
        meter.CreateObservableGauge(
            "edgeproxy.switch.running", () => _apps.Select(app => new Measurement<int>(app.Running, app.App)), description: "1: a switch runs.");
        Probes = meter.CreateHistogram(
            "edgeproxy.probe.duration",
            "s",
            "Health probes, those of switches included, by slot and outcome (good, bad).",
            advice: Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10));
        Phases = meter.CreateHistogram(
            "edgeproxy.switch.phase.duration",
            "s",
            "Phases of switches, by phase and outcome (done, failed).",
            advice: Buckets(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300));
        Switches = meter.CreateHistogram(
            "edgeproxy.switch.duration", "s", "Switches, by outcome.", advice: Buckets(0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600));
    }

    public Histogram<double> Probes { get; }

    public Histogram<double> Phases { get; }

    public Histogram<double> Switches { get; }

    public Counter<long> Rescues { get; }

    public void Add(SwitchingMetrics app) => ImmutableInterlocked.Update(ref _apps, (all, added) => all.Add(added), app);

    private IEnumerable<Measurement<int>> Each(Func<SwitchingMetrics, Func<SlotName, bool>> read) =>
        from app in _apps
        let holds = read(app)
        from slot in SlotNameExtensions.All
        select new Measurement<int>(holds(slot) ? 1 : 0, app.App, MetricTags.Of(slot));

    private IEnumerable<Measurement<double>> Shares() =>
        from app in _apps
        from slot in SlotNameExtensions.All
        select new Measurement<double>(app.Share(slot), app.App, MetricTags.Of(slot));

    private static InstrumentAdvice<double> Buckets(params double[] boundaries) => new() { HistogramBucketBoundaries = boundaries };
}

/// <summary>What one app tells the instruments.</summary>
internal sealed class SwitchingMetrics
{
    private readonly SwitchingInstruments _instruments;
    private readonly SlotPair _slots;
    private readonly int[] _healthy = new int[SlotNameExtensions.All.Count];
    private int _failed = -1; // the slot; below 0: none
    private int _running;

    public SwitchingMetrics(SwitchingInstruments instruments, SlotPair slots)
    {
        (_instruments, _slots, App) = (instruments, slots, MetricTags.Of(slots.App));
        instruments.Add(this);
    }

    /// <summary>The label.</summary>
    public KeyValuePair<string, object?> App { get; }

    public int Running => Volatile.Read(ref _running);

    public bool IsActive(SlotName slot) => _slots.Active.Name == slot;

    public double Share(SlotName slot) => _slots.Plan.PercentOf(slot);

    public bool IsHealthy(SlotName slot) => Volatile.Read(ref _healthy[(int)slot]) == 1;

    public bool HasFailed(SlotName slot) => Volatile.Read(ref _failed) == (int)slot;

    public void Health(SlotName slot, HealthState state) => Volatile.Write(ref _healthy[(int)slot], state is HealthState.Healthy or HealthState.Busy ? 1 : 0);

    /// <param name="slot">The active slot, whose unit has failed for good; null: it has not.</param>
    public void Failed(SlotName? slot) => Volatile.Write(ref _failed, slot is { } failed ? (int)failed : -1);

    public void RescueBegan() => _instruments.Rescues.Add(1, App);

    public void Probed(SlotName slot, ProbeSummary probe) =>
        _instruments.Probes.Record(probe.Latency.TotalSeconds, App, MetricTags.Of(slot), new("outcome", probe.IsGood ? "good" : "bad"));

    public void PhaseEnded(SwitchPhase phase, bool isDone, TimeSpan duration) =>
        _instruments.Phases.Record(duration.TotalSeconds, App, new("phase", phase.ToString()), new("outcome", isDone ? "done" : "failed"));

    public void SwitchBegan() => Volatile.Write(ref _running, 1);

    /// <param name="outcome">Null: it was left to the next process.</param>
    public void SwitchEnded(SwitchOutcome? outcome, TimeSpan duration)
    {
        Volatile.Write(ref _running, 0);
        if (outcome is { } end)
        {
            _instruments.Switches.Record(duration.TotalSeconds, App, new KeyValuePair<string, object?>("outcome", end.ToString()));
        }
    }
}
