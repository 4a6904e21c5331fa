using EdgeProxy.Proxying;

namespace EdgeProxy.Fleet;

/// <summary>Holds new requests for the moment of a flip. Unlike a pause of an operator it does not last over a restart, and it ends by itself.</summary>
internal sealed class FleetHold(MaintenanceGate gate, TimeProvider time)
{
    /// <summary>How long requests wait at most.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private Pause? _pause;

    /// <summary>Requests are held for the flip now.</summary>
    public bool IsOn => Volatile.Read(ref _pause) is not null;

    /// <param name="givenUp">Is called when the hold has lasted for too long, and is over.</param>
    public void Begin(Action givenUp)
    {
        if (gate.Pause is not null)
        {
            return; // an operator holds them already
        }

        var pause = new Pause(time.GetUtcNow(), 2 * Limit);
        Volatile.Write(ref _pause, pause);
        gate.Close(pause);
        _ = EndAsync();

        async Task EndAsync()
        {
            try
            {
                await pause.Ended.WaitAsync(Limit, time);
            }
            catch (TimeoutException)
            {
                givenUp();
                End(pause);
            }
        }
    }

    /// <summary>Lets the requests go on.</summary>
    public void End()
    {
        if (Volatile.Read(ref _pause) is { } pause)
        {
            End(pause);
        }
    }

    private void End(Pause pause)
    {
        if (Interlocked.CompareExchange(ref _pause, null, pause) == pause && gate.Pause == pause)
        {
            gate.Open();
        }
    }
}
