using System.Net;

namespace EdgeProxy.Clients;

/// <summary>
/// What trusted proxies say of the way of a request, read from the right: each element was added by whom the element to its right names, the last one by
/// the peer. So it is believed up to the first address that is not trusted, which is the client's. What stands left of that anybody may have written.
/// </summary>
internal readonly struct ForwardedChain
{
    /// <summary>More trusted proxies in a row than anybody has. The last one that is read counts as the client then.</summary>
    public const int MaxHops = 32;

    /// <summary>From the right; the client is the last.</summary>
    private readonly List<IPAddress> _hops = [];

    private ForwardedChain(List<IPAddress> hops, int clientPort, string? scheme, string? host) =>
        (_hops, ClientPort, Scheme, Host) = (hops, clientPort, scheme, host);

    /// <summary>The address of the client; null: only unknown, obfuscated or malformed ones were said, and the peer is all that is known.</summary>
    public IPAddress? Client => _hops.Count > 0 ? _hops[^1] : null;

    /// <summary>0: not known.</summary>
    public int ClientPort { get; }

    /// <summary>As it was written; null: not said.</summary>
    public string? Scheme { get; }

    /// <summary>As it was written; null: not said.</summary>
    public string? Host { get; }

    /// <summary>Reads <c>X-Forwarded-For</c>, and of the other two lists the element that belongs to the client.</summary>
    public static ForwardedChain FromXForwarded(string addresses, string schemes, string hosts, TrustedProxies trusted)
    {
        List<IPAddress> hops = [];
        var clientPort = 0;
        var rest = addresses.AsSpan();
        while (hops.Count < MaxHops && CommaList.TakeLast(ref rest, out var element) && NodeAddress.TryParse(element, out var address, out var port))
        {
            hops.Add(address);
            clientPort = port;
            if (!trusted.Contains(address))
            {
                break;
            }
        }

        var place = Math.Max(hops.Count, 1);
        var isOfOneLength = CommaList.Count(schemes) == CommaList.Count(addresses);
        return new ForwardedChain(hops, clientPort, ElementFor(schemes, isOfOneLength ? place : int.MaxValue), ElementFor(hosts, place));
    }

    /// <summary>Reads <c>Forwarded</c> (RFC 7239), whose elements have an address, a scheme and a host each.</summary>
    public static ForwardedChain FromForwarded(string elements, TrustedProxies trusted)
    {
        List<IPAddress> hops = [];
        var clientPort = 0;
        ForwardedElement last = default;
        var rest = elements.AsSpan();
        while (hops.Count < MaxHops && CommaList.TakeLastQuoted(ref rest, out var text) && ForwardedElement.TryParse(text, out var element))
        {
            last = element; // a trusted one wrote it, even where it does not give the address away
            if (!NodeAddress.TryParse(element.For, out var address, out var port))
            {
                break;
            }

            hops.Add(address);
            clientPort = port;
            if (!trusted.Contains(address))
            {
                break;
            }
        }

        return new ForwardedChain(hops, clientPort, last.Proto, last.Host);
    }

    /// <summary>The client first, then the trusted proxies in the order in which the request passed them.</summary>
    /// <param name="peer">The last one; null: it has no address.</param>
    public string ToString(IPAddress? peer)
    {
        if (_hops.Count == 0)
        {
            return peer?.ToString() ?? ClientOrigin.UnixSocket;
        }

        var addresses = new List<string>(_hops.Count + 1);
        for (var i = _hops.Count - 1; i >= 0; i--)
        {
            addresses.Add(_hops[i].ToString());
        }

        if (peer is not null)
        {
            addresses.Add(peer.ToString());
        }

        return string.Join(", ", addresses);
    }

    /// <summary>The element at a place, or the first of a list that is shorter.</summary>
    /// <remarks>
    /// A proxy may set one value to which those behind it add none. What stands left of the client's place the client may have written: a host must not come
    /// from there. A scheme may, where the list is not as long as that of addresses, since proxies do add theirs to the first one's: it would be redirected in
    /// circles, and a client that lies about it deceives itself alone.
    /// </remarks>
    /// <param name="place">Counted from the right, from 1.</param>
    private static string? ElementFor(string list, int place)
    {
        ReadOnlySpan<char> found = default;
        var rest = list.AsSpan();
        for (; place > 0 && CommaList.TakeLast(ref rest, out var element); place--)
        {
            found = element;
        }

        return found.IsEmpty ? null : found.ToString();
    }
}
