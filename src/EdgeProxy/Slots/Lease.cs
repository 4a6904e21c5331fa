namespace EdgeProxy.Slots;

/// <summary>One request's hold on a slot. The slot's unit is not stopped while leases are out, up to the drain deadline of their class.</summary>
/// <remarks>Belongs to one request: not thread-safe, but for <see cref="Dispose"/>, which may be called twice.</remarks>
internal sealed class Lease : IDisposable
{
    private readonly LeaseCancellations _ends;
    private readonly int _wave;
    private int _released;
    private int _pinned;
    private IPlaceHolder? _place;

    internal Lease(Slot slot, LeaseClass @class, LeaseCancellations ends, int wave)
    {
        Slot = slot;
        Class = @class;
        _ends = ends;
        _wave = wave;
    }

    public Slot Slot { get; }

    public LeaseClass Class { get; private set; }

    /// <summary>Fires when the drain deadline of the class passes: the request is to end now. Another one after <see cref="Reclassify"/>.</summary>
    public CancellationToken Ended => _ends.TokenOf(Class, _wave);

    /// <summary>The request has ended, or is about to, in a way that its client understands. Otherwise its deadline cuts it, which is worth a
    /// warning.</summary>
    public bool EndsInOrder { get; set; }

    /// <summary>The lease has one of the slot's places from now on, and gives it back when it ends, or when it is no <see cref="LeaseClass.Http"/> any
    /// more.</summary>
    internal void Occupy(IPlaceHolder place) => _place = place;

    internal bool HasPlace => Volatile.Read(ref _place) is not null;

    /// <summary>The place outlives the lease: the caller gives it back.</summary>
    /// <returns>Null: there is none, or not any more.</returns>
    internal IPlaceHolder? TakePlace() => Interlocked.Exchange(ref _place, null);

    /// <summary>Counts the request as another class from now on, in one step: the slot is never seen empty in between.</summary>
    public void Reclassify(LeaseClass @class)
    {
        if (_released != 0 || @class == Class)
        {
            return;
        }

        Slot.Move(Class, @class);
        Class = @class;
        GiveBackPlace();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) != 0)
        {
            return;
        }

        if (Ended.IsCancellationRequested)
        {
            _ends.Count(EndsInOrder);
        }

        Slot.Leave(Class); // a full fence, as in UnpinPlace: one of the two sees the other
        if (Volatile.Read(ref _pinned) == 0)
        {
            GiveBackPlace();
        }
    }

    /// <summary>The app gets the request: until <see cref="UnpinPlace"/> the place is kept, also where the lease ends before.</summary>
    /// <returns>False: there is no place.</returns>
    internal bool TryPinPlace()
    {
        if (!HasPlace)
        {
            return false;
        }

        Interlocked.Exchange(ref _pinned, 1);
        return true;
    }

    /// <summary>The app has done its part, or is out of reach.</summary>
    internal void UnpinPlace()
    {
        Interlocked.Exchange(ref _pinned, 0);
        if (Volatile.Read(ref _released) != 0)
        {
            GiveBackPlace();
        }
    }

    /// <summary>Gives its place back, if it has one, before it ends.</summary>
    internal void GiveBackPlace()
    {
        if (_place is not null)
        {
            TakePlace()?.GiveBack(Slot);
        }
    }
}
