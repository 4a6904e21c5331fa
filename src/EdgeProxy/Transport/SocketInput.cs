using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Transport;

/// <summary>What was received on a socket, and behind the last byte why there is no more. A pipe throws its writer's exception before what it still
/// holds.</summary>
internal sealed class SocketInput(PipeReader pipe) : PipeReader
{
    private Exception? _error;

    /// <summary>What was left, all of it seen, when it was read after the end; less than nothing: it was not.</summary>
    private long _left = -1;
    private ReadResult _last; // after the end

    /// <summary>Called before the pipe is completed, once and without an exception.</summary>
    public void Fail(Exception error) => Volatile.Write(ref _error, error);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = pipe.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully && _error is null ? read : WaitAsync(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!pipe.TryRead(out result))
        {
            return false;
        }

        result = WithError(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_last.IsCompleted)
        {
            _left = _last.Buffer.Slice(examined).IsEmpty ? _last.Buffer.Slice(consumed).Length : -1;
        }

        pipe.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => pipe.CancelPendingRead();

    public override void Complete(Exception? exception = null) => pipe.Complete(exception);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> read) => WithError(await read);

    private ReadResult WithError(in ReadResult result)
    {
        if (!result.IsCompleted || _error is not { } error)
        {
            return result;
        }

        var buffer = result.Buffer;
        if (buffer.IsEmpty || buffer.Length == _left)
        {
            pipe.AdvanceTo(buffer.Start, buffer.End);
            throw error;
        }

        _last = result;
        return new ReadResult(buffer, result.IsCanceled, isCompleted: false);
    }
}
