using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>Which slot is active, how both are, and how switches went.</summary>
internal sealed class SwitchingMetrics : InstrumentSet
{
    private readonly Histogram<double> _probes;
    private readonly Histogram<double> _phases;
    private readonly Histogram<double> _switches;
    private readonly Counter<long> _rescues;
    private readonly int[] _healthy = new int[SlotNameExtensions.All.Count];
    private int _failed = -1; // the slot; below 0: none
    private int _running;

    public SwitchingMetrics(Meter meter, SlotPair slots)
    {
        meter.CreateObservableGauge("edgeproxy.slot.active", () => Each(slot => slots.Active.Name == slot), description: "1: the slot gets new requests.");
        meter.CreateObservableGauge("edgeproxy.slot.healthy", () => Each(slot => Volatile.Read(ref _healthy[(int)slot]) == 1), description: "1: the last probe of the slot was good.");
        meter.CreateObservableGauge("edgeproxy.slot.failed", () => Each(slot => Volatile.Read(ref _failed) == (int)slot), description: "1: the slot is active, and its unit has failed for good.");
        _rescues = meter.CreateCounter<long>("edgeproxy.rescues", description: "Switches that EdgeProxy has begun by itself (Switch:Rescue).");
        meter.CreateObservableGauge("edgeproxy.switch.running", () => Volatile.Read(ref _running), description: "1: a switch runs.");
        _probes = meter.CreateHistogram(
            "edgeproxy.probe.duration", "s", "Health probes, those of switches included, by slot and outcome (good, bad).", advice: Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10));
        _phases = meter.CreateHistogram(
            "edgeproxy.switch.phase.duration", "s", "Phases of switches, by phase and outcome (done, failed).", advice: Buckets(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300));
        _switches = meter.CreateHistogram(
            "edgeproxy.switch.duration", "s", "Switches, by outcome.", advice: Buckets(0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600));
    }

    public void Health(SlotName slot, HealthState state) => Volatile.Write(ref _healthy[(int)slot], state == HealthState.Healthy ? 1 : 0);

    /// <param name="slot">The active slot, whose unit has failed for good; null: it has not.</param>
    public void Failed(SlotName? slot) => Volatile.Write(ref _failed, slot is { } failed ? (int)failed : -1);

    public void RescueBegan() => _rescues.Add(1);

    public void Probed(SlotName slot, ProbeSummary probe) =>
        _probes.Record(probe.Latency.TotalSeconds, MetricTags.Of(slot), new("outcome", probe.IsGood ? "good" : "bad"));

    public void PhaseEnded(SwitchPhase phase, bool isDone, TimeSpan duration) =>
        _phases.Record(duration.TotalSeconds, new("phase", phase.ToString()), new("outcome", isDone ? "done" : "failed"));

    public void SwitchBegan() => Volatile.Write(ref _running, 1);

    /// <param name="outcome">Null: it was left to the next process.</param>
    public void SwitchEnded(SwitchOutcome? outcome, TimeSpan duration)
    {
        Volatile.Write(ref _running, 0);
        if (outcome is { } end)
        {
            _switches.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("outcome", end.ToString()));
        }
    }

    private static IEnumerable<Measurement<int>> Each(Func<SlotName, bool> holds)
    {
        foreach (var slot in SlotNameExtensions.All)
        {
            yield return new Measurement<int>(holds(slot) ? 1 : 0, MetricTags.Of(slot));
        }
    }

    private static InstrumentAdvice<double> Buckets(params double[] boundaries) => new() { HistogramBucketBoundaries = boundaries };
}
