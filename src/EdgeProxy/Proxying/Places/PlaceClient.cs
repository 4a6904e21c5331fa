using EdgeProxy.Clients;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Places;

/// <summary>One client (see <see cref="ClientKey"/>) as <see cref="PlaceQueue"/> counts it; or all of them, where they are not told apart.</summary>
/// <remarks>
/// A claim is a request that is with the app, or that the next free place is for. A client has at most its limit of them; its other requests are parked here,
/// so that the queue never looks at them and other clients have their turn.
/// </remarks>
/// <param name="key">Null: all clients.</param>
/// <param name="limit">How many claims it may have.</param>
internal sealed class PlaceClient(PlaceQueue queue, ClientKey? key, int limit) : IPlaceHolder
{
    private const int Retired = -1;

    private int _claims;
    private int _parkedCount;
    private SortedSet<PlaceWaiter>? _parked; // guarded by the queue's lock; made when it is needed

    public ClientKey? Key => key;

    /// <summary>Its requests that wait. Guarded by the queue's lock.</summary>
    public int Waiting { get; set; }

    /// <summary>Requests with the app, or whose turn is next. For tests.</summary>
    public int Claims => Volatile.Read(ref _claims);

    public bool HasParked => Volatile.Read(ref _parkedCount) != 0;

    /// <summary>It is forgotten: another one counts for its key. Only seen without the queue's lock.</summary>
    public bool IsRetired => Claims == Retired;

    /// <returns>False: it has as many as it may, or is retired.</returns>
    public bool TryClaim()
    {
        var claims = Claims;
        while (claims < limit && claims != Retired)
        {
            var seen = Interlocked.CompareExchange(ref _claims, claims + 1, claims);
            if (seen == claims)
            {
                return true;
            }

            claims = seen;
        }

        return false;
    }

    /// <summary>A full fence: <see cref="HasParked"/> is read behind it.</summary>
    public void Unclaim() => Interlocked.Decrement(ref _claims);

    /// <summary>Under the queue's lock.</summary>
    /// <returns>False: it is in use.</returns>
    public bool TryRetire() => Waiting == 0 && Interlocked.CompareExchange(ref _claims, Retired, 0) == 0;

    /// <summary>Under the queue's lock. A full fence: a claim that is given back meanwhile is seen behind it, or its owner sees what is parked.</summary>
    public void Park(PlaceWaiter waiter)
    {
        (_parked ??= new(PlaceWaiter.InOrder)).Add(waiter);
        Interlocked.Increment(ref _parkedCount);
    }

    /// <summary>Under the queue's lock.</summary>
    public void Unpark(PlaceWaiter waiter)
    {
        _parked!.Remove(waiter);
        Interlocked.Decrement(ref _parkedCount);
    }

    /// <summary>Under the queue's lock: the next one that a claim is to be had for, with that claim.</summary>
    public PlaceWaiter? TakeParked()
    {
        if (_parkedCount == 0 || !TryClaim())
        {
            return null;
        }

        var next = _parked!.Min!;
        Unpark(next);
        return next;
    }

    void IPlaceHolder.GiveBack(Slot slot) => queue.GiveBack(slot, this);
}
