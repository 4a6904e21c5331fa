using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>What an HTTP/2 connection reads: all bytes at once, the end, orderly or not, when <see cref="ClientConnectionEnd"/> lets it pass.</summary>
internal sealed class HeldEndReader(PipeReader inner, ClientConnectionEnd end) : PipeReader
{
    private long _left; // at the end, when it was last read

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => HoldAsync(inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
        {
            return false;
        }

        result = WithoutEnd(result, out _);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

    /// <summary>Kestrel ends the connection by itself: there is nothing to wait for any more.</summary>
    public override void CancelPendingRead()
    {
        inner.CancelPendingRead();
        end.Pass();
    }

    public override void Complete(Exception? exception = null)
    {
        inner.Complete(exception);
        end.Pass();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> HoldAsync(ValueTask<ReadResult> read)
    {
        ReadResult result;
        try
        {
            result = await read;
        }
        catch (IOException)
        {
            await end.WhenItMayPassAsync();
            throw;
        }

        result = WithoutEnd(result, out var isLast);
        if (result.IsCompleted && !isLast)
        {
            await end.WhenItMayPassAsync();
        }

        return result;
    }

    /// <summary>The end comes behind the last byte: none of them is to wait for it. Kestrel takes out one block at a time.</summary>
    /// <param name="isLast">More was taken out since the last read, and something is left: the end was taken off.</param>
    private ReadResult WithoutEnd(ReadResult result, out bool isLast)
    {
        isLast = result.IsCompleted && !result.Buffer.IsEmpty && result.Buffer.Length != _left;
        if (!isLast)
        {
            return result;
        }

        _left = result.Buffer.Length;
        return new ReadResult(result.Buffer, result.IsCanceled, isCompleted: false);
    }
}
