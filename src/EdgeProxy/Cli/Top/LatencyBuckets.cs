using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.Cli.Top;

/// <summary>The latency of ordinary requests by app and slot, from the text of <c>GET /metrics</c>.</summary>
internal sealed partial class LatencyBuckets
{
    private readonly Dictionary<(string App, string Slot), SortedDictionary<double, long>> _counts = [];

    /// <summary>Lines that mean nothing here are passed over.</summary>
    public static LatencyBuckets Read(string metrics)
    {
        var buckets = new LatencyBuckets();
        foreach (var line in metrics.Split('\n'))
        {
            if (!line.StartsWith("edgeproxy_request_duration_seconds_bucket{", StringComparison.Ordinal))
            {
                continue;
            }

            var labels = Label().Matches(line).ToDictionary(label => label.Groups[1].Value, label => label.Groups[2].Value);
            if (labels.GetValueOrDefault("class") == "http" && labels.TryGetValue("app", out var app) && labels.TryGetValue("slot", out var slot)
                && Bound(labels.GetValueOrDefault("le")) is { } bound
                && long.TryParse(Value().Match(line).Groups[1].Value, CultureInfo.InvariantCulture, out var count))
            {
                if (!buckets._counts.TryGetValue((app, slot), out var ofSlot))
                {
                    buckets._counts[(app, slot)] = ofSlot = [];
                }

                ofSlot[bound] = count;
            }
        }

        return buckets;
    }

    /// <summary>The latency that a share of the requests since an earlier reading did not exceed, interpolated within its bucket as Prometheus does
    /// (histogram_quantile).</summary>
    /// <returns>Seconds; null: there was no request.</returns>
    public double? Quantile(string app, string slot, double share, LatencyBuckets? since)
    {
        if (!_counts.TryGetValue((app, slot), out var now))
        {
            return null;
        }

        SortedDictionary<double, long>? then = null;
        since?._counts.TryGetValue((app, slot), out then);
        var counts = now.Select(bucket => (bucket.Key, Count: bucket.Value - (then?.GetValueOrDefault(bucket.Key) ?? 0))).ToArray();
        var rank = counts[^1].Count * share;
        if (counts[^1].Count <= 0)
        {
            return null;
        }

        var (lower, below) = (0d, 0L);
        foreach (var (bound, count) in counts)
        {
            if (count >= rank)
            {
                return double.IsPositiveInfinity(bound) ? lower : lower + ((bound - lower) * (rank - below) / Math.Max(1, count - below));
            }

            (lower, below) = (bound, count);
        }

        return lower;
    }

    private static double? Bound(string? text) =>
        text == "+Inf" ? double.PositiveInfinity : double.TryParse(text, CultureInfo.InvariantCulture, out var bound) ? bound : null;

    [GeneratedRegex("""(\w+)="([^"]*)"[,}]""")]
    private static partial Regex Label();

    /// <summary>After the labels; a timestamp may follow.</summary>
    [GeneratedRegex(@"\} (\d+)")]
    private static partial Regex Value();
}
