using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Clients;

/// <summary>What counts as one client where clients are counted: an IPv4 address, or the /64 of an IPv6 address.</summary>
/// <remarks>
/// A network of one subscriber is a /64 or larger (RFC 6177), and its hosts change their addresses in it as they like (RFC 8981): counted one by one, each
/// client could be as many as it wants.
/// </remarks>
internal readonly record struct ClientKey
{
    /// <summary>Above any IPv4 address, so that none is taken for the network <c>::/64</c>.</summary>
    private const ulong IsIPv4 = 1UL << 32;

    private readonly ulong _network;
    private readonly ulong _address;

    private ClientKey(ulong network, ulong address) => (_network, _address) = (network, address);

    /// <param name="address">The client's, as <see cref="ClientIdentification"/> has found it.</param>
    /// <returns>Null: it has none, as it has come through a Unix socket.</returns>
    public static ClientKey? Of(IPAddress? address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address?.TryWriteBytes(bytes, out _) != true)
        {
            return null;
        }

        return address.AddressFamily == AddressFamily.InterNetwork ? OfIPv4(bytes)
            : address.IsIPv4MappedToIPv6 ? OfIPv4(bytes[12..])
            : new ClientKey(BinaryPrimitives.ReadUInt64BigEndian(bytes), 0);

        static ClientKey OfIPv4(ReadOnlySpan<byte> bytes) => new(0, IsIPv4 | BinaryPrimitives.ReadUInt32BigEndian(bytes));
    }

    /// <summary>Writes what tells it from any other client.</summary>
    /// <param name="bytes">16 bytes.</param>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, _network);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], _address);
    }

    /// <summary>Seeded by the process: nobody outside can choose addresses that fall together.</summary>
    public override int GetHashCode() => HashCode.Combine(_network, _address);
}
