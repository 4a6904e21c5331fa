using System.Security.Cryptography;

namespace EdgeProxy.Proxying;

/// <summary>The client's side of a WebSocket as the forwarder sees it. When the time has come it tells both ends to close (1001, going away), each between two frames.</summary>
/// <remarks>
/// Frames that have arrived whole are still passed on; nothing follows a Close frame. Then the client's answer is awaited; <see cref="RequestLife"/>
/// cuts what takes longer. Reads come from one flow, writes from another and from <see cref="CloseAsync"/>, in turns.
/// </remarks>
internal sealed class WebSocketRelay : AsyncStream
{
    /// <summary>An unmasked Close frame, status 1001 (RFC 6455 section 7.4.1).</summary>
    private static readonly byte[] _goingAway = [0x88, 2, 0x03, 0xE9];

    private readonly Stream _client;
    private readonly RequestLife _life;
    private readonly CancellationToken _due;
    private readonly CancellationTokenRegistration _whenDue;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private WebSocketFrames _toClient; // by whoever holds _writing
    private bool _clientIsTold;
    private WebSocketFrames _toApp;    // by the reader
    private bool _appHasWholeFrames;
    private bool _appIsTold;
    private CancellationTokenSource? _untilDue;
    private Task _closing = Task.CompletedTask;

    /// <param name="due">From <see cref="RequestLife.EndInOrder"/>.</param>
    public WebSocketRelay(Stream client, RequestLife life, CancellationToken due)
    {
        _client = client;
        _life = life;
        _due = due;
        _whenDue = _due.UnsafeRegister(static relay => ((WebSocketRelay)relay!)._closing = ((WebSocketRelay)relay).CloseAsync(), this);
    }

    public override bool CanWrite => true;

    /// <summary>Ends what this object does by itself. Called when the forwarder has returned.</summary>
    public async Task FinishAsync()
    {
        await _whenDue.DisposeAsync();
        await _closing;
        _untilDue?.Dispose();
        _writing.Dispose();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_due.IsCancellationRequested)
        {
            try
            {
                // The forwarder passes the same token at every read.
                _untilDue ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _due);
                var count = await _client.ReadAsync(buffer, _untilDue.Token);
                _toApp.All(buffer.Span[..count]);
                return count;
            }
            catch (OperationCanceledException) when (_due.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                // It is time; what the client has sent meanwhile is still there.
            }
        }

        return buffer.IsEmpty ? 0 : await ReadLastAsync(buffer, cancellationToken);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (_clientIsTold)
            {
                return;
            }

            var whole = _toClient.All(buffer.Span);
            var isLast = _due.IsCancellationRequested && whole > 0;
            await _client.WriteAsync(isLast ? buffer[..whole] : buffer, cancellationToken);
            if (isLast)
            {
                await TellClientAsync(cancellationToken);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _client.FlushAsync(cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _client.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Started once, when it is time. In the middle of a frame the write that ends it does this.</summary>
    private async Task CloseAsync()
    {
        try
        {
            await _writing.WaitAsync(_life.Token);
            try
            {
                if (_toClient.IsBetween && !_clientIsTold)
                {
                    await TellClientAsync(_life.Token);
                }
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The client left, or both ends have closed already: nobody is left to be told.
        }
    }

    /// <summary>Both ends may have been at it already: then the app's own Close frame was the last word.</summary>
    private async ValueTask TellClientAsync(CancellationToken cancellationToken)
    {
        if (!_toClient.HasClosed)
        {
            await _client.WriteAsync(_goingAway, cancellationToken);
            await _client.FlushAsync(cancellationToken);
            _clientIsTold = true;
        }

        _life.Lease.EndsInOrder = true;
    }

    /// <summary>What is left of a frame for the app, then its Close frame; then nothing but the wait for the client's.</summary>
    private async ValueTask<int> ReadLastAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            var closesByItself = _toApp.HasClosed && !_appIsTold;
            if (!_appIsTold && !closesByItself && (_appHasWholeFrames || _toApp.IsBetween))
            {
                _appIsTold = true;
                return WriteMasked(_goingAway, buffer.Span);
            }

            var count = await _client.ReadAsync(buffer, cancellationToken);
            if (count == 0 || closesByItself)
            {
                return count;
            }

            var whole = _toApp.All(buffer.Span[..count]);
            if (!_appIsTold)
            {
                _appHasWholeFrames = whole > 0;
                return whole > 0 ? whole : count;
            }

            if (_toApp.HasClosed)
            {
                return 0; // the handshake with the client is complete
            }
        }
    }

    /// <summary>As a client must send it (RFC 6455 section 5.3).</summary>
    /// <param name="buffer">The forwarder's: far larger than a Close frame.</param>
    private static int WriteMasked(ReadOnlySpan<byte> frame, Span<byte> buffer)
    {
        const int Header = 2;
        const int Mask = 4;
        frame[..Header].CopyTo(buffer);
        buffer[1] |= 0x80;
        var mask = buffer.Slice(Header, Mask);
        RandomNumberGenerator.Fill(mask);
        for (var i = Header; i < frame.Length; i++)
        {
            buffer[i + Mask] = (byte)(frame[i] ^ mask[(i - Header) % Mask]);
        }

        return frame.Length + Mask;
    }
}
