using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What is in flight to the slots, what waits for them, and how their connections fare.</summary>
internal sealed class ProxyingMetrics : InstrumentSet
{
    private static readonly LeaseClass[] _classes = Enum.GetValues<LeaseClass>();

    private static readonly KeyValuePair<string, object?> _outage = new("reason", "outage");
    private static readonly KeyValuePair<string, object?> _pause = new("reason", "pause");

    private readonly Histogram<double> _holds;

    public ProxyingMetrics(Meter meter, SlotPair slots, SlotConnections connections, OutageGate gate, AppGate app)
    {
        meter.CreateObservableGauge("edgeproxy.requests.in_flight", () => InFlight(slots), "{request}", "Requests in flight to a slot now, by class.");
        meter.CreateObservableGauge(
            "edgeproxy.requests.held", () => (Measurement<int>[])[new(gate.Held, _outage), new(app.Held, _pause)], "{request}", "Requests that wait now, for a slot that refuses connections (outage) or for the end of a pause.");
        meter.CreateObservableGauge("edgeproxy.paused", () => app.Pause is null ? 0 : 1, description: "1: the app is paused, its requests wait.");
        meter.CreateObservableGauge("edgeproxy.maintenance", () => app.Maintenance is null ? 0 : 1, description: "1: visitors are told to come back later.");
        _holds = meter.CreateHistogram(
            "edgeproxy.hold.duration",
            "s",
            "Waits of requests for a slot that did not accept them, by slot and end (TryAgain: it did again, or another slot was active).",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] });
        meter.CreateObservableGauge("edgeproxy.connections.open", () => Each(connections.Open), "{connection}", "Open connections to a slot, idle ones included.");
        meter.CreateObservableCounter("edgeproxy.connections.failed", () => Each(connections.Failures), "{connection}", "Connections that a slot did not accept.");
        meter.CreateObservableCounter("edgeproxy.requests.repeated", () => connections.Repeats, "{request}", "Requests without a body that were sent once more, as their connection ended before an answer.");
    }

    /// <summary>Notes the end of a wait.</summary>
    public void Held(SlotName slot, HoldEnd end, TimeSpan duration) => _holds.Record(duration.TotalSeconds, MetricTags.Of(slot), new("end", end.ToString()));

    private static IEnumerable<Measurement<int>> InFlight(SlotPair slots)
    {
        foreach (var name in SlotNameExtensions.All)
        {
            var inFlight = slots[name].InFlight;
            foreach (var @class in _classes)
            {
                var count = @class switch { LeaseClass.Http => inFlight.Http, LeaseClass.Stream => inFlight.Stream, _ => inFlight.WebSocket };
                yield return new Measurement<int>(count, MetricTags.Of(name), MetricTags.Of(@class));
            }
        }
    }

    private static IEnumerable<Measurement<T>> Each<T>(Func<SlotName, T> read)
        where T : struct
    {
        foreach (var slot in SlotNameExtensions.All)
        {
            yield return new Measurement<T>(read(slot), MetricTags.Of(slot));
        }
    }
}
