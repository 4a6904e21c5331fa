using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What became of a request to the app, for the transforms and whoever observes requests. A feature of its <see cref="HttpContext"/>.</summary>
internal sealed class ForwardedRequest(TimeProvider time)
{
    private long _began;

    /// <summary>The lease of the current or last try.</summary>
    public Lease? Lease => Life?.Lease;

    /// <summary>What ends the current or last try.</summary>
    public RequestLife? Life { get; private set; }

    /// <summary>How often it was handed to the forwarder.</summary>
    public int Tries { get; private set; }

    /// <summary>How long it was held in all.</summary>
    public TimeSpan Held => InOutage + InPause;

    /// <summary>How long it was held because a slot refused connections.</summary>
    public TimeSpan InOutage { get; set; }

    /// <summary>How long it was held because the app was paused.</summary>
    public TimeSpan InPause { get; set; }

    /// <summary>How long the app took until its answer began, in the last try; null: there was none.</summary>
    public TimeSpan? Answered { get; private set; }

    /// <summary>The client left before it had the whole answer.</summary>
    public bool ClientLeft { get; set; }

    /// <summary>A try begins.</summary>
    public void Try(RequestLife life)
    {
        Life = life;
        Tries++;
        Answered = null;
        _began = time.GetTimestamp();
    }

    /// <summary>The app's answer begins.</summary>
    public void Answer() => Answered = time.GetElapsedTime(_began);
}
