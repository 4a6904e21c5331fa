using System.Runtime.CompilerServices;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>How the end of a response's body is known (RFC 9112 section 6.3).</summary>
internal enum ResponseFraming
{
    None,
    Length,
    Chunked,
    UntilClose,

    /// <summary>The connection speaks another protocol from here on (101).</summary>
    Upgraded,
}

/// <summary>The body of a response, read from its connection. At its framed end the connection is free, whatever the reader still does; disposed before, it is
/// closed.</summary>
internal sealed class ResponseBody(UpstreamExchange exchange, HttpResponseMessage response, ResponseFraming framing, long length) : AsyncStream
{
    /// <summary>Less than this is received into the connection's own buffer, with the framing around it.</summary>
    private const int WorthReceivingAlone = 16 * 1024;

    /// <summary>The forwarder's buffer, and what Kestrel takes of a response before it makes the writer wait.</summary>
    private const int ShortLength = 64 * 1024;

    private readonly UpstreamConnection _connection = exchange.Connection;
    private ChunkedReader _chunks;
    private long _remaining = length;
    private bool _isOver;
    private bool _isBroken;

    /// <summary>What is shorter is read in one piece where it comes in one; its last byte is read before anybody waits for the client.</summary>
    public bool IsLong => !_isOver && (framing is ResponseFraming.Chunked or ResponseFraming.UntilClose || _remaining > ShortLength);

    /// <summary>Nothing is to be read: the exchange is over before anybody looks.</summary>
    public void CompleteEmpty()
    {
        _isOver = true;
        exchange.Complete(isRead: false);
    }

    /// <remarks>
    /// An empty <paramref name="buffer"/> asks to be told when there is something. That is done where a stream may be silent for long, so that nobody holds a
    /// buffer meanwhile; what has a length is on its way, and a system call more for each piece would be all that it brings.
    /// </remarks>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isOver || (buffer.IsEmpty && (framing == ResponseFraming.Length || _connection.HasBuffered)))
        {
            return ValueTask.FromResult(0);
        }

        if (buffer.IsEmpty)
        {
            return WaitAsync(cancellationToken);
        }

        if (framing == ResponseFraming.Length && _connection.HasBuffered)
        {
            return ValueTask.FromResult(TakeOfLength(CopyBuffered(buffer.Span, _remaining)));
        }

        return ReadMoreAsync(buffer, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _isOver = true;
            exchange.GiveUp(_isBroken); // nothing, where it has been completed
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> WaitAsync(CancellationToken cancellationToken)
    {
        _connection.ReleaseBuffer();
        return await ReceiveAsync(default, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadMoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        switch (framing)
        {
            case ResponseFraming.Length:
                var wanted = (int)Math.Min(buffer.Length, _remaining);
                return TakeOfLength(await ReceiveAsync(buffer[..wanted], cancellationToken) is > 0 and var count ? count : throw Truncated());
            case ResponseFraming.Chunked:
                return await ReadChunksAsync(buffer, cancellationToken);
            default:
                return await ReadUntilCloseAsync(buffer, cancellationToken);
        }
    }

    private int TakeOfLength(int count)
    {
        _remaining -= count;
        if (_remaining == 0)
        {
            Complete();
        }

        return count;
    }

    private async ValueTask<int> ReadUntilCloseAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_connection.HasBuffered)
        {
            return CopyBuffered(buffer.Span, buffer.Length);
        }

        var count = await ReceiveAsync(buffer, cancellationToken);
        if (count == 0)
        {
            Complete(mayBeReused: false);
        }

        return count;
    }

    private async ValueTask<int> ReadChunksAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            var count = TakeBufferedChunks(buffer.Span);
            if (count > 0 || _isOver)
            {
                return count;
            }

            if (_chunks.Remaining >= WorthReceivingAlone && !_connection.HasBuffered)
            {
                var wanted = (int)Math.Min(buffer.Length, _chunks.Remaining);
                count = await ReceiveAsync(buffer[..wanted], cancellationToken) is > 0 and var received ? received : throw Truncated();
                _chunks.Take(count);
                return count;
            }

            await FillAsync(cancellationToken);
        }
    }

    /// <summary>Data of as many chunks as are there.</summary>
    private int TakeBufferedChunks(Span<byte> buffer)
    {
        var total = 0;
        while (true)
        {
            if (_chunks.Remaining > 0)
            {
                var count = CopyBuffered(buffer[total..], _chunks.Remaining);
                _chunks.Take(count);
                total += count;
                if (_chunks.Remaining > 0)
                {
                    return total;
                }
            }

            if (_chunks.IsBehindLastChunk)
            {
                CompleteWithTrailers();
                return total;
            }

            var framing = _chunks.ReadSize(_connection.Buffered);
            if (framing <= 0)
            {
                return framing == 0 ? total : throw Invalid("Invalid chunk.");
            }

            _connection.Consume(framing);
        }
    }

    private void CompleteWithTrailers()
    {
        var length = ChunkedReader.FindEndOfTrailers(_connection.Buffered);
        if (length == 0)
        {
            if (ChunkedReader.HasBareLineFeed(_connection.Buffered))
            {
                throw Invalid("Invalid trailers.");
            }

            return;
        }

        if (length > 2 && !ResponseHeadParser.ParseTrailers(_connection.Buffered[..length], response.TrailingHeaders))
        {
            throw Invalid("Invalid trailers.");
        }

        _connection.Consume(length);
        Complete();
    }

    private int CopyBuffered(Span<byte> buffer, long limit)
    {
        var buffered = _connection.Buffered;
        var count = (int)Math.Min(Math.Min(buffer.Length, buffered.Length), limit);
        buffered[..count].CopyTo(buffer);
        _connection.Consume(count);
        return count;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        int count;
        try
        {
            count = await _connection.FillAsync(ResponseHeadParser.MaxSize, exchange.ReadToken(cancellationToken));
        }
        catch (IOException broken) when (exchange.Over.IsCancellationRequested)
        {
            throw new OperationCanceledException(broken.Message, broken, exchange.Over);
        }

        if (count <= 0)
        {
            throw count == 0 ? Truncated() : Invalid("A chunk's size or the trailers are too long.");
        }
    }

    private async ValueTask<int> ReceiveAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            return await _connection.ReceiveAsync(destination, exchange.ReadToken(cancellationToken));
        }
        catch (IOException broken) when (exchange.Over.IsCancellationRequested)
        {
            throw new OperationCanceledException(broken.Message, broken, exchange.Over);
        }
    }

    private void Complete(bool mayBeReused = true)
    {
        _isOver = true;
        exchange.Complete(mayBeReused);
    }

    private HttpIOException Invalid(string problem)
    {
        _isBroken = true;
        return new HttpIOException(HttpRequestError.InvalidResponse, problem);
    }

    private static HttpIOException Truncated() => new(HttpRequestError.ResponseEnded, "The connection ended in the middle of the response.");
}
