using EdgeProxy.Configuration;

namespace EdgeProxy.Clients;

/// <summary><c>TrustedProxies</c>.</summary>
internal static class TrustedProxiesRules
{
    /// <param name="root">What the list belongs to.</param>
    /// <param name="list">Its key.</param>
    /// <param name="proxies">Addresses, networks, and <c>unix:</c>.</param>
    public static void Check(SettingsScope root, string list, IReadOnlyList<string>? proxies) => root.Each(list, proxies, CheckTrustedProxy);

    private static void CheckTrustedProxy(SettingsScope root, string key, string value)
    {
        if (value.Equals(TrustedProxies.UnixSocket, StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        if (!TrustedProxies.TryParse(value, out var network))
        {
            root.Error(key, "must be an IP address or a network such as 10.0.0.0/8, or unix: for peers that connect through a Unix socket");
        }
        else if (network.PrefixLength == 0)
        {
            root.Error(
                key, "trusts every address, so any client could claim any other's: name the addresses of the proxies in front of this one, such as 10.0.0.0/8");
        }
    }
}
