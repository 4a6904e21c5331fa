namespace EdgeProxy.Switching;

/// <summary>Lets an operator call a switch back, from its flip until its old slot is about to be stopped.</summary>
/// <remarks>Opened and closed by the run, asked by anyone. It owns no timer and no wait handle, so nothing is to be disposed.</remarks>
internal sealed class Recall
{
    /// <summary>What the history says of the phase that was called back.</summary>
    public const string Words = "a rollback was asked for";

    private readonly Lock _deciding = new();
    private readonly CancellationTokenSource _asked = new();
    private bool _isOpen;
    private bool _isAsked;

    /// <summary>Fires when the switch is called back; never, while it cannot be.</summary>
    public CancellationToken Token
    {
        get
        {
            lock (_deciding)
            {
                return _isOpen ? _asked.Token : CancellationToken.None;
            }
        }
    }

    /// <summary>Traffic has moved, and the old slot still runs.</summary>
    public void Open()
    {
        lock (_deciding)
        {
            _isOpen = true;
        }
    }

    /// <summary>From here on the old slot may be stopped.</summary>
    /// <returns>Whether the switch was called back before.</returns>
    public bool Close()
    {
        lock (_deciding)
        {
            _isOpen = false;
            return _isAsked;
        }
    }

    /// <summary>Calls the switch back.</summary>
    /// <returns>False: it is too early or too late for that.</returns>
    public bool TryAsk()
    {
        lock (_deciding)
        {
            if (!_isOpen)
            {
                return false;
            }

            _isAsked = true;
        }

        _ = _asked.CancelAsync(); // not here: the phase's continuations are the run's business, and whoever asks may hold a lock
        return true;
    }
}
