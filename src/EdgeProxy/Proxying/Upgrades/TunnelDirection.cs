using System.Buffers;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>How one direction of a tunnel has ended.</summary>
internal enum DirectionEnd
{
    /// <summary>The source has ended its stream, and everything before was passed on.</summary>
    Ended,

    /// <summary>The source's connection broke, or the tunnel was cut.</summary>
    Broken,

    /// <summary>A graceful close is complete: nothing more is to come.</summary>
    Closed,
}

/// <summary>Copies one direction of a tunnel to its end. Where the destination fails, the rest is discarded, so that the source's end is seen.</summary>
/// <param name="close">Of a WebSocket; null for other protocols.</param>
/// <param name="progress">Called when something has moved.</param>
/// <param name="failed">Called once, when the destination has failed.</param>
internal sealed class TunnelDirection(Stream source, Stream destination, GracefulClose? close, Action progress, Action? failed)
{
    private const int BufferSize = 64 * 1024; // as much as YARP copies at a time

    private readonly TaskCompletionSource _sourceClosed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _hasFailed;

    public GracefulClose? Close => close;

    /// <summary>Completes when a Close frame of the source has been passed on, or discarded; never for other protocols.</summary>
    public Task WhenSourceClosed => _sourceClosed.Task;

    /// <summary>Runs once. Ends with the source, or when <paramref name="stop"/> fires; never throws.</summary>
    public async Task<DirectionEnd> RunAsync(CancellationToken stop)
    {
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                // The wait for more holds no buffer: most tunnels are idle most of the time.
                var more = source.ReadAsync(Memory<byte>.Empty, stop);
                if (!more.IsCompletedSuccessfully)
                {
                    Return(ref buffer);
                }

                await more;
                buffer ??= ArrayPool<byte>.Shared.Rent(BufferSize);
                var count = await source.ReadAsync(buffer, stop);
                if (count == 0)
                {
                    return DirectionEnd.Ended;
                }

                progress();
                await PassAsync(buffer.AsMemory(0, count), stop);
                if (close is { HasSourceClosed: true })
                {
                    _sourceClosed.TrySetResult();
                    if (close.IsComplete)
                    {
                        return DirectionEnd.Closed;
                    }
                }
            }
        }
        catch (Exception broken) when (IsEnd(broken))
        {
            return DirectionEnd.Broken;
        }
        finally
        {
            Return(ref buffer);
        }
    }

    /// <summary>What the streams of a connection throw when it is over.</summary>
    public static bool IsEnd(Exception exception) =>
        exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;

    private async ValueTask PassAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        var count = close?.Begin(bytes.Span) ?? bytes.Length;
        if (count == 0 || _hasFailed)
        {
            return;
        }

        try
        {
            await destination.WriteAsync(bytes[..count], stop);
            if (close is not null)
            {
                await close.EndAsync(stop);
            }

            progress();
        }
        catch (Exception broken) when (IsEnd(broken) && !stop.IsCancellationRequested)
        {
            _hasFailed = true;
            failed?.Invoke();
        }
    }

    private static void Return(ref byte[]? buffer)
    {
        if (buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = null;
        }
    }
}
