using EdgeProxy.Http;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>A connection that speaks another protocol since its 101: bytes both ways, until it is disposed. It serves nothing else.</summary>
internal sealed class UpgradedStream(UpstreamExchange exchange) : AsyncStream, IHalfClosable
{
    private readonly UpstreamConnection _connection = exchange.Connection;

    public override bool CanWrite => true;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_connection.HasBuffered)
        {
            var buffered = _connection.Buffered;
            var count = Math.Min(buffer.Length, buffered.Length);
            buffered[..count].CopyTo(buffer.Span);
            _connection.Consume(count);
            return count;
        }

        _connection.ReleaseBuffer();
        return await Translated(_connection.ReceiveAsync(buffer, cancellationToken == exchange.Over ? CancellationToken.None : cancellationToken));
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await _connection.SendAsync(buffer);
        }
        catch (IOException broken) when (exchange.Over.IsCancellationRequested)
        {
            throw new OperationCanceledException(broken.Message, broken, exchange.Over);
        }
    }

    public void CompleteWrites() => _connection.ShutdownSend();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            exchange.GiveUp(isBroken: false);
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> Translated(ValueTask<int> receiving)
    {
        try
        {
            return await receiving;
        }
        catch (IOException broken) when (exchange.Over.IsCancellationRequested)
        {
            throw new OperationCanceledException(broken.Message, broken, exchange.Over);
        }
    }
}
