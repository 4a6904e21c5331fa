namespace EdgeProxy.Slots;

/// <summary>One request's hold on a slot. The slot's unit is not stopped while leases are out, up to the drain deadline.</summary>
/// <remarks>Belongs to one request: not thread-safe. <see cref="Dispose"/> may be called twice.</remarks>
public sealed class Lease : IDisposable
{
    private bool _released;

    internal Lease(Slot slot, LeaseClass @class)
    {
        Slot = slot;
        Class = @class;
        Ended = slot.EndOfLeases;
    }

    public Slot Slot { get; }

    public LeaseClass Class { get; private set; }

    /// <summary>Fires when the drain deadline passes: the request is to end now.</summary>
    public CancellationToken Ended { get; }

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
        if (!_released)
        {
            _released = true;
            Slot.Leave(Class);
        }
    }
}
