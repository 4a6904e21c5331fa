using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.StaticFiles;

/// <summary>How the memory of static files fares.</summary>
internal sealed class StaticFilesMetrics : InstrumentSet
{
    public StaticFilesMetrics(Meter meter, StaticFileCache cache)
    {
        meter.CreateObservableCounter(
            "edgeproxy.static_files.cache.hits", () => cache.Statistics.TotalHits, "{lookup}", "Looks for a static file that found it in memory.");
        meter.CreateObservableCounter(
            "edgeproxy.static_files.cache.misses", () => cache.Misses, "{lookup}", "Looks for a static file that had to go to the disk.");
        meter.CreateObservableGauge(
            "edgeproxy.static_files.cache.size", () => cache.Statistics.CurrentEstimatedSize ?? 0, "By", "Memory that static files take.");
    }
}
