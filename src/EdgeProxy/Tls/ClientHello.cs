using System.Buffers;
using System.Buffers.Binary;

namespace EdgeProxy.Tls;

/// <summary>Looks for <c>acme-tls/1</c> in the first message of a handshake, which the runtime does not tell (RFC 8446 section 4.1.2, RFC 7301 section
/// 3.1).</summary>
internal static class ClientHello
{
    private const int ClientHelloMessage = 1;
    private const int AlpnExtension = 16;

    private static ReadOnlySpan<byte> AcmeProtocol => "acme-tls/1"u8;

    /// <summary>Looks into a record that holds the whole message. False for whatever else it is given.</summary>
    public static bool OffersAcme(in ReadOnlySequence<byte> record)
    {
        if (record.Length is <= ClientHelloRecords.RecordHeader or > ClientHelloRecords.RecordHeader + ClientHelloRecords.MaxMessage)
        {
            return false;
        }

        var message = record.Slice(ClientHelloRecords.RecordHeader);
        return OffersAcme(message.IsSingleSegment ? message.FirstSpan : message.ToArray());
    }

    private static bool OffersAcme(ReadOnlySpan<byte> message)
    {
        var reader = new Reader(message);
        if (!reader.TryTake(4, out var head) || head[0] != ClientHelloMessage
            || !reader.TryTake(2 + 32, out _) // version and random
            || !reader.TryTakeVector(1, out _) // session
            || !reader.TryTakeVector(2, out _) // cipher suites
            || !reader.TryTakeVector(1, out _) // compression
            || !reader.TryTakeVector(2, out var extensions))
        {
            return false;
        }

        reader = new Reader(extensions);
        while (reader.TryTake(2, out var type) && reader.TryTakeVector(2, out var extension))
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(type) == AlpnExtension)
            {
                return HasAcme(extension);
            }
        }

        return false;
    }

    private static bool HasAcme(ReadOnlySpan<byte> extension)
    {
        var reader = new Reader(extension);
        if (!reader.TryTakeVector(2, out var names))
        {
            return false;
        }

        reader = new Reader(names);
        while (reader.TryTakeVector(1, out var name))
        {
            if (name.SequenceEqual(AcmeProtocol))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes bytes off the front, never more than are there.</summary>
    private ref struct Reader(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public bool TryTake(int count, out ReadOnlySpan<byte> taken)
        {
            if (count > _rest.Length)
            {
                taken = default;
                return false;
            }

            taken = _rest[..count];
            _rest = _rest[count..];
            return true;
        }

        /// <summary>A length of one or two bytes and as many bytes behind it.</summary>
        public bool TryTakeVector(int lengthSize, out ReadOnlySpan<byte> content)
        {
            content = default;
            return TryTake(lengthSize, out var length)
                && TryTake(lengthSize == 1 ? length[0] : BinaryPrimitives.ReadUInt16BigEndian(length), out content);
        }
    }
}
