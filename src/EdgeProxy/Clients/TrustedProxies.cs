using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Clients;

/// <summary>The peers whose <c>X-Forwarded-*</c> and <c>Forwarded</c> are believed (<c>EdgeProxy:TrustedProxies</c>).</summary>
internal sealed class TrustedProxies
{
    /// <summary>The entry for peers on a Unix socket, which have no address; nginx has the same word (<c>set_real_ip_from unix:</c>).</summary>
    public const string UnixSocket = "unix:";

    private readonly IPNetwork[] _networks;
    private readonly bool _trustsUnixSockets;

    /// <param name="entries">Valid ones, the settings have been checked.</param>
    public TrustedProxies(IReadOnlyCollection<string> entries)
    {
        _trustsUnixSockets = entries.Contains(UnixSocket, StringComparer.OrdinalIgnoreCase);
        _networks = [.. entries.Select(entry => TryParse(entry, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>()];
    }

    /// <param name="peer">As <see cref="NodeAddress.Normalize"/> returns it; null: it came through a Unix socket.</param>
    public bool Contains(IPAddress? peer)
    {
        if (peer is null)
        {
            return _trustsUnixSockets;
        }

        foreach (var network in _networks)
        {
            if (network.Contains(peer))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a network or a single address. IPv4 in its IPv6 form (<c>::ffff:10.0.0.0/104</c>) is IPv4, as peers are.</summary>
    public static bool TryParse(string text, out IPNetwork network)
    {
        if (IPAddress.TryParse(text, out var address) && NodeAddress.Normalize(address) is { } single)
        {
            network = new IPNetwork(single, single.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
            return true;
        }

        if (!IPNetwork.TryParse(text, out network))
        {
            return false;
        }

        if (network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= 96)
        {
            network = new IPNetwork(network.BaseAddress.MapToIPv4(), network.PrefixLength - 96);
        }

        return true;
    }
}
