using System.IO.Pipelines;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>The waits for the next piece of one body: each has an end, also where the server's <c>MinRequestBodyDataRate</c> counts what came early.</summary>
/// <remarks>
/// A read is never cancelled by a token: Kestrel's reader could not be read again, and would say so in the log for each client that leaves
/// (<see cref="Upstream.ClientBody"/>). Owned by the flow that takes the body in; the timer ends with it.
/// </remarks>
internal sealed class BodyWait : IDisposable
{
    private readonly PipeReader _body;
    private readonly TimeSpan _idle;
    private readonly ITimer _timer;

    /// <summary>Held while a wait begins, ends or expires: a timer that is late must not end a read of the connection's next request.</summary>
    private readonly Lock _lock = new();
    private bool _isWaiting; // guarded by _lock
    private bool _isIdle; // guarded by _lock

    /// <param name="idle">How long nothing may come; <c>Upstream:ActivityTimeout</c>.</param>
    public BodyWait(PipeReader body, TimeSpan idle, TimeProvider time)
    {
        _body = body;
        _idle = idle;
        _timer = time.CreateTimer(static wait => ((BodyWait)wait!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A read has begun.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            (_isWaiting, _isIdle) = (true, false);
        }

        _timer.Change(_idle, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The read has ended.</summary>
    /// <param name="wasCanceled">By <see cref="Interrupt"/>.</param>
    /// <returns>Whether nothing has come for too long.</returns>
    public bool End(bool wasCanceled)
    {
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_lock)
        {
            _isWaiting = false;
            return wasCanceled && _isIdle;
        }
    }

    /// <summary>Ends the read that is under way, or the next one; from any thread.</summary>
    public void Interrupt()
    {
        try
        {
            _body.CancelPendingRead();
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client has left: the read has ended already.
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Expire()
    {
        lock (_lock)
        {
            if (_isWaiting)
            {
                _isIdle = true;
                Interrupt();
            }
        }
    }
}
