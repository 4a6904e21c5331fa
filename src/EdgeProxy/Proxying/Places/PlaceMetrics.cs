using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Places;

/// <summary>How many places there are and are used, and how requests wait for one. How many wait now, <c>edgeproxy.requests.held</c> says.</summary>
internal sealed class PlaceMetrics : InstrumentSet
{
    private readonly Histogram<double> _waits;

    public PlaceMetrics(Meter meter, ProxiedApps apps)
    {
        meter.CreateObservableGauge(
            "edgeproxy.places.limit", () => Each(places => places.Limit), "{request}",
            "Ordinary requests that may be with a slot at a time (Upstream:MaxConcurrent).");
        meter.CreateObservableGauge("edgeproxy.places.used", () => Each(places => places.Used), "{request}", "Of these, those that are.");
        meter.CreateObservableCounter(
            "edgeproxy.queue.refused",
            () => apps.All.SelectMany(Refused),
            "{request}",
            "Requests that got 503 without their turn: after Upstream:QueueTimeout (timeout), or as too many wait, in all (full) or of their client (client).");
        _waits = meter.CreateHistogram(
            "edgeproxy.queue.duration",
            "s",
            "Waits of requests for their turn with the app, by end (Granted: they had it).",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] });

        IEnumerable<Measurement<int>> Each(Func<SlotPlaces, int> read) => apps.Slots
            .Where(slot => slot.Places is not null && slot.Places.Limit < int.MaxValue)
            .Select(slot => new Measurement<int>(read(slot.Places!), MetricTags.Of(slot.App), MetricTags.Of(slot.Name)));
    }

    /// <summary>Notes the end of a wait.</summary>
    public void Waited(AppIdentity app, PlaceEnd end, TimeSpan duration) =>
        _waits.Record(duration.TotalSeconds, MetricTags.Of(app), new("end", end.ToString()));

    private static IEnumerable<Measurement<long>> Refused(ProxiedApp app) => app.Places is null ? [] :
    [
        Of(app, PlaceEnd.TimedOut, "timeout"),
        Of(app, PlaceEnd.Full, "full"),
        Of(app, PlaceEnd.ClientFull, "client"),
    ];

    private static Measurement<long> Of(ProxiedApp app, PlaceEnd end, string reason) =>
        new(app.Places!.Refused(end), MetricTags.Of(app.Identity), new KeyValuePair<string, object?>("reason", reason));
}
