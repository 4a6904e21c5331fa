using System.Buffers;
using System.Globalization;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Writes the body of a request to the app, each piece when it comes: as it is where its length is known, in chunks otherwise (RFC 9112 section
/// 7.1).</summary>
/// <param name="connection">Sent on by this flow only.</param>
/// <param name="head">Not sent yet, at the beginning of <paramref name="block"/>: it goes out with the first piece. 0: it is out.</param>
/// <param name="block">Owned by this writer.</param>
/// <param name="length">Of the body; null: not known.</param>
/// <param name="observer">Is told when the last of it has come; null: nobody asks.</param>
internal sealed class RequestBodyWriter(
    UpstreamConnection connection, IMemoryOwner<byte> block, int head, long? length, ForwardedRequest? observer) : AsyncStream
{
    /// <summary>Up to eight digits of a size, CR LF.</summary>
    private const int LongestChunkHead = 10;

    private long _written;
    private int _pending = head;
    private volatile bool _isWhole;
    private volatile bool _isOver;

    public override bool CanRead => false;

    public override bool CanWrite => true;

    /// <summary>The last byte has been handed to the kernel. A connection on which that has failed is not used again.</summary>
    public bool IsWhole => _isWhole;

    /// <summary>The app reads no more: its end of the connection is closed.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Nothing is sent any more, whether the body is whole or not.</summary>
    public bool IsOver => _isOver;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return;
        }

        _written += buffer.Length;
        if (length is null)
        {
            await WriteChunksAsync(buffer);
            return;
        }

        if (_written > length)
        {
            throw new IOException("The body of the request is longer than its Content-Length."); // the app would take the rest for another request
        }

        if (_written == length)
        {
            observer?.Complete(); // before it is sent: the app may respond at once
        }

        if (_pending > 0)
        {
            buffer = buffer[Append(buffer)..];
            _isWhole = _written == length && buffer.IsEmpty;
            await SendPendingAsync();
        }

        _isWhole = _written == length;
        await SendAsync(buffer);
    }

    /// <summary>The whole body was written.</summary>
    /// <exception cref="IOException">It is shorter than its Content-Length.</exception>
    public async ValueTask CompleteAsync()
    {
        if (length is null)
        {
            "0\r\n\r\n"u8.CopyTo(block.Memory.Span[_pending..]);
            _pending += 5;
            _isWhole = true;
            observer?.Complete();
        }
        else if (_written < length)
        {
            throw new IOException("The body of the request is shorter than its Content-Length.");
        }

        await SendPendingAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isOver)
        {
            _isOver = true;
            block.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Append(ReadOnlyMemory<byte> bytes)
    {
        var room = block.Memory.Span[_pending..];
        var count = Math.Min(room.Length, bytes.Length);
        bytes.Span[..count].CopyTo(room);
        _pending += count;
        return count;
    }

    private async ValueTask WriteChunksAsync(ReadOnlyMemory<byte> data)
    {
        while (data.Length > 0)
        {
            var room = block.Memory.Length - _pending - LongestChunkHead - 2;
            if (room <= 0)
            {
                await SendPendingAsync();
                continue;
            }

            var count = Math.Min(room, data.Length);
            AppendChunk(data.Span[..count]);
            data = data[count..];
            await SendPendingAsync();
        }
    }

    private void AppendChunk(ReadOnlySpan<byte> data)
    {
        var span = block.Memory.Span;
        data.Length.TryFormat(span[_pending..], out var digits, "x", CultureInfo.InvariantCulture);
        _pending += digits;
        "\r\n"u8.CopyTo(span[_pending..]);
        data.CopyTo(span[(_pending + 2)..]);
        _pending += 2 + data.Length;
        "\r\n"u8.CopyTo(span[_pending..]);
        _pending += 2;
    }

    private async ValueTask SendPendingAsync()
    {
        if (_pending > 0)
        {
            var pending = block.Memory[.._pending];
            _pending = 0;
            await SendAsync(pending);
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await connection.SendAsync(bytes);
        }
        catch (IOException)
        {
            _isWhole = false;
            HasFailed = true;
            throw;
        }
    }
}
