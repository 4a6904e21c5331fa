using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Clients;

/// <summary>The value of <c>Host</c> (RFC 9110 section 7.2): a name or an address, and a port.</summary>
internal static class HostHeader
{
    /// <summary>Of names and addresses that are in use. RFC 3986 allows more, which no client sends and which may mean something elsewhere.</summary>
    private static readonly SearchValues<char> _usual = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]");

    /// <summary>Takes the dot of the root from the name: <c>example.com.:8080</c> is <c>example.com:8080</c>.</summary>
    /// <param name="host">The server has checked its characters.</param>
    /// <param name="normalized">The same object where there is nothing to take away.</param>
    /// <returns>False: there is no name, a label of it is empty at its end, or the port is not one.</returns>
    public static bool TryNormalize(string host, [NotNullWhen(true)] out string? normalized)
    {
        normalized = null;
        var end = host.StartsWith('[') ? host.IndexOf(']') + 1 : host.IndexOf(':');
        end = end < 0 ? host.Length : end;
        var port = host.AsSpan(end);
        if (end == 0 || (!port.IsEmpty && (port[0] != ':' || (port.Length > 1 && !TryParsePort(port[1..], out _)))))
        {
            return false;
        }

        if (host[end - 1] != '.')
        {
            normalized = host;
            return true;
        }

        if (end == 1 || host[end - 2] == '.')
        {
            return false;
        }

        normalized = host.Remove(end - 1, 1);
        return true;
    }

    /// <summary>Reads a host that came in a field whose characters the server has not checked.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out string? normalized)
    {
        normalized = null;
        return !text.AsSpan().ContainsAnyExcept(_usual) && IsDecodable(text) && TryNormalize(text, out normalized);
    }

    /// <summary>Whether <see cref="HttpRequest.Host"/> can be asked for: it decodes names such as <c>xn--bcher-kva.example</c>, and throws where they are
    /// none.</summary>
    public static bool IsDecodable(string host)
    {
        if (!host.Contains("xn--", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        try
        {
            return HostString.FromUriComponent(host).HasValue;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>An address as it stands in a host: IPv6 in brackets.</summary>
    public static string Of(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();

    /// <summary>Reads an address as it stands in a host, IPv6 also without brackets. IPv4 has its four numbers: 127.1 is a name.</summary>
    public static bool TryParseAddress(string text, [NotNullWhen(true)] out IPAddress? address) =>
        IPAddress.TryParse(text.Trim('[', ']'), out address) && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == text);

    /// <summary>Digits alone, up to 65535.</summary>
    public static bool TryParsePort(ReadOnlySpan<char> text, out int port)
    {
        port = 0;
        return text.Length is > 0 and <= 5
            && !text.ContainsAnyExceptInRange('0', '9')
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port <= ushort.MaxValue;
    }
}
