namespace EdgeProxy.Slots;

/// <summary>One request's hold on a slot. The slot's unit is not stopped while leases are out, up to the drain deadline of their class.</summary>
/// <remarks>Belongs to one request: not thread-safe. <see cref="Dispose"/> may be called twice.</remarks>
public sealed class Lease : IDisposable
{
    private readonly LeaseEnds _ends;
    private readonly int _wave;
    private bool _released;

    internal Lease(Slot slot, LeaseClass @class, LeaseEnds ends, int wave)
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

    /// <summary>The request has ended, or is about to, in a way that its client understands. Otherwise its deadline cuts it, which is worth a warning.</summary>
    public bool EndsInOrder { get; set; }

    /// <summary>Counts the request as another class from now on, in one step: the slot is never seen empty in between.</summary>
    public void Reclassify(LeaseClass @class)
    {
        if (_released || @class == Class)
        {
            return;
        }

        Slot.Move(Class, @class);
        Class = @class;
    }

    public void Dispose()
    {
        if (_released)
        {
            return;
        }

        _released = true;
        if (Ended.IsCancellationRequested)
        {
            _ends.Count(EndsInOrder);
        }

        Slot.Leave(Class);
    }
}
