using System.Buffers;
using System.IO.Pipelines;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Tls;

/// <summary>
/// A connection as SslStream sees it. During the handshake it gives the ClientHello only when that is whole, in one record, and gives no bytes without a place
/// in the <see cref="HandshakeQueue"/>. Afterwards bytes pass as they come.
/// </summary>
/// <remarks>
/// SslStream computes between two reads, and writes little enough that the write never waits for the client. So the place is held from the end of one read to
/// the begin of the next: not while a client is waited for, however slowly it sends. The handshake's time-out, which is Kestrel's, ends each wait here.
/// </remarks>
internal sealed class HandshakeTransport(ConnectionContext connection, IDuplexPipe inner, HandshakeQueue queue, bool looksForAuthority)
    : PipeReader, IDuplexPipe
{
    /// <summary>RFC 8446 section 6.2.</summary>
    private const byte DecodeError = 50;

    private readonly ulong _block = HandshakeQueue.BlockOf(connection.RemoteEndPoint);
    private readonly PipeReader _input = inner.Input;

    /// <summary>Null: the first message has passed.</summary>
    private ClientHelloRecords? _hello = new();

    /// <summary>What is left of a first message that was joined.</summary>
    private ReadOnlySequence<byte> _joined;

    private bool _servesJoined;
    private bool _hasPlace;

    /// <summary>The first message has been given on whole.</summary>
    private bool _isAnswered;

    private bool _isDone;

    public PipeReader Input => this;

    public PipeWriter Output => inner.Output;

    /// <summary>The client has offered <c>acme-tls/1</c>. Looked for only while that may be.</summary>
    public bool OffersAcme { get; private set; }

    public bool IsHandshakeDone => _isDone;

    /// <summary>The handshake is over, well or not.</summary>
    public void EndHandshake()
    {
        _isDone = true;
        Leave();
    }

    /// <summary>Gives its place back while something else is waited for.</summary>
    public void Leave()
    {
        if (_hasPlace)
        {
            _hasPlace = false;
            queue.Leave();
        }
    }

    /// <summary>Has a place when it returns.</summary>
    /// <exception cref="IOException">The client is gone, or one of too many.</exception>
    public async ValueTask EnterAsync(CancellationToken timeout)
    {
        // Later messages cost little, and may be the last before an end that is in order.
        _hasPlace = await queue.EnterAsync(_block, timeout, _isAnswered ? CancellationToken.None : connection.ConnectionClosed);
        if (!_hasPlace)
        {
            throw new IOException("the client has left, or too many of its handshakes wait");
        }
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        _isDone ? _input.ReadAsync(cancellationToken) : ReadInHandshakeAsync(cancellationToken);

    public override bool TryRead(out ReadResult result) =>
        _isDone ? _input.TryRead(out result) : throw new InvalidOperationException("a handshake waits for its bytes");

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_servesJoined)
        {
            _input.AdvanceTo(consumed, examined);
            return;
        }

        _joined = _joined.Slice(consumed);
        _servesJoined = false;
    }

    public override void CancelPendingRead() => _input.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _input.Complete(exception);

    private async ValueTask<ReadResult> ReadInHandshakeAsync(CancellationToken cancellationToken)
    {
        Leave(); // it wants more: what it had is computed
        _isAnswered = _hello is null && _joined.IsEmpty;
        var read = _hello is null ? await ReadOnAsync(cancellationToken) : await ReadHelloAsync(_hello, cancellationToken);
        try
        {
            await EnterAsync(cancellationToken);
            return read;
        }
        catch
        {
            AdvanceTo(read.Buffer.Start);
            throw;
        }
    }

    private ValueTask<ReadResult> ReadOnAsync(CancellationToken cancellationToken)
    {
        if (_joined.IsEmpty)
        {
            return _input.ReadAsync(cancellationToken);
        }

        _servesJoined = true;
        return new(new ReadResult(_joined, isCanceled: false, isCompleted: false));
    }

    private async ValueTask<ReadResult> ReadHelloAsync(ClientHelloRecords hello, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await _input.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            var progress = hello.Read(ref rest);
            if (progress == ClientHelloProgress.NeedsMore && !read.IsCompleted && !read.IsCanceled)
            {
                _input.AdvanceTo(rest.Start, rest.End);
                continue;
            }

            _hello = null;
            if (progress == ClientHelloProgress.AsItCame)
            {
                Look(read.Buffer);
                return read;
            }

            _input.AdvanceTo(rest.Start);
            if (progress != ClientHelloProgress.Joined)
            {
                await RefuseAsync(cancellationToken);
            }

            _joined = new ReadOnlySequence<byte>(hello.Joined);
            Look(_joined);
            return await ReadOnAsync(cancellationToken);
        }
    }

    private void Look(in ReadOnlySequence<byte> record) => OffersAcme = looksForAuthority && ClientHello.OffersAcme(record);

    /// <remarks>
    /// SslStream throws what Kestrel logs as an error, with a stack trace, where the first record is no handshake (dotnet/runtime pull request 126352).
    /// </remarks>
    private async ValueTask RefuseAsync(CancellationToken cancellationToken)
    {
        await Output.WriteAsync(TlsAlert.Fatal(DecodeError), cancellationToken);
        throw new AuthenticationException($"the client's first message is no ClientHello, is cut off, or is longer than {ClientHelloRecords.MaxMessage} bytes");
    }
}
