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
    private static readonly KeyValuePair<string, object?> _queue = new("reason", "queue");

    private static readonly KeyValuePair<string, object?> _opening = new("state", "opening");
    private static readonly KeyValuePair<string, object?> _active = new("state", "active");
    private static readonly KeyValuePair<string, object?> _idle = new("state", "idle");

    private readonly Histogram<double> _holds;

    public ProxyingMetrics(Meter meter, ProxiedApps apps)
    {
        var slots = apps.Slots;
        meter.CreateObservableGauge(
            "edgeproxy.requests.in_flight", () => slots.SelectMany(InFlight), "{request}", "Requests in flight to a slot now, by class.");
        meter.CreateObservableGauge(
            "edgeproxy.requests.held", () => apps.All.SelectMany(Waiting), "{request}",
            "Requests that wait now, for a slot that refuses connections (outage), for the end of a pause, or for a place (queue).");
        meter.CreateObservableGauge(
            "edgeproxy.paused", () => EachApp(app => app.Gate.Pause is null ? 0 : 1), description: "1: the app is paused, its requests wait.");
        meter.CreateObservableGauge(
            "edgeproxy.maintenance", () => EachApp(app => app.Gate.Maintenance is null ? 0 : 1), description: "1: clients get 503 with Retry-After.");
        _holds = meter.CreateHistogram(
            "edgeproxy.hold.duration",
            "s",
            "Waits of requests for a slot that did not accept them, by slot and end (TryAgain: it did again, or another slot was active).",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] });
        meter.CreateObservableGauge(
            "edgeproxy.connections.open", () =>
                Each((app, slot) => app.Connections.Open(slot)), "{connection}", "Open connections to a slot, idle ones included.");
        meter.CreateObservableGauge(
            "edgeproxy.connections", () => apps.All.SelectMany(ByState), "{connection}",
            "Connections to a slot, by state: being opened, at work on a request, or idle. None is idle that has not served.");
        meter.CreateObservableCounter(
            "edgeproxy.connections.failed", () =>
                Each((app, slot) => app.Connections.Failures(slot)), "{connection}", "Connections that a slot did not accept.");
        meter.CreateObservableCounter(
            "edgeproxy.requests.repeated", () => EachApp(app => app.Connections.Repeats), "{request}",
            "Requests without a body that were sent once more, as their connection ended before a response.");

        IEnumerable<Measurement<T>> EachApp<T>(Func<ProxiedApp, T> read)
            where T : struct => apps.All.Select(app => new Measurement<T>(read(app), MetricTags.Of(app.Identity)));

        IEnumerable<Measurement<T>> Each<T>(Func<ProxiedApp, SlotName, T> read)
            where T : struct =>
            apps.All.SelectMany(
                app => SlotNameExtensions.All, (app, slot) => new Measurement<T>(read(app, slot), MetricTags.Of(app.Identity), MetricTags.Of(slot)));
    }

    /// <summary>Notes the end of a wait.</summary>
    public void Held(Slot slot, HoldResult end, TimeSpan duration) =>
        _holds.Record(duration.TotalSeconds, MetricTags.Of(slot.App), MetricTags.Of(slot.Name), new("end", end.ToString()));

    private static IEnumerable<Measurement<int>> InFlight(Slot slot)
    {
        var inFlight = slot.InFlight;
        foreach (var @class in _classes)
        {
            var count = @class switch { LeaseClass.Http => inFlight.Http, LeaseClass.Stream => inFlight.Stream, _ => inFlight.WebSocket };
            yield return new Measurement<int>(count, MetricTags.Of(slot.App), MetricTags.Of(slot.Name), MetricTags.Of(@class));
        }
    }

    private static IEnumerable<Measurement<int>> Waiting(ProxiedApp app) =>
        [new(app.Outage.Held, MetricTags.Of(app.Identity), _outage), new(app.Gate.Held, MetricTags.Of(app.Identity), _pause),
        new(app.Places?.Waiting ?? 0, MetricTags.Of(app.Identity), _queue)];

    private static IEnumerable<Measurement<int>> ByState(ProxiedApp app)
    {
        var connections = app.Connections;
        foreach (var slot in SlotNameExtensions.All)
        {
            var idle = connections.Idle(slot);
            yield return Of(connections.Opening(slot), _opening);
            yield return Of(Math.Max(0, connections.Open(slot) - idle), _active); // the two counts are not of one instant
            yield return Of(idle, _idle);

            Measurement<int> Of(int count, KeyValuePair<string, object?> state) => new(count, MetricTags.Of(app.Identity), MetricTags.Of(slot), state);
        }
    }
}
