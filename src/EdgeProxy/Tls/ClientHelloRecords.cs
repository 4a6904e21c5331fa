using System.Buffers;
using System.Buffers.Binary;

namespace EdgeProxy.Tls;

/// <summary>
/// Waits for the whole ClientHello, and joins one that comes in several records into one record. The boundaries of records mean nothing in a handshake
/// (RFC 8446 section 5.1) and are not part of what is signed, but SslStream looks for the server name in the first record only.
/// </summary>
internal sealed class ClientHelloRecords
{
    public const int RecordHeader = 5;

    /// <summary>RFC 8446 section 5.1: the longest record; here also the longest ClientHello, as it is to fit into one. Browsers send some 2 KB.</summary>
    public const int MaxMessage = 1 << 14;

    private const int HandshakeRecord = 22;
    private const int MessageHeader = 4;
    private const int ClientHelloMessage = 1;

    /// <summary>A record with what was taken so far; null: nothing was, the message may be all in one.</summary>
    private ArrayBufferWriter<byte>? _joined;

    /// <summary>The one record in place of several, once it is whole.</summary>
    public ReadOnlyMemory<byte> Joined { get; private set; }

    /// <summary>Looks at what has arrived. No byte is looked at twice but those of a record that is not whole yet, and of those five.</summary>
    /// <param name="rest">What has not been taken. Records are taken only of a message that goes on in the next one.</param>
    public ClientHelloProgress Read(ref ReadOnlySequence<byte> rest)
    {
        while (true)
        {
            if (!TryReadHeader(rest, out var length, out var progress))
            {
                return progress;
            }

            if (rest.Length < RecordHeader + length)
            {
                return ClientHelloProgress.NeedsMore;
            }

            if (_joined is null && IsWhole(rest.Slice(RecordHeader, length)))
            {
                return ClientHelloProgress.AsItCame;
            }

            Take(rest.Slice(0, RecordHeader + length));
            rest = rest.Slice(RecordHeader + length);
            if (TryEnd(out progress))
            {
                return progress;
            }
        }
    }

    private bool TryReadHeader(in ReadOnlySequence<byte> rest, out int length, out ClientHelloProgress otherwise)
    {
        Span<byte> header = stackalloc byte[RecordHeader];
        var arrived = (int)Math.Min(rest.Length, RecordHeader);
        rest.Slice(0, arrived).CopyTo(header);
        length = arrived < RecordHeader ? 0 : BinaryPrimitives.ReadUInt16BigEndian(header[3..]);
        var isOther = arrived > 0 && header[0] != HandshakeRecord;
        var isBroken = arrived == RecordHeader && length is 0 or > MaxMessage; // an empty one is forbidden (RFC 8446 section 5.1)
        otherwise = isOther || isBroken ? ClientHelloProgress.Broken : ClientHelloProgress.NeedsMore;
        return arrived == RecordHeader && !isOther && !isBroken;
    }

    /// <summary>Whether the first record has all of the message.</summary>
    private static bool IsWhole(in ReadOnlySequence<byte> content)
    {
        Span<byte> header = stackalloc byte[MessageHeader];
        content.Slice(0, Math.Min(content.Length, MessageHeader)).CopyTo(header);
        return header[0] == ClientHelloMessage && content.Length >= MessageHeader && content.Length >= LengthOf(header);
    }

    private void Take(in ReadOnlySequence<byte> record)
    {
        if (_joined is null)
        {
            _joined = new ArrayBufferWriter<byte>();
            record.Slice(0, RecordHeader).CopyTo(_joined.GetSpan(RecordHeader)); // its length follows in the end
            _joined.Advance(RecordHeader);
        }

        foreach (var piece in record.Slice(RecordHeader))
        {
            _joined.Write(piece.Span);
        }
    }

    private bool TryEnd(out ClientHelloProgress progress)
    {
        var message = _joined!.WrittenSpan[RecordHeader..];
        var needed = message.Length < MessageHeader ? MessageHeader : LengthOf(message);
        if (message.Length > MaxMessage || needed > MaxMessage || message[0] != ClientHelloMessage)
        {
            progress = ClientHelloProgress.Broken;
            return true;
        }

        progress = ClientHelloProgress.Joined;
        if (message.Length < needed)
        {
            return false;
        }

        var record = _joined.WrittenMemory.ToArray();
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(3), (ushort)message.Length);
        Joined = record;
        return true;
    }

    private static int LengthOf(ReadOnlySpan<byte> message) => MessageHeader + (BinaryPrimitives.ReadInt32BigEndian(message) & 0xFFFFFF);
}

/// <summary>How far a client's first message has come.</summary>
internal enum ClientHelloProgress
{
    NeedsMore,

    /// <summary>Whole in its one record.</summary>
    AsItCame,

    /// <summary>It is in <see cref="ClientHelloRecords.Joined"/>.</summary>
    Joined,

    /// <summary>It is no ClientHello and cannot become one, or it is too long.</summary>
    Broken,
}
