using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>What became of requests to the public side.</summary>
internal sealed class RequestMetrics : InstrumentSet
{
    private readonly RequestCounts _counts = new();
    private readonly Histogram<double> _durations;

    /// <param name="log">Null: there is none.</param>
    public RequestMetrics(Meter meter, AccessLog? log)
    {
        meter.CreateObservableCounter("edgeproxy.requests", _counts.Requests, "{request}", "Requests that have ended, by the slot that answered (none: no slot was asked), method and status code (499: the client left).");
        _durations = meter.CreateHistogram(
            "edgeproxy.request.duration",
            "s",
            "From the head of a request to the end of its answer, by slot and class.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] });
        meter.CreateObservableCounter("edgeproxy.response.body", _counts.Bytes, "By", "Bytes of answers as they were sent, compressed ones compressed; what WebSockets carry is not in it.");
        if (log is not null)
        {
            meter.CreateObservableCounter("edgeproxy.access_log.dropped", () => log.Dropped, "{line}", "Lines of the access log that were lost: its output was too slow, or failed.");
        }
    }

    public void Record(in RequestRecord request)
    {
        var lease = request.Forwarded?.Lease;
        var slot = lease?.Slot.Name;
        _counts.Add(slot, request.Context.Request.Method, request.Status, request.BytesSent);
        _durations.Record(request.Duration.TotalSeconds, slot is { } name ? MetricTags.Of(name) : MetricTags.NoSlot, MetricTags.Of(lease?.Class ?? LeaseClass.Http));
    }
}
