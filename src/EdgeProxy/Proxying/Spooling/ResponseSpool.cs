using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>The body of a response, read from the app by the code that writes it to the client, or ahead of that where the client has turned out to be
/// slow.</summary>
/// <remarks>
/// A slow client is known by samples: at two ticks of a clock its last write was not finished. Until then bytes go from the app to the client as they would
/// without this. After that the app is read to its end by a flow of its own, which ends with the response, when the body is disposed, or with the exchange;
/// it alone touches the app's body from then on, and disposes it.
/// </remarks>
internal sealed class ResponseSpool(Stream app, SpoolStore store, long memory, ForwardedRequest request, TimeProvider time) : AsyncStream
{
    private const int Idle = 0, Reading = 1, ReadingLast = 2, Ahead = 3;
    private const int SamplesOfSlow = 2;
    private static readonly TimeSpan _sampleEvery = TimeSpan.FromMilliseconds(25);

    private SpoolQueue? _queue; // with _disposed made by the thread that begins to read ahead
    private CancellationTokenSource? _disposed;
    private ITimer? _samples; // made by the writing flow; disposed by the callback that needs it no more, or with the body
    private int _state; // what reads from the app: nobody (Idle), this stream's reader (Reading), he for the last time (ReadingLast), a flow of its own (Ahead)
    private int _owners = 1; // this stream, and the flow that reads ahead: the last one frees what both use
    private volatile bool _isWriting;
    private int _slow;
    private int _isDisposed;

    /// <summary>A write to the client does not end at once.</summary>
    public void BeginWrite()
    {
        _isWriting = true;
        _samples ??= time.CreateTimer(static spool => ((ResponseSpool)spool!).Sample(), this, _sampleEvery, _sampleEvery);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _isWriting = false; // the reader has written what it had
        if (Interlocked.CompareExchange(ref _state, Reading, Idle) == Ahead)
        {
            return _queue!.ReadAsync(buffer, cancellationToken);
        }

        ValueTask<int> reading;
        try
        {
            reading = app.ReadAsync(buffer, cancellationToken);
        }
        catch
        {
            EndRead();
            throw;
        }

        if (!reading.IsCompletedSuccessfully)
        {
            return AwaitAsync(reading);
        }

        var count = reading.Result;
        EndRead();
        return new ValueTask<int>(count);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _samples?.Dispose();
            if (Interlocked.Exchange(ref _state, Ahead) == Ahead)
            {
                _disposed!.Cancel(); // the flow that reads ahead disposes the app's body, which it may be reading
            }
            else
            {
                app.Dispose();
            }

            Leave();
        }

        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> AwaitAsync(ValueTask<int> reading)
    {
        try
        {
            return await reading;
        }
        finally
        {
            EndRead();
        }
    }

    private void EndRead()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Reading) == ReadingLast)
        {
            TryGoAhead(ReadingLast);
        }
    }

    /// <summary>The timer's callback.</summary>
    private void Sample()
    {
        if (!_isWriting || Interlocked.Increment(ref _slow) < SamplesOfSlow)
        {
            return;
        }

        // A read may be under way (of content that is compressed while it is written): it is the last one.
        if (TryGoAhead(Idle) || Interlocked.CompareExchange(ref _state, ReadingLast, Reading) == Reading)
        {
            _samples?.Dispose();
        }
    }

    private bool TryGoAhead(int from)
    {
        Interlocked.Increment(ref _owners);
        Interlocked.CompareExchange(ref _queue, new SpoolQueue(store, memory, request.Spooled ??= new SpooledBodies()), null);
        Interlocked.CompareExchange(ref _disposed, new CancellationTokenSource(), null);
        if (Interlocked.CompareExchange(ref _state, Ahead, from) != from)
        {
            Leave();
            return false;
        }

        _ = ReadAheadAsync();
        return true;
    }

    /// <summary>Never throws: the reader gets what went wrong, behind what came before.</summary>
    private async Task ReadAheadAsync()
    {
        await Task.Yield(); // not on the caller's way
        ExceptionDispatchInfo? failure = null;
        try
        {
            await _queue!.FillAsync(app, _disposed!.Token);
        }
        catch (Exception error)
        {
            failure = ExceptionDispatchInfo.Capture(error);
        }

        await app.DisposeAsync(); // nothing, where it has been read to its end
        _queue!.Complete(failure);
        Leave();
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
        {
            _queue?.Dispose();
            _disposed?.Dispose();
        }
    }
}
