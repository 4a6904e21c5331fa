using System.Buffers;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>The part of a request's body that has been taken from its connection: first what is in a file, then what is in memory where there was no room for
/// more.</summary>
/// <remarks>Filled by one flow, then read once by another. <see cref="Dispose"/> may come while it is read: an app may respond before it has read
/// all.</remarks>
internal sealed class RequestSpool(SpoolStore store) : IDisposable
{
    /// <summary>Held while bytes are copied; owned by this class alone.</summary>
    private readonly Lock _lock = new();
    private SpoolFile? _file;
    private byte[]? _rest; // guarded by _lock
    private int _restLength;
    private long _position;
    private long _memory;
    private bool _isDisposed; // guarded by _lock

    /// <summary>How many bytes are in it.</summary>
    public long Length => (_file?.Length ?? 0) + _restLength;

    /// <summary>Nothing is left to read.</summary>
    public bool IsRead => _position >= Length;

    /// <summary>Counts what waits elsewhere (in the server's receive buffer) as memory of this body.</summary>
    /// <param name="bytes">In all, not in addition.</param>
    /// <returns>False: there is no memory left.</returns>
    public bool TryHold(long bytes)
    {
        if (bytes > _memory && !store.Memory.TryTake(bytes - _memory))
        {
            return false;
        }

        if (bytes < _memory)
        {
            store.Memory.Return(_memory - bytes);
        }

        _memory = bytes;
        return true;
    }

    /// <summary>Appends to the file.</summary>
    /// <returns>False: there is no room; nothing was appended.</returns>
    public async ValueTask<bool> TryAppendAsync(ReadOnlySequence<byte> bytes)
    {
        _file ??= store.TryOpen();
        return _file is not null && await _file.TryAppendAsync(bytes);
    }

    /// <summary>Keeps bytes in memory, whatever the budget says: they were in memory before. The last ones of this spool.</summary>
    public void Keep(ReadOnlySequence<byte> bytes)
    {
        _restLength = (int)bytes.Length;
        _rest = ArrayPool<byte>.Shared.Rent(_restLength);
        bytes.CopyTo(_rest);
    }

    /// <returns>The number of bytes; 0: all has been read.</returns>
    /// <exception cref="IOException">The disk has failed, or the request has ended.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        int count;
        if (_file is { } file && _position < file.Length)
        {
            try
            {
                count = await file.ReadAsync(buffer, _position);
            }
            catch (ObjectDisposedException ended)
            {
                throw new IOException("The request has ended.", ended);
            }
        }
        else
        {
            count = CopyRest(buffer.Span);
        }

        _position += count;
        return count;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            if (_rest is not null)
            {
                ArrayPool<byte>.Shared.Return(_rest);
            }
        }

        _file?.Dispose();
        store.Memory.Return(_memory);
    }

    private int CopyRest(Span<byte> buffer)
    {
        lock (_lock)
        {
            var at = (int)(_position - (_file?.Length ?? 0));
            if (_isDisposed || _rest is null)
            {
                return 0;
            }

            var count = Math.Min(buffer.Length, _restLength - at);
            _rest.AsSpan(at, count).CopyTo(buffer);
            return count;
        }
    }
}
