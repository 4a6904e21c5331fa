using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Places;

/// <summary>How a wait for a place ended.</summary>
internal enum PlaceEnd
{
    /// <summary>It is its turn: the request has a place in <see cref="PlaceWaiter.Granted"/>.</summary>
    Granted,

    /// <summary><c>QueueTimeout</c> passed.</summary>
    TimedOut,

    /// <summary>As many requests wait as may (<c>MaxHeldRequests</c>).</summary>
    Full,

    /// <summary>More requests of its client wait than there is room left for all others.</summary>
    ClientFull,

    /// <summary>The client left, or the proxy waits no longer.</summary>
    Abandoned,
}

/// <summary>One request's turn: its number in the queue, kept for all its waits, and the place that it was given.</summary>
/// <remarks>Guarded by the queue's lock while it waits; the request's own otherwise.</remarks>
internal sealed class PlaceWaiter(PlaceQueue queue, PlaceClient client)
{
    private TaskCompletionSource<PlaceEnd>? _end;

    /// <summary>The order of arrival.</summary>
    public static IComparer<PlaceWaiter> InOrder { get; } = Comparer<PlaceWaiter>.Create(static (one, other) => one.Number.CompareTo(other.Number));

    /// <summary>The number of the waiter, from 1; 0: it has not waited yet.</summary>
    public long Number { get; set; }

    /// <summary>Another one only where it was forgotten between two waits.</summary>
    public PlaceClient Client { get; set; } = client;

    /// <summary>When the wait that is under way began.</summary>
    public long Since { get; private set; }

    public bool IsWaiting => _end is not null;

    /// <summary>Which slot its client gets; null: the active one.</summary>
    public CandidateClient? Choice { get; set; }

    /// <summary>The next free place of its slot is for it or one before it; null: it is parked with its client.</summary>
    public PlaceLine? Line { get; set; }

    /// <summary>The slot in which it was given a place, which it has not taken yet; null: none.</summary>
    public Slot? Granted { get; set; }

    /// <summary>How long it has waited in all.</summary>
    public TimeSpan Waited { get; set; }

    /// <summary>A wait begins.</summary>
    /// <returns>Completes when it ends.</returns>
    public Task<PlaceEnd> Begin(long now)
    {
        Since = now;
        _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return _end.Task;
    }

    public void End(PlaceEnd end)
    {
        var waiting = _end!;
        _end = null;
        waiting.SetResult(end);
    }

    /// <summary>Waits no longer, if it still does. From any thread.</summary>
    public void Quit(PlaceEnd end) => queue.Quit(this, end);
}

/// <summary>Those for whom the next places of one slot are; for each, its client has a claim. Guarded by the lock of <see cref="PlaceQueue"/>.</summary>
internal sealed class PlaceLine(Slot slot)
{
    private readonly SortedSet<PlaceWaiter> _waiters = new(PlaceWaiter.InOrder);
    private int _count;

    public Slot Slot => slot;

    /// <summary>Whether nobody waits. May be asked from any thread.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    public PlaceWaiter? First => _waiters.Min;

    /// <summary>A full fence: a place that is given back meanwhile is seen behind it, or its owner sees the waiting request.</summary>
    public void Add(PlaceWaiter turn)
    {
        turn.Line = this;
        _waiters.Add(turn);
        Interlocked.Increment(ref _count);
    }

    public void Remove(PlaceWaiter turn)
    {
        turn.Line = null;
        _waiters.Remove(turn);
        Interlocked.Decrement(ref _count);
    }
}
