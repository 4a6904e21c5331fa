using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace EdgeProxy.Transport;

/// <summary>One operation on a socket at a time, used again for the next. How it went is in <see cref="SocketAsyncEventArgs.SocketError"/> and
/// <see cref="SocketAsyncEventArgs.BytesTransferred"/>: clients that leave are no exceptions.</summary>
internal sealed class SocketOperation() : SocketAsyncEventArgs(unsafeSuppressExecutionContextFlow: true), IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _completion;
    private List<ArraySegment<byte>>? _segments;

    /// <summary>Completes when something can be received, or nothing ever will be. Holds no memory meanwhile.</summary>
    public ValueTask WaitAsync(Socket socket)
    {
        SetBuffer(Memory<byte>.Empty);
        return ReceiveAsync(socket);
    }

    public ValueTask ReceiveAsync(Socket socket, Memory<byte> buffer)
    {
        SetBuffer(buffer);
        return ReceiveAsync(socket);
    }

    /// <summary>Sends all.</summary>
    public ValueTask SendAsync(Socket socket, in ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment)
        {
            if (BufferList is not null)
            {
                BufferList = null;
            }

            SetBuffer(MemoryMarshal.AsMemory(bytes.First));
        }
        else
        {
            if (!MemoryBuffer.IsEmpty)
            {
                SetBuffer(null, 0, 0);
            }

            BufferList = SegmentsOf(bytes);
        }

        _completion.Reset();
        return socket.SendAsync(this) ? new(this, _completion.Version) : ValueTask.CompletedTask;
    }

    public void GetResult(short token) => _completion.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _completion.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);

    /// <remarks>The runtime calls it on the thread pool.</remarks>
    protected override void OnCompleted(SocketAsyncEventArgs e) => _completion.SetResult(true);

    private ValueTask ReceiveAsync(Socket socket)
    {
        _completion.Reset();
        return socket.ReceiveAsync(this) ? new(this, _completion.Version) : ValueTask.CompletedTask;
    }

    private List<ArraySegment<byte>> SegmentsOf(in ReadOnlySequence<byte> bytes)
    {
        _segments ??= [];
        _segments.Clear();
        foreach (var segment in bytes)
        {
            _ = MemoryMarshal.TryGetArray(segment, out var array); // blocks of SocketBuffers and of the runtime's pool are arrays
            _segments.Add(array);
        }

        return _segments;
    }
}
