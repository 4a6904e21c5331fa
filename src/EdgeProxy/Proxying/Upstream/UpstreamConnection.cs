using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>One connection to a slot: a socket, and what has been received and not yet read.</summary>
/// <remarks>
/// It belongs to one <see cref="UpstreamExchange"/> at a time, or to <see cref="IdleConnections"/>. One flow receives, another may send beside it, and
/// <see cref="Abort"/> may come from anywhere. The receive buffer is held while bytes are due, and never returned to its pool while the kernel may
/// still write into it: the next owner's response would hold somebody else's bytes.
/// </remarks>
internal sealed class UpstreamConnection(Socket socket, IdleConnections home, MemoryPool<byte> buffers, int generation)
{
    private IMemoryOwner<byte>? _block;
    private int _start;
    private int _end;
    private bool _isReceiving;
    private int _closed;

    /// <summary>Which <see cref="IdleConnections.CloseAll"/> it has outlived: compared when it comes back.</summary>
    public int Generation => generation;

    /// <summary>It has carried a response already, so the app may be closing it.</summary>
    public bool IsReused { get; set; }

    /// <summary>When it became idle.</summary>
    public long IdleSince { get; set; }

    /// <summary>Received and not yet read.</summary>
    public ReadOnlySpan<byte> Buffered => _block is null ? default : _block.Memory.Span[_start.._end];

    public bool HasBuffered => _end > _start;

    /// <summary>Nothing has come since the last response, neither bytes nor an end. One poll(2).</summary>
    public bool IsQuiet()
    {
        try
        {
            return !socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Takes over a block from the pool, to receive into.</summary>
    public void UseBuffer(IMemoryOwner<byte> block)
    {
        ReleaseBuffer();
        _block = block;
    }

    public void Consume(int count) => _start += count;

    /// <summary>Receives at least one byte behind what is buffered.</summary>
    /// <param name="limit">How many bytes may be buffered. Up to one block costs nothing more.</param>
    /// <returns>The number of bytes; 0: the end of the stream. -1: <paramref name="limit"/> bytes are buffered already.</returns>
    public ValueTask<int> FillAsync(int limit, CancellationToken cancellationToken = default)
    {
        if (_end - _start >= limit)
        {
            return ValueTask.FromResult(-1);
        }

        MakeRoom(limit);
        var pending = ReceiveAsync(_block!.Memory[_end..], cancellationToken);
        if (!pending.IsCompletedSuccessfully)
        {
            return AwaitAsync(pending);
        }

        var received = pending.Result;
        _end += received;
        return new ValueTask<int>(received);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        async ValueTask<int> AwaitAsync(ValueTask<int> receiving)
        {
            var count = await receiving;
            _end += count;
            return count;
        }
    }

    /// <summary>Receives past the buffer, which must be empty. An empty <paramref name="destination"/> waits for bytes or the end, and takes nothing.</summary>
    /// <exception cref="IOException">The connection was reset or aborted.</exception>
    public ValueTask<int> ReceiveAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        ValueTask<int> pending;
        try
        {
            pending = socket.ReceiveAsync(destination, SocketFlags.None, cancellationToken);
        }
        catch (ObjectDisposedException aborted)
        {
            throw new IOException("The connection was closed.", aborted);
        }

        return pending.IsCompletedSuccessfully ? pending : AwaitAsync(pending);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        async ValueTask<int> AwaitAsync(ValueTask<int> receiving)
        {
            _isReceiving = true;
            try
            {
                return await receiving;
            }
            catch (Exception broken) when (broken is SocketException or ObjectDisposedException)
            {
                throw new IOException(broken.Message, broken);
            }
            finally
            {
                _isReceiving = false;
            }
        }
    }

    /// <summary>Sends all of it.</summary>
    /// <exception cref="IOException">The connection was reset or aborted.</exception>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
            }
        }
        catch (Exception broken) when (broken is SocketException or ObjectDisposedException)
        {
            throw new IOException(broken.Message, broken);
        }
    }

    /// <summary>Tells the app that nothing more is sent; what it has to say can still be read.</summary>
    public void ShutdownSend()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    /// <summary>The buffer goes back to its pool until bytes are due again.</summary>
    public void ReleaseBuffer()
    {
        if (_block is { } block && !_isReceiving)
        {
            _block = null;
            _start = _end = 0;
            block.Dispose();
        }
    }

    /// <summary>Closes the socket at once, from any thread. A pending send or receive fails with an <see cref="IOException"/>.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            socket.Dispose();
            home.Closed();
        }
    }

    /// <summary>Closes the connection, when nobody receives from it any more.</summary>
    public void Close()
    {
        Abort();
        ReleaseBuffer();
    }

    private void MakeRoom(int limit)
    {
        _block ??= buffers.Rent();
        if (_start == _end)
        {
            _start = _end = 0;
        }

        var block = _block.Memory;
        if (_end < block.Length)
        {
            return;
        }

        var unread = block[_start.._end];
        if (_start > 0)
        {
            unread.CopyTo(block);
        }
        else
        {
            // Rare: the head of a response is larger than a block.
            var larger = buffers.Rent(Math.Min(limit, block.Length * 2));
            unread.CopyTo(larger.Memory);
            _block.Dispose();
            _block = larger;
        }

        (_start, _end) = (0, unread.Length);
    }
}
