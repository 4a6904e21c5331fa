using System.Net;

namespace EdgeProxy.Proxying;

/// <summary>The peers whose <c>X-Forwarded-*</c> are believed.</summary>
/// <param name="networks">CIDRs or single addresses; valid ones, the settings have been checked.</param>
internal sealed class TrustedProxies(IEnumerable<string> networks)
{
    private readonly IPNetwork[] _networks = [.. networks.Select(Parse)];

    public bool Contains(IPAddress? peer)
    {
        if (peer is null || _networks.Length == 0)
        {
            return false;
        }

        var address = peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer;
        foreach (var network in _networks)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    private static IPNetwork Parse(string text) => IPAddress.TryParse(text, out var single)
        ? new IPNetwork(single, single.GetAddressBytes().Length * 8)
        : IPNetwork.Parse(text);
}
