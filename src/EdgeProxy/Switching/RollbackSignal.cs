namespace EdgeProxy.Switching;

/// <summary>Lets an operator call a switch back: until its old slot is about to be stopped, and by a rollback from when clients get the candidate.</summary>
/// <remarks>Opened and closed by the run, asked by anyone. It owns no timer and no wait handle, so nothing is to be disposed.</remarks>
internal sealed class RollbackSignal
{
    /// <summary>What the history says of the phase that was called back.</summary>
    public const string Words = "a rollback was asked for";

    private const string AbortWords = "an abort was asked for";

    private readonly Lock _deciding = new();
    private readonly CancellationTokenSource _asked = new();
    private bool _isOpen;
    private bool _isClosed;
    private bool _isSuspended;
    private bool _isAsked;

    /// <summary>What the history says of the phase that was called back.</summary>
    public string Why { get; private set; } = Words;

    /// <summary>Whether it was called back.</summary>
    public bool IsAsked
    {
        get
        {
            lock (_deciding)
            {
                return _isAsked;
            }
        }
    }

    /// <summary>Fires when the switch is called back; never, once it cannot be.</summary>
    public CancellationToken Token
    {
        get
        {
            lock (_deciding)
            {
                return _isClosed || _isSuspended ? CancellationToken.None : _asked.Token;
            }
        }
    }

    /// <summary>Traffic has moved, or a part of it, and the old slot still runs.</summary>
    public void Open()
    {
        lock (_deciding)
        {
            (_isOpen, _isSuspended) = (true, false);
        }
    }

    /// <summary>The flip is decided by others from here on, until <see cref="Open"/>.</summary>
    /// <returns>Whether the switch was called back before.</returns>
    public bool Suspend()
    {
        lock (_deciding)
        {
            _isSuspended = true;
            return _isAsked;
        }
    }

    /// <summary>Accepts no rollback any more: from here on the old slot may be stopped.</summary>
    /// <returns>Whether the switch was called back before.</returns>
    public bool Close()
    {
        lock (_deciding)
        {
            _isOpen = false;
            _isClosed = true;
            return _isAsked;
        }
    }

    /// <summary>Calls the switch back.</summary>
    /// <returns>False: it is too early or too late for that.</returns>
    public bool TryAsk() => TryAsk(isAbort: false, Words);

    /// <summary>Calls it back, as others have decided.</summary>
    /// <param name="why">Their reason.</param>
    /// <returns>False: it is too early or too late for that.</returns>
    public bool TryAsk(string why) => TryAsk(isAbort: false, why);

    /// <summary>Calls it back, also before clients get the candidate.</summary>
    /// <returns>False: it is too late for that.</returns>
    public bool TryAbort() => TryAsk(isAbort: true, AbortWords);

    private bool TryAsk(bool isAbort, string why)
    {
        lock (_deciding)
        {
            if (_isClosed || _isSuspended || (!_isOpen && !isAbort))
            {
                return false;
            }

            Why = _isAsked ? Why : why;
            _isAsked = true;
        }

        _ = _asked.CancelAsync(); // not here: the phase's continuations are the run's business, and the caller may hold a lock
        return true;
    }
}
