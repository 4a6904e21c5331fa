using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>What became of requests to the public side.</summary>
internal sealed class RequestMetrics : InstrumentSet
{
    /// <summary>The name of the instrument that has a series for each status code.</summary>
    public const string Requests = "edgeproxy.requests";

    private static readonly KeyValuePair<string, object?> _connection = new("scope", "connection");
    private static readonly KeyValuePair<string, object?> _stream = new("scope", "stream");

    private readonly RequestCounts _counts;
    private readonly Histogram<double> _durations;
    private long _http2Connections;
    private long _http2Streams;

    /// <param name="apps">All of them.</param>
    /// <param name="log">Null: there is none.</param>
    public RequestMetrics(Meter meter, IReadOnlyList<AppIdentity> apps, AccessLog? log, ServerLog server)
    {
        _counts = new RequestCounts(apps);
        meter.CreateObservableCounter(
            Requests,
            _counts.Requests,
            "{request}",
            "Requests that have ended, by the app and the slot that responded (none: no slot was asked), method and status code (499: the client left).");
        _durations = meter.CreateHistogram(
            "edgeproxy.request.duration",
            "s",
            "From the head of a request to the end of its response, by app, slot and class.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] });
        meter.CreateObservableCounter(
            "edgeproxy.response.body",
            _counts.Bytes,
            "By",
            "Bytes of responses as they were sent, compressed ones compressed; what WebSockets carry is not in it.");
        meter.CreateObservableCounter(
            "edgeproxy.http2.errors", Http2Errors, "{error}",
            "HTTP/2 that was malformed, by what the server ended for it: the stream or the whole connection.");
        meter.CreateObservableCounter(
            "edgeproxy.server_log.suppressed", () => server.Suppressed, "{event}", "Events of client connections that were left out of the log.");
        if (log is not null)
        {
            meter.CreateObservableCounter(
                "edgeproxy.access_log.suppressed",
                () => log.Suppressed,
                "{line}",
                "Lines of refused and aborted requests that were left out of the access log: there were too many a second.");
            meter.CreateObservableCounter(
                "edgeproxy.access_log.dropped", () => log.Dropped, "{line}", "Lines of the access log that were lost: its output was too slow, or failed.");
        }
    }

    /// <summary>Counts HTTP/2 that was malformed.</summary>
    /// <param name="isConnection">The whole connection was ended; otherwise a stream.</param>
    public void Http2Failed(bool isConnection) => Interlocked.Increment(ref isConnection ? ref _http2Connections : ref _http2Streams);

    public void Record(in RequestRecord request)
    {
        var lease = request.Forwarded?.Lease;
        var slot = lease?.Slot;
        _counts.Add(slot, request.Context.Request.Method, request.Status, request.BytesSent);
        _durations.Record(
            request.Duration.TotalSeconds,
            slot is null ? MetricTags.NoApp : MetricTags.Of(slot.App),
            slot is null ? MetricTags.NoSlot : MetricTags.Of(slot.Name),
            MetricTags.Of(lease?.Class ?? LeaseClass.Http));
    }

    private IEnumerable<Measurement<long>> Http2Errors() =>
        [new(Interlocked.Read(ref _http2Connections), _connection), new(Interlocked.Read(ref _http2Streams), _stream)];
}
