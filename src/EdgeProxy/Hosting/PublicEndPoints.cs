using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Hosting;

/// <summary>Where <c>Kestrel:Endpoints</c> listens. Sockets that systemd hands over are not among them.</summary>
/// <param name="All">IPv4 and IPv6 where the settings name no address (<c>*</c>). Empty: nothing is set, or nothing that can be read.</param>
internal sealed record PublicEndPoints(IReadOnlyList<IPEndPoint> All)
{
    public static PublicEndPoints Of(IConfiguration configuration) => new(
        [.. configuration.GetSection("Kestrel:Endpoints").GetChildren().SelectMany(endpoint => Read(endpoint["Url"]))]);

    /// <summary>Whether a server at this address is this one.</summary>
    public bool Serve(string host, int port) => All.Any(endPoint => endPoint.Port == port && Addresses(host).Any(address => Takes(endPoint.Address, address)));

    /// <summary>Whether an address is one of this machine: nothing else can be bound to.</summary>
    public static bool IsHere(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode != SocketError.AddressNotAvailable;
        }
    }

    private static bool Takes(IPAddress listening, IPAddress asked) => listening.Equals(asked)
        || (listening.AddressFamily == asked.AddressFamily && (listening.Equals(IPAddress.Any) || listening.Equals(IPAddress.IPv6Any)) && IsHere(asked));

    /// <summary>No name is looked up but the one that all machines know.</summary>
    private static IPAddress[] Addresses(string host) => IPAddress.TryParse(host.Trim('[', ']'), out var address) ? [address]
        : host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [];

    /// <summary>What is no address is reported by <see cref="KestrelRules"/>.</summary>
    private static IPEndPoint[] Read(string? url)
    {
        try
        {
            var address = url is null ? null : BindingAddress.Parse(url);
            return address is null or { IsUnixPipe: true } ? []
                : Addresses(address.Host) is { Length: > 0 } known ? [.. known.Select(own => new IPEndPoint(own, address.Port))]
                : [new IPEndPoint(IPAddress.Any, address.Port), new IPEndPoint(IPAddress.IPv6Any, address.Port)];
        }
        catch (FormatException)
        {
            return [];
        }
    }
}
