using System.Numerics;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>Lines on their way from many requests to one writer: two arrays that take turns, one is filled while the other is written.</summary>
/// <remarks>Bounded in bytes, not in lines: how long a line is, its client decides. Adding copies and allocates nothing once the arrays have grown.</remarks>
/// <param name="capacity">Bytes that may wait.</param>
internal sealed class LineBuffer(int capacity)
{
    private const int Initial = 64 * 1024;

    private readonly Lock _lock = new();
    private byte[] _filling = new byte[Initial];  // this and what follows: guarded by _lock
    private byte[] _written = new byte[Initial];
    private int _length;
    private int _lines;
    private bool _completed;
    private TaskCompletionSource? _waiting;

    /// <summary>Adds a line, or a part of none.</summary>
    /// <returns>False: there is no room, or no writer any more.</returns>
    public bool TryAdd(ReadOnlySpan<byte> line)
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            var length = _length + line.Length;
            if (_completed || length > capacity)
            {
                return false;
            }

            if (length > _filling.Length)
            {
                Array.Resize(ref _filling, Math.Min(capacity, (int)BitOperations.RoundUpToPowerOf2((uint)length)));
            }

            line.CopyTo(_filling.AsSpan(_length));
            _length = length;
            _lines++;
            waiting = TakeWaiting();
        }

        waiting?.TrySetResult();
        return true;
    }

    /// <summary>Ends a wait of the writer although there may be no line.</summary>
    public void Wake()
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            waiting = TakeWaiting();
        }

        waiting?.TrySetResult();
    }

    /// <summary>No line is taken any more; those that are here still go to the writer.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
        }

        Wake();
    }

    /// <summary>Waits for lines and takes all of them. For one writer; the bytes are its own until it calls again.</summary>
    /// <returns>Empty after <see cref="Wake"/>; null: completed.</returns>
    public async ValueTask<LineBatch?> TakeAsync()
    {
        Task waiting;
        lock (_lock)
        {
            if (_length > 0 || _completed)
            {
                return Swap();
            }

            _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting = _waiting.Task;
        }

        await waiting;
        lock (_lock)
        {
            return Swap();
        }
    }

    private LineBatch? Swap()
    {
        if (_length == 0 && _completed)
        {
            return null;
        }

        var batch = new LineBatch(_filling.AsMemory(0, _length), _lines);
        // What a burst has needed is not kept for ever.
        (_filling, _written) = (_written.Length > Initial && _length < Initial ? new byte[Initial] : _written, _filling);
        (_length, _lines) = (0, 0);
        return batch;
    }

    private TaskCompletionSource? TakeWaiting()
    {
        var waiting = _waiting;
        _waiting = null;
        return waiting;
    }
}

/// <summary>Lines to be written at once.</summary>
internal readonly record struct LineBatch(ReadOnlyMemory<byte> Bytes, int Lines);
