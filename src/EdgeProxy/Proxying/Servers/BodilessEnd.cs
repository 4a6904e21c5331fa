using System.Buffers.Text;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying.Servers;

/// <summary>
/// An HTTP/1.1 connection of YARP's own client (over TLS, say), which is at its end behind a response to HEAD, a 204 or a 304. A server may send a body there
/// nevertheless, and late: on a connection that is used again it would be the response to somebody else's request (docs/adr/0009). The client that reads sees
/// the end and opens another connection.
/// </summary>
/// <remarks>It follows requests by what is written after a response has begun. Where the rest of a body still is, what comes is no head of a response, and is
/// passed on as it is.</remarks>
/// <param name="connection">Owned: disposed with this.</param>
internal sealed class BodilessEnd(Stream connection) : AsyncStream
{
    private readonly byte[] _statusLine = new byte["HTTP/1.1 200".Length];
    private bool _awaitsHead;
    private bool _isHead;
    private int _length; // of what has come of the status line, at most its own
    private bool _isAtLineStart;
    private bool _isOver;

    public override bool CanWrite => true;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_awaitsHead && buffer.Length > 0)
        {
            _awaitsHead = true;
            _isHead = buffer.Span.StartsWith("HEAD "u8);
            BeginHead();
        }

        return connection.WriteAsync(buffer, cancellationToken);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isOver)
        {
            return 0;
        }

        var count = await connection.ReadAsync(buffer, cancellationToken);
        return _awaitsHead ? Follow(buffer.Span[..count]) : count;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => connection.FlushAsync(cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    private void BeginHead() => (_length, _isAtLineStart) = (0, false);

    /// <returns>How many of the bytes are to be read: those up to the end of the connection.</returns>
    private int Follow(ReadOnlySpan<byte> received)
    {
        for (var i = 0; i < received.Length; i++)
        {
            var next = received[i];
            if (_length < _statusLine.Length)
            {
                _statusLine[_length++] = next;
            }

            if (next != '\n')
            {
                _isAtLineStart &= next == '\r';
            }
            else if (!_isAtLineStart)
            {
                _isAtLineStart = true;
            }
            else if (Status is >= 100 and < 200 and not StatusCodes.Status101SwitchingProtocols)
            {
                BeginHead(); // an interim response: another one follows
            }
            else
            {
                _awaitsHead = false;
                _isOver = _isHead || Status is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified;
                return _isOver ? i + 1 : received.Length;
            }
        }

        return received.Length;
    }

    /// <summary>0: what has come is no status line.</summary>
    private int Status => _length == _statusLine.Length && _statusLine.AsSpan().StartsWith("HTTP/1."u8)
        && Utf8Parser.TryParse(_statusLine.AsSpan()[^3..], out int status, out _) ? status : 0;
}
