using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>How often limits are exceeded. Absent where there is none.</summary>
internal sealed class RateLimitMetrics : InstrumentSet
{
    public RateLimitMetrics(Meter meter, ProxiedApps apps)
    {
        meter.CreateObservableCounter(
            "edgeproxy.rate_limit.exceeded",
            () => Each(limit => limit.Exceeded),
            "{request}",
            "Requests beyond a limit (RateLimits): refused with 429 (Enforce), or passed (Report).");
        meter.CreateObservableGauge(
            "edgeproxy.rate_limit.clients", () => Each(limit => (long)limit.Clients), "{client}", "Clients that a limit has a bucket for.");

        IEnumerable<Measurement<long>> Each(Func<RateLimit, long> read) => apps.All.Where(app => app.Limits is not null).SelectMany(
            app => app.Limits!.All,
            (app, limit) => new Measurement<long>(read(limit), MetricTags.Of(app.Identity), new("limit", limit.Name), new("mode", limit.Mode.ToString())));
    }
}
