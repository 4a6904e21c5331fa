using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using EdgeProxy.Http;
using EdgeProxy.Proxying.Spooling;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>The body of a client's request, whose reader can be told that no more is wanted.</summary>
/// <remarks>
/// A read that is cancelled by its token leaves Kestrel's reader in a state in which the rest of the body cannot be read, and the connection is cut: a client
/// that is still sending would lose the response. <see cref="PipeReader.CancelPendingRead"/> does not.
/// </remarks>
/// <param name="body">As it comes from the client.</param>
/// <param name="limit">Counts what is read; null: it may be as large as it likes.</param>
/// <param name="spool">What has been taken from it already, owned by the maker of this; null: nothing.</param>
/// <param name="isWhole">All of it has come, and was looked at to its end: no reader can be told later that less was examined.</param>
internal sealed class ClientBody(PipeReader body, LimitedRequestBody? limit, RequestSpool? spool = null, bool isWhole = false) : AsyncStream
{
    private volatile bool _isStopped;
    private volatile bool _hasEnded;

    /// <summary>The request was given up while the client had still to send: the delay is the client's fault.</summary>
    public bool WasAwaited { get; private set; }

    /// <summary>All of it has come, and nothing of it is left on the connection for another reader.</summary>
    public bool HasEnded => isWhole || _hasEnded;

    /// <summary>Whether a body that may exist has no byte: waits for the first one or for the end.</summary>
    /// <remarks>Kestrel ends it (<c>MinRequestBodyDataRate</c>), or the client.</remarks>
    public static async ValueTask<bool> IsEmptyAsync(PipeReader body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await body.ReadAsync(cancellationToken);
            var isEmpty = result.Buffer.IsEmpty;
            body.AdvanceTo(result.Buffer.Start);
            if (!isEmpty || result.IsCompleted)
            {
                return isEmpty;
            }
        }
    }

    /// <summary>A piece of the body is there, or its end, or what is wrong with it, for the next read to find.</summary>
    public bool HasArrived()
    {
        if (isWhole || spool is { IsRead: false })
        {
            return true;
        }

        try
        {
            if (!body.TryRead(out var result))
            {
                return false;
            }

            var hasArrived = !result.Buffer.IsEmpty || result.IsCompleted;
            body.AdvanceTo(result.Buffer.Start);
            return hasArrived;
        }
        catch (Exception failed) when (failed is IOException or OperationCanceledException)
        {
            return true;
        }
    }

    /// <summary>Ends the reading, from any thread: a pending read gets the end.</summary>
    public void Stop()
    {
        _isStopped = true;
        CancelRead();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        limit?.Count(0);
        if (spool is { IsRead: false } && !_isStopped)
        {
            var spooled = buffer.IsEmpty ? 0 : await spool.ReadAsync(buffer);
            limit?.Count(spooled);
            return spooled;
        }

        while (!_isStopped)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var reading = body.ReadAsync(CancellationToken.None);
            var result = reading.IsCompletedSuccessfully ? reading.Result : await WaitAsync(reading, cancellationToken);
            var (isEmpty, count) = (result.Buffer.IsEmpty, (int)Math.Min(result.Buffer.Length, buffer.Length)); // asked now: AdvanceTo takes the buffer back
            _hasEnded |= result.IsCompleted && count == result.Buffer.Length;
            var piece = result.Buffer.Slice(0, count);
            piece.CopyTo(buffer.Span);
            body.AdvanceTo(piece.End, isWhole ? result.Buffer.End : piece.End);
            limit?.Count(count);
            if (count > 0 || result.IsCompleted || (buffer.IsEmpty && !isEmpty))
            {
                return count;
            }

            WasAwaited |= cancellationToken.IsCancellationRequested;
        }

        return 0;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(static body => ((ClientBody)body!).CancelRead(), this);
        return await reading;
    }

    private void CancelRead()
    {
        try
        {
            body.CancelPendingRead();
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client has left: the read has ended already.
        }
    }
}
