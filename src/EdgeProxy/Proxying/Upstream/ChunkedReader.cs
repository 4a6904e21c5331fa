using System.Buffers.Text;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Finds data, the end and the trailers in a chunked body (RFC 9112 section 7.1) that comes in any pieces. Lines end with CR LF; extensions are
/// dropped.</summary>
internal struct ChunkedReader
{
    private const int LongestSize = 15; // hexadecimal digits: below 2^60

    private bool _isBehindData;

    /// <summary>How much of the current chunk's data has not been taken yet.</summary>
    public long Remaining { get; private set; }

    /// <summary>The last chunk has come: what follows are the trailers.</summary>
    public bool IsBehindLastChunk { get; private set; }

    /// <summary>Looks for the next data. Called while <see cref="Remaining"/> is 0 and the last chunk has not come.</summary>
    /// <returns>How many bytes are framing and may be dropped; 0: more are needed. -1: this is no chunk.</returns>
    public int ReadSize(ReadOnlySpan<byte> received)
    {
        var begin = 0;
        if (_isBehindData)
        {
            if (!"\r\n"u8.StartsWith(received[..Math.Min(2, received.Length)]))
            {
                return -1;
            }

            begin = 2;
        }

        if (received.Length < begin)
        {
            return 0;
        }

        var line = received[begin..];
        var end = line.IndexOf((byte)'\n');
        if (end < 0)
        {
            return line.IsEmpty || char.IsAsciiHexDigit((char)line[0]) ? 0 : -1; // what is no size need not come to its end
        }

        if (end == 0 || line[end - 1] != '\r' || !TryReadSize(line[..(end - 1)], out var size))
        {
            return -1;
        }

        _isBehindData = true;
        Remaining = size;
        IsBehindLastChunk = size == 0;
        return begin + end + 1;
    }

    /// <summary>So much of the chunk's data has been taken.</summary>
    public void Take(int count) => Remaining -= count;

    /// <summary>The length of the trailers with their blank line; 0: it has not come yet.</summary>
    public static int FindEndOfTrailers(ReadOnlySpan<byte> received)
    {
        if (received.StartsWith("\r\n"u8))
        {
            return 2;
        }

        var at = received.IndexOf("\r\n\r\n"u8);
        return at < 0 ? 0 : at + 4;
    }

    /// <summary>Whether trailers have a line that ends with LF alone: their blank line would be waited for in vain.</summary>
    public static bool HasBareLineFeed(ReadOnlySpan<byte> received)
    {
        var at = received.IndexOf((byte)'\n');
        while (at > 0 && received[at - 1] == '\r')
        {
            var next = received[(at + 1)..].IndexOf((byte)'\n');
            at = next < 0 ? next : at + 1 + next;
        }

        return at >= 0;
    }

    private static bool TryReadSize(ReadOnlySpan<byte> line, out long size)
    {
        size = 0;
        if (line.Contains((byte)'\r'))
        {
            return false;
        }

        var semicolon = line.IndexOf((byte)';');
        var digits = (semicolon < 0 ? line : line[..semicolon]).TrimEnd(" \t"u8);
        return digits.Length is > 0 and <= LongestSize && Utf8Parser.TryParse(digits, out size, out var read, 'x') && read == digits.Length;
    }
}
