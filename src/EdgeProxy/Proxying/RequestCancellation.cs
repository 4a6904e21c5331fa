using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>Cuts one try of a request: when its client leaves, or when the drain deadline of its class passes. A stream or WebSocket may take its leave in
/// order first.</summary>
/// <remarks>
/// A token source itself, so that an ordinary request pays for no more than the token that cuts it. The owner of the lease disposes it, after the
/// forwarder has returned.
/// </remarks>
internal sealed class RequestCancellation : CancellationTokenSource, IHttpRequestLifetimeFeature, IHttpResetFeature
{
    /// <summary>How long an orderly end may take: the close handshake of a WebSocket, the rest of an event.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly CancellationToken _client;
    private readonly CancellationToken _ended; // where there is no lease
    private readonly CancellationToken _stopping;
    private readonly TimeProvider _time;
    private readonly CancellationTokenRegistration _clientLeft;
    private CancellationTokenRegistration _deadline;
    private IHttpRequestLifetimeFeature? _lifetime;
    private IHttpResetFeature? _reset; // of HTTP/2
    private CancellationTokenSource? _due;
    private CancellationTokenSource? _grace;
    private CancellationTokenRegistration _graceOver;

    /// <param name="lease">Its hold on a slot. Once it is here, its class changes here only, so that the new deadline is followed.</param>
    /// <param name="time">The clock of <see cref="Grace"/>.</param>
    /// <param name="clientLeft">The client has left.</param>
    /// <param name="stopping">The proxy stops: streams and WebSockets end at once, in order.</param>
    public RequestCancellation(Lease lease, TimeProvider time, CancellationToken clientLeft, CancellationToken stopping)
        : this(lease, lease.Class, time, clientLeft, stopping, ended: default)
    {
    }

    /// <summary>Makes the cancellation of a request to a server that is no slot.</summary>
    /// <param name="ended">Its deadline: the end of the proxy.</param>
    public RequestCancellation(LeaseClass @class, TimeProvider time, CancellationToken clientLeft, CancellationToken stopping, CancellationToken ended)
        : this(null, @class, time, clientLeft, stopping, ended)
    {
    }

    private RequestCancellation(
        Lease? lease, LeaseClass @class, TimeProvider time, CancellationToken clientLeft, CancellationToken stopping, CancellationToken ended)
    {
        Lease = lease;
        Class = @class;
        _ended = ended;
        _client = clientLeft;
        _stopping = stopping;
        _time = time;
        _clientLeft = clientLeft.UnsafeRegister(static life => ((RequestCancellation)life!).Cancel(), this);
        _deadline = Ended.UnsafeRegister(static life => ((RequestCancellation)life!).Cancel(), this);
    }

    /// <summary>The lease of the request; null: it goes to a server that is no slot.</summary>
    public Lease? Lease { get; }

    public LeaseClass Class { get; private set; }

    /// <summary>Its deadline has passed: the request is to end now.</summary>
    public bool HasEnded => Ended.IsCancellationRequested;

    /// <summary>Whether the request ends in order: see <see cref="Slots.Lease.EndsInOrder"/>.</summary>
    public bool EndsInOrder { get; private set; }

    public bool HasClientLeft => _client.IsCancellationRequested;

    /// <summary>The forwarder has given up a response that had begun. What it has written is the client's: <see cref="Http.ClientOutput"/> ends it.</summary>
    public bool IsBrokenOff { get; private set; }

    /// <summary>How the stream is to be reset (RFC 9113 section 7); null: over HTTP/1.1.</summary>
    public int? ResetCode { get; private set; }

    CancellationToken IHttpRequestLifetimeFeature.RequestAborted { get => Token; set => throw new NotSupportedException(); }

    /// <summary>The forwarder begins: for it the request lives as long as this does. Where it ends the response by force, that is its last act.</summary>
    public void Enter(HttpContext context)
    {
        _lifetime = context.Features.Get<IHttpRequestLifetimeFeature>();
        context.Features.Set<IHttpRequestLifetimeFeature>(this);
        if (context.Features.Get<IHttpResetFeature>() is { } reset)
        {
            _reset = reset;
            context.Features.Set<IHttpResetFeature>(this);
        }
    }

    /// <summary>The forwarder has returned.</summary>
    public void Leave(HttpContext context)
    {
        context.Features.Set(_lifetime);
        if (_reset is not null)
        {
            context.Features.Set(_reset);
        }
    }

    void IHttpRequestLifetimeFeature.Abort() => IsBrokenOff = true;

    void IHttpResetFeature.Reset(int errorCode) => (IsBrokenOff, ResetCode) = (true, errorCode);

    /// <summary>Counts the request as another class, and cuts it at the deadline of that one.</summary>
    public void Follow(LeaseClass @class)
    {
        if (@class != Class)
        {
            _deadline.Dispose();
            Reclassify(@class);
            _deadline = Ended.UnsafeRegister(static life => ((RequestCancellation)life!).Cancel(), this);
        }
    }

    /// <summary>From now on the request is of a class that ends in order when it is told to, and is cut only when that has taken longer than
    /// <see cref="Grace"/>.</summary>
    /// <remarks>Called once a try, by the forwarder, when the response begins.</remarks>
    /// <returns>Fires when it is to end: its deadline passes, or the proxy stops.</returns>
    public CancellationToken EndInOrder(LeaseClass @class)
    {
        _deadline.Dispose();
        Reclassify(@class);
        _due = CreateLinkedTokenSource(Ended, _stopping);
        _deadline = _due.Token.UnsafeRegister(static life => ((RequestCancellation)life!).CutAfterGrace(), this);
        return _due.Token;
    }

    /// <summary>The app has switched protocols: the request is of <see cref="LeaseClass.WebSocket"/> now.</summary>
    /// <remarks>A client that leaves does not cut it any more: what it has sent before is still to be passed on.</remarks>
    /// <returns>As of <see cref="EndInOrder"/>.</returns>
    public CancellationToken BeginTunnel()
    {
        _clientLeft.Dispose();
        return EndInOrder(LeaseClass.WebSocket);
    }

    /// <summary>The app's response has ended: an ordinary request holds its slot no longer, and no drain cuts what its client has still to get.</summary>
    /// <remarks>From the flow that reads from the app, beside the one that owns this.</remarks>
    public void EndLease()
    {
        if (Lease is { Class: LeaseClass.Http } lease && _deadline.Unregister())
        {
            lease.Dispose();
        }
    }

    /// <summary>What was told to end has ended, or is about to, in a way that its client understands.</summary>
    public void NoteOrderlyEnd()
    {
        EndsInOrder = true;
        if (Lease is { } lease)
        {
            lease.EndsInOrder = true;
        }
    }

    private CancellationToken Ended => Lease?.Ended ?? _ended;

    private void Reclassify(LeaseClass @class)
    {
        Class = @class;
        Lease?.Reclassify(@class);
    }

    private void CutAfterGrace()
    {
        _grace = new CancellationTokenSource(Grace, _time);
        _graceOver = _grace.Token.UnsafeRegister(static life => ((RequestCancellation)life!).Cancel(), this);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _clientLeft.Dispose();
            _deadline.Dispose(); // waits for a callback under way: no grace begins after it
            _graceOver.Dispose();
            _grace?.Dispose();
            _due?.Dispose();
        }

        base.Dispose(disposing);
    }
}
