using EdgeProxy.Http;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What became of a request to the app, for the transforms and the observers of requests. A feature of its <see cref="HttpContext"/>.</summary>
internal sealed class ForwardedRequest(TimeProvider time) : IForwardedRequest
{
    private const long NotYet = 0;
    private const long Over = -1;

    private long _whole; // when the app was about to have all of it; NotYet; Over: it has responded, or the try is
    private PendingRequests? _pending;

    public static ForwardedRequest? Of(HttpContext context) => (ForwardedRequest?)context.Features.Get<IForwardedRequest>();

    /// <summary>The lease of the current or last try.</summary>
    public Lease? Lease => Life?.Lease;

    /// <summary>What ends the current or last try.</summary>
    public RequestCancellation? Life { get; private set; }

    /// <summary>How often it was handed to the forwarder.</summary>
    public int Tries { get; private set; }

    /// <summary>How long it was held in all.</summary>
    public TimeSpan Held => InOutage + InPause;

    /// <summary>How long it was held because a slot refused connections.</summary>
    public TimeSpan InOutage { get; set; }

    /// <summary>The timestamp of the first refusal of the outage that it has met; null: none, or that is over.</summary>
    public long? OutageSince { get; set; }

    /// <summary>How long it was held because the app was paused.</summary>
    public TimeSpan InPause { get; set; }

    /// <summary>Which slot its client gets while a candidate has a share of the traffic; null: none has, or the candidate could not take it.</summary>
    public ClientChoice? Choice { get; set; }

    /// <summary>Its turn in the queue for a place; null: it has not waited for one.</summary>
    public PlaceWaiter? Turn { get; set; }

    public TimeSpan Queued => Turn?.Waited ?? TimeSpan.Zero;

    /// <summary>How long the app took, in the last try, from when it had the whole request until its response began; null: there was no response, or it began
    /// before the client had sent everything.</summary>
    /// <remarks>What a client takes to send its body is not the app's time: a slow one must not make a version look slow.</remarks>
    public TimeSpan? ResponseTime { get; private set; }

    /// <summary><see cref="ResponseTime"/>; without a response, how long the app had the whole request until the try ended: it would have taken longer. Null:
    /// it never had all of it.</summary>
    public TimeSpan? Took { get; private set; }

    /// <summary>The client left before it had the whole response.</summary>
    public bool ClientLeft { get; set; }

    /// <summary>The app has switched protocols; null: it has not.</summary>
    public Tunnel? Tunnel { get; set; }

    /// <summary>The app has responded to an extended CONNECT as to any other request, with a success: it has made no WebSocket.</summary>
    public bool IsWebSocketUnsupported { get; set; }

    /// <summary>The client has asked for a switch of protocols, and the app has switched in a way that does not fit. A client can bring that about.</summary>
    public bool IsSwitchUnfit { get; set; }

    /// <summary>The body that the client sends; null: there is none.</summary>
    public ClientBody? ClientBody { get; set; }

    /// <summary>How its bodies waited here; null: nothing had to.</summary>
    public SpooledBodies? Spooled { get; set; }

    public long SpooledBytes => Spooled?.Bytes ?? 0;

    /// <summary>The app's response was received to its end, whatever became of the rest of the request.</summary>
    public bool ResponseEnded { get; set; }

    /// <summary>A try begins.</summary>
    /// <param name="life">Of the try.</param>
    /// <param name="pending">Counts it from when the app has it until it responds, or until <see cref="EndTry"/>; null: its response may be late.</param>
    public void Try(RequestCancellation life, PendingRequests? pending = null)
    {
        Life = life;
        Tries++;
        ResponseTime = null;
        Took = null;
        _pending = pending;
        Tunnel = null;
        IsWebSocketUnsupported = false;
        IsSwitchUnfit = false;
        ResponseEnded = false;
        Volatile.Write(ref _whole, NotYet);
        if (ClientBody is null or { HasEnded: true })
        {
            Complete();
        }
    }

    /// <summary>The client has sent the last of a body that is passed on as it comes. From the flow that sends it.</summary>
    public void Complete()
    {
        if (Volatile.Read(ref _whole) == NotYet
            && time.GetTimestamp() is var now
            && Interlocked.CompareExchange(ref _whole, now, NotYet) == NotYet)
        {
            _pending?.Enter(OnClock(now));
        }
    }

    /// <summary>The app's response begins.</summary>
    public void Responded() => ResponseTime = Took = Conclude();

    /// <summary>The forwarder has returned: nothing of the try is with the app any more.</summary>
    public void EndTry() => Took = Conclude() ?? Took;

    /// <returns>How long the app has had the whole request; null: it has not, or that was told before.</returns>
    private TimeSpan? Conclude()
    {
        if (Interlocked.Exchange(ref _whole, Over) is not (NotYet or Over) and var whole)
        {
            _pending?.Leave(OnClock(whole));
            return time.GetElapsedTime(whole);
        }

        return null;
    }

    private TimeSpan OnClock(long timestamp) => time.GetElapsedTime(0, timestamp);
}
