using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>What the bodies that wait use, and for how many there was no room.</summary>
internal sealed class SpoolMetrics : InstrumentSet
{
    private static readonly KeyValuePair<string, object?> _memory = new("place", "memory");
    private static readonly KeyValuePair<string, object?> _disk = new("place", "disk");
    private static readonly KeyValuePair<string, object?> _quota = new("reason", "quota");
    private static readonly KeyValuePair<string, object?> _error = new("reason", "error");

    public SpoolMetrics(Meter meter, ProxiedApps apps)
    {
        meter.CreateObservableGauge(
            "edgeproxy.spool.used", () =>
                Each(store => [(store.Memory.Used, _memory), (store.DiskSpace.Used, _disk)]), "By", "Bodies that wait now, in memory and in files.");
        meter.CreateObservableCounter(
            "edgeproxy.spool.files",
            () => apps.All.Select(app => new Measurement<long>(app.Spool.Files, MetricTags.Of(app.Identity))),
            "{file}",
            "Bodies of slow clients that went to a file.");
        meter.CreateObservableCounter(
            "edgeproxy.spool.refused",
            () => Each(store => [(store.Failures(SpoolFailure.Quota), _quota), (store.Failures(SpoolFailure.Disk), _error)]),
            "{body}",
            "Bodies that were passed on as they came, for want of room: the quota is used up, or the disk does not take them (error).");

        IEnumerable<Measurement<long>> Each(Func<SpoolStore, (long Value, KeyValuePair<string, object?> Tag)[]> read) =>
            apps.All.SelectMany(app => read(app.Spool), (app, one) => new Measurement<long>(one.Value, MetricTags.Of(app.Identity), one.Tag));
    }
}
