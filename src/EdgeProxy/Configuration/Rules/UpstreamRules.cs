using System.Net;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Upstream</c> and <c>TrustedProxies</c>.</summary>
internal static class UpstreamRules
{
    public static void Check(SettingsScope root, EdgeProxyOptions options)
    {
        var upstream = options.Upstream;
        var at = root.In(nameof(options.Upstream));
        at.Range(nameof(upstream.ConnectTimeout), upstream.ConnectTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        at.Range(nameof(upstream.ActivityTimeout), upstream.ActivityTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        at.Range(nameof(upstream.StreamActivityTimeout), upstream.StreamActivityTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        at.Range(nameof(upstream.HoldTimeout), upstream.HoldTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        at.Range(nameof(upstream.MaxHeldRequests), upstream.MaxHeldRequests, 0, 1_000_000);
        at.Range(nameof(upstream.IdleConnectionTimeout), upstream.IdleConnectionTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        if (upstream.ServerKeepAlive is { } keepAlive)
        {
            at.Range(nameof(upstream.ServerKeepAlive), keepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
            if (keepAlive < 2 * upstream.IdleConnectionTimeout)
            {
                at.Warn(
                    nameof(upstream.ServerKeepAlive),
                    $"is less than twice IdleConnectionTimeout ({SettingsLeaf.Written(upstream.IdleConnectionTimeout)}): requests with a body use a new connection each, as if it were not set");
            }
        }

        if (upstream.MaxRequestBodySize < 0)
        {
            at.Error(nameof(upstream.MaxRequestBodySize), "must be a number of bytes, 0 or more, or null for no limit");
        }

        root.Each(nameof(options.TrustedProxies), options.TrustedProxies, CheckTrustedProxy);
    }

    private static void CheckTrustedProxy(SettingsScope root, string key, string value)
    {
        if (IPNetwork.TryParse(value, out var network))
        {
            if (network.PrefixLength == 0)
            {
                root.Warn(key, "is the whole internet: any client can claim any address");
            }
        }
        else if (!IPAddress.TryParse(value, out _))
        {
            root.Error(key, "must be an IP address or a network such as 10.0.0.0/8");
        }
    }
}
