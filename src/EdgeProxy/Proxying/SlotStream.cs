using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Proxying;

/// <summary>A connection to a slot. It reports its end, and tells an end before the answer from an end of the answer.</summary>
/// <remarks>
/// <see cref="SocketsHttpHandler"/> takes a request without a body that meets end-of-stream for a lost race and sends it up to three times more, without
/// regard to how long it ran. Thrown as an error, the end reaches <see cref="SlotConnections"/>, which decides.
/// </remarks>
/// <param name="closed">Called once, when the connection is closed.</param>
internal sealed class SlotStream(Socket socket, Action closed) : NetworkStream(socket, ownsSocket: true)
{
    private bool _answered = true; // nothing asked yet
    private bool _upgraded;
    private int _closed;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _answered = _upgraded;
        return base.WriteAsync(buffer, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await base.ReadAsync(buffer, cancellationToken);
        if (buffer.IsEmpty)
        {
            return count;
        }

        // Looked at now and not before: a read may wait on the idle connection while the next request is written.
        if (!_answered)
        {
            _answered = count > 0 ? true : throw new IOException("The connection ended before the answer.");
            _upgraded = buffer.Span[..count].StartsWith("HTTP/1.1 101 "u8);
        }

        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            closed();
        }

        base.Dispose(disposing);
    }
}
