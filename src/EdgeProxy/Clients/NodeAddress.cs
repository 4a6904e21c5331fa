using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Clients;

/// <summary>Addresses as proxies write them: with or without a port, IPv6 with or without brackets (RFC 7239 section 6).</summary>
internal static class NodeAddress
{
    /// <summary>The one form in which an address is compared, logged and forwarded: IPv4 as IPv4, IPv6 without the zone of this machine's interface.</summary>
    [return: NotNullIfNotNull(nameof(address))]
    public static IPAddress? Normalize(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 })
        {
            return address;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        return address.ScopeId == 0 ? address : new IPAddress(address.GetAddressBytes());
    }

    /// <summary>Reads <c>192.0.2.1</c>, <c>192.0.2.1:4711</c>, <c>2001:db8::1</c>, <c>[2001:db8::1]</c> and <c>[2001:db8::1]:4711</c>.</summary>
    /// <param name="port">0: none is given, or it is obfuscated (RFC 7239 section 6.3).</param>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address, out int port)
    {
        (address, port) = (null, 0);
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']');
            return end > 0 && TryParsePort(text[(end + 1)..], out port) && TryParseIPv6(text[1..end], out address);
        }

        var colon = text.IndexOf(':');
        return colon < 0 || text[(colon + 1)..].Contains(':')
            ? TryParseIPv4(text, out address) || TryParseIPv6(text, out address)
            : TryParsePort(text[colon..], out port) && TryParseIPv4(text[..colon], out address);
    }

    /// <summary>
    /// Only four decimal numbers: <c>10.1</c>, <c>0x7f.1</c> and <c>010.0.0.1</c>, which <see cref="IPAddress"/> reads, mean different addresses to
    /// different readers.
    /// </summary>
    private static bool TryParseIPv4(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        Span<char> canonical = stackalloc char[15];
        if (IPAddress.TryParse(text, out address) && address.AddressFamily == AddressFamily.InterNetwork
            && address.TryFormat(canonical, out var length) && text.SequenceEqual(canonical[..length]))
        {
            return true;
        }

        address = null;
        return false;
    }

    private static bool TryParseIPv6(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        var zone = text.IndexOf('%');
        text = zone < 0 ? text : text[..zone];
        address = null;
        if (!text.ContainsAny('[', '/') && IPAddress.TryParse(text, out var parsed) && parsed.AddressFamily == AddressFamily.InterNetworkV6)
        {
            address = Normalize(parsed);
        }

        return address is not null;
    }

    /// <param name="text">Empty, or a colon and the port.</param>
    private static bool TryParsePort(ReadOnlySpan<char> text, out int port)
    {
        port = 0;
        return text.IsEmpty || (text[0] == ':' && (text[1..].StartsWith('_') || HostHeader.TryParsePort(text[1..], out port)));
    }
}
