using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>Cuts one try of a request: when its client leaves, or when the drain deadline of its class passes. A stream or WebSocket may take its leave in order first.</summary>
/// <remarks>
/// A token source itself, so that an ordinary request pays for no more than the token that cuts it. Whoever owns the lease disposes it, after the
/// forwarder has returned.
/// </remarks>
internal sealed class RequestLife : CancellationTokenSource
{
    /// <summary>How long an orderly end may take: the close handshake of a WebSocket, the rest of an event.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly CancellationToken _stopping;
    private readonly TimeProvider _time;
    private readonly CancellationTokenRegistration _clientLeft;
    private CancellationTokenRegistration _deadline;
    private CancellationTokenSource? _due;
    private CancellationTokenSource? _grace;
    private CancellationTokenRegistration _graceOver;

    /// <param name="lease">Its hold on a slot. Once it is here, its class changes here only, so that the new deadline is followed.</param>
    /// <param name="time">The clock of <see cref="Grace"/>.</param>
    /// <param name="clientLeft">The client has left.</param>
    /// <param name="stopping">The proxy stops: streams and WebSockets end at once, in order.</param>
    public RequestLife(Lease lease, TimeProvider time, CancellationToken clientLeft, CancellationToken stopping)
    {
        Lease = lease;
        _stopping = stopping;
        _time = time;
        _clientLeft = clientLeft.UnsafeRegister(static life => ((RequestLife)life!).Cancel(), this);
        _deadline = lease.Ended.UnsafeRegister(static life => ((RequestLife)life!).Cancel(), this);
    }

    public Lease Lease { get; }

    /// <summary>Counts the request as another class, and cuts it at the deadline of that one.</summary>
    public void Follow(LeaseClass @class)
    {
        if (@class != Lease.Class)
        {
            _deadline.Dispose();
            Lease.Reclassify(@class);
            _deadline = Lease.Ended.UnsafeRegister(static life => ((RequestLife)life!).Cancel(), this);
        }
    }

    /// <summary>From now on the request is of a class that ends in order when it is told to, and is cut only when that has taken longer than <see cref="Grace"/>.</summary>
    /// <remarks>Called once a try, by the forwarder, when the answer begins.</remarks>
    /// <returns>Fires when it is to end: its deadline passes, or the proxy stops.</returns>
    public CancellationToken EndInOrder(LeaseClass @class)
    {
        _deadline.Dispose();
        Lease.Reclassify(@class);
        _due = CreateLinkedTokenSource(Lease.Ended, _stopping);
        _deadline = _due.Token.UnsafeRegister(static life => ((RequestLife)life!).CutAfterGrace(), this);
        return _due.Token;
    }

    private void CutAfterGrace()
    {
        _grace = new CancellationTokenSource(Grace, _time);
        _graceOver = _grace.Token.UnsafeRegister(static life => ((RequestLife)life!).Cancel(), this);
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
