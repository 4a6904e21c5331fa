using System.Buffers;
using System.Runtime.ExceptionServices;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Bytes in order between a flow that fills and one that reads: the oldest in memory, then in a file, and what there was no room for behind
/// them.</summary>
/// <remarks>
/// Where there is no room the filling flow keeps the last block and waits until all before it has been read: the app waits, as it would without a queue.
/// The lock is held for a few instructions; neither the app nor the disk is waited for under it.
/// </remarks>
/// <param name="memory">How much may be in memory.</param>
/// <param name="bodies">Counts what goes to the file.</param>
internal sealed class SpoolQueue(SpoolStore store, long memory, SpooledBodies bodies) : IDisposable
{
    private const int BlockSize = 64 * 1024;

    private readonly Lock _lock = new();
    private readonly Queue<ArraySegment<byte>> _blocks = []; // guarded by _lock
    private ArraySegment<byte> _first; // the rest of the block that is being read; guarded by _lock
    private ArraySegment<byte> _last; // behind the file; guarded by _lock
    private long _inMemory; // of _first and _blocks, taken from the budget; guarded by _lock
    private SpoolFile? _file; // made by the filling flow; its end moves there
    private long _position; // in the file; guarded by _lock
    private bool _isComplete; // guarded by _lock
    private ExceptionDispatchInfo? _failure; // guarded by _lock
    private TaskCompletionSource? _arrival; // guarded by _lock
    private TaskCompletionSource? _drain; // guarded by _lock
    private bool _isFull; // of the filling flow: counted once

    /// <summary>Reads <paramref name="source"/> to its end.</summary>
    public async Task FillAsync(Stream source, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var block = ArrayPool<byte>.Shared.Rent(BlockSize);
            var count = 0;
            try
            {
                count = await source.ReadAsync(block.AsMemory(0, BlockSize), cancellationToken);
            }
            finally
            {
                if (count == 0)
                {
                    ArrayPool<byte>.Shared.Return(block);
                }
            }

            if (count == 0)
            {
                return;
            }

            await AddAsync(new ArraySegment<byte>(block, 0, count), cancellationToken);
        }
    }

    /// <summary>Nothing more comes.</summary>
    public void Complete(ExceptionDispatchInfo? failure)
    {
        lock (_lock)
        {
            (_isComplete, _failure) = (true, failure);
            _arrival?.TrySetResult();
        }
    }

    /// <returns>0: the end. An empty <paramref name="buffer"/> waits for bytes or the end, and takes nothing.</returns>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task arrival;
            lock (_lock)
            {
                if (TakeFromMemory(buffer.Span, out var count))
                {
                    return count;
                }

                arrival = IsFileEmpty ? (_arrival = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task : Task.CompletedTask;
            }

            if (!arrival.IsCompleted)
            {
                await arrival.WaitAsync(cancellationToken);
                continue;
            }

            var read = buffer.IsEmpty ? 0 : await _file!.ReadAsync(buffer, _position);
            lock (_lock)
            {
                _position += read;
            }

            return read;
        }
    }

    /// <summary>Frees what has not been read. Nobody fills or reads any more.</summary>
    public void Dispose()
    {
        while (_first.Array is not null || _blocks.TryDequeue(out _first))
        {
            Return(ref _first);
        }

        Return(ref _last);
        store.Memory.Return(_inMemory);
        _file?.Dispose();
    }

    private bool IsFileEmpty => _file is null || _position == _file.Length;

    private async ValueTask AddAsync(ArraySegment<byte> block, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (IsFileEmpty)
            {
                _file?.Clear(); // all of it has been read
                _position = 0;
                if (_inMemory + block.Count <= memory && store.Memory.TryTake(block.Count))
                {
                    _inMemory += block.Count;
                    _blocks.Enqueue(block);
                    _arrival?.TrySetResult();
                    return;
                }
            }
        }

        _file ??= _isFull ? null : store.TryOpen();
        if (_file is not null && await _file.TryAppendAsync(new ReadOnlySequence<byte>(block), count: !_isFull))
        {
            bodies.Bytes += block.Count;
            lock (_lock)
            {
                _arrival?.TrySetResult();
            }

            Return(ref block);
            return;
        }

        _isFull = true;
        Task drained;
        lock (_lock)
        {
            _last = block;
            _drain = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drained = _drain.Task;
            _arrival?.TrySetResult();
        }

        await drained.WaitAsync(cancellationToken);
    }

    /// <returns>False: the next bytes are in the file, or have not come.</returns>
    private bool TakeFromMemory(Span<byte> buffer, out int count)
    {
        count = 0;
        if (_first.Count > 0 || _blocks.TryDequeue(out _first))
        {
            count = Take(ref _first, buffer);
            _inMemory -= count;
            store.Memory.Return(count);
            return true;
        }

        if (!IsFileEmpty)
        {
            return false;
        }

        if (_last.Count > 0)
        {
            count = Take(ref _last, buffer);
            if (_last.Count == 0)
            {
                _drain!.TrySetResult();
            }

            return true;
        }

        if (_isComplete)
        {
            _failure?.Throw();
            return true;
        }

        return false;
    }

    private static int Take(ref ArraySegment<byte> block, Span<byte> buffer)
    {
        var count = Math.Min(block.Count, buffer.Length);
        block.AsSpan(0, count).CopyTo(buffer);
        block = block[count..];
        if (block.Count == 0)
        {
            Return(ref block);
        }

        return count;
    }

    private static void Return(ref ArraySegment<byte> block)
    {
        if (block.Array is { } array)
        {
            block = default;
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
