using EdgeProxy.Configuration;
using EdgeProxy.Proxying.Spooling;

namespace EdgeProxy.Proxying;

/// <summary><c>Upstream</c>.</summary>
internal static class UpstreamRules
{
    private const int MostPlaces = 100_000;

    public static void Check(SettingsScope at, UpstreamOptions upstream)
    {
        at.Range(nameof(upstream.ConnectTimeout), upstream.ConnectTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        at.Range(nameof(upstream.ActivityTimeout), upstream.ActivityTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        at.Range(nameof(upstream.StreamActivityTimeout), upstream.StreamActivityTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        at.Range(nameof(upstream.HoldTimeout), upstream.HoldTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        at.Range(nameof(upstream.MaxHeldRequests), upstream.MaxHeldRequests, 0, 1_000_000);
        at.Range(nameof(upstream.QueueTimeout), upstream.QueueTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        CheckPlaces(at, upstream);
        at.Range(nameof(upstream.IdleConnectionTimeout), upstream.IdleConnectionTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        if (upstream.ServerKeepAlive is { } keepAlive)
        {
            at.Range(nameof(upstream.ServerKeepAlive), keepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
            if (keepAlive < 2 * upstream.IdleConnectionTimeout)
            {
                at.Warn(
                    nameof(upstream.ServerKeepAlive),
                    $"is less than twice IdleConnectionTimeout ({SettingsLeaf.Written(upstream.IdleConnectionTimeout)}): requests with a body use a new " +
                        "connection each, as if it were not set");
            }
        }

        BufferingRules.Check(at.In(nameof(upstream.Buffering)), upstream.Buffering);
        if (upstream.MaxRequestBodySize < 0)
        {
            at.Error(nameof(upstream.MaxRequestBodySize), "must be a number of bytes, 0 or more, or null for no limit");
        }
    }

    private static void CheckPlaces(SettingsScope at, UpstreamOptions upstream)
    {
        if (upstream.MaxConcurrent is { } places)
        {
            at.Range(nameof(upstream.MaxConcurrent), places, 1, MostPlaces);
        }

        if (upstream.MaxConcurrentPerClient is { } perClient)
        {
            at.Range(nameof(upstream.MaxConcurrentPerClient), perClient, 1, MostPlaces);
        }
    }
}
