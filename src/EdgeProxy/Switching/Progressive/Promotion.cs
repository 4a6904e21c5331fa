namespace EdgeProxy.Switching.Progressive;

/// <summary>Lets an operator end a preview, or the rest of a canary, before its time: the switch goes on.</summary>
/// <remarks>Opened by the run, asked by anyone.</remarks>
internal sealed class Promotion
{
    private readonly Lock _deciding = new();
    private CancellationTokenSource? _open;

    /// <summary>Lets the switch be promoted from here on, until the result is disposed.</summary>
    /// <returns>Its token fires when it is.</returns>
    public CancellationTokenSource Open()
    {
        lock (_deciding)
        {
            return _open = new Wait(this);
        }
    }

    /// <returns>False: the switch waits for nothing now.</returns>
    public bool TryAsk()
    {
        CancellationTokenSource asked;
        lock (_deciding)
        {
            if (_open is not { IsCancellationRequested: false } open)
            {
                return false;
            }

            asked = open;
            _open = null;
        }

        asked.Cancel(); // continuations of the run are its own business: its waits go on asynchronously
        return true;
    }

    private sealed class Wait(Promotion owner) : CancellationTokenSource
    {
        protected override void Dispose(bool disposing)
        {
            lock (owner._deciding)
            {
                if (owner._open == this)
                {
                    owner._open = null;
                }
            }

            base.Dispose(disposing);
        }
    }
}
