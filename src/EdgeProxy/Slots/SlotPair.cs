namespace EdgeProxy.Slots;

/// <summary>The two slots and which of them is active. Choosing a slot and counting the request is one step against the flip.</summary>
public sealed class SlotPair
{
    private readonly Slot _blue;
    private readonly Slot _green;
    private Slot _active;
    private TaskCompletionSource _flipped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SlotPair(SlotsOptions options, SlotName active)
    {
        _blue = Create(SlotName.Blue);
        _green = Create(SlotName.Green);
        _active = this[active];

        Slot Create(SlotName name) => SlotAddress.TryParse(options[name].Address, out var address)
            ? new Slot(name, address)
            : throw new ArgumentException($"EdgeProxy:Slots:{name}:Address is \"{options[name].Address}\"; it must be {SlotAddress.Allowed}");
    }

    public Slot this[SlotName name] => name == SlotName.Blue ? _blue : _green;

    public Slot Active => Volatile.Read(ref _active);

    /// <summary>Completes at the next <see cref="Activate"/>.</summary>
    public Task Flipped => Volatile.Read(ref _flipped).Task;

    /// <summary>Takes a lease on the active slot. After <see cref="Activate"/> has returned, no lease on the old slot is handed out any more.</summary>
    /// <remarks>
    /// Count first, then look again: a flip in between is seen and the count taken back. The old slot may show a lease that is never
    /// used for an instant, but never misses one that is (YARP's own counter has that gap: it counts after choosing). The same second look
    /// tells that no drain took over the leases in between.
    /// </remarks>
    public Lease Acquire(LeaseClass @class)
    {
        while (true)
        {
            var slot = Volatile.Read(ref _active);
            var ends = slot.Ends;
            var ordinal = slot.Enter(@class); // a full fence: the second reads are not moved before it
            if (ReferenceEquals(slot, Volatile.Read(ref _active)) && ReferenceEquals(ends, slot.Ends))
            {
                return new Lease(slot, @class, ends, LeaseEnds.WaveOf(ordinal));
            }

            slot.Leave(@class);
        }
    }

    /// <summary>The flip: one reference write, seen by the next request.</summary>
    /// <remarks>Called by the switch and at start only, one at a time.</remarks>
    public void Activate(SlotName name)
    {
        Interlocked.Exchange(ref _active, this[name]);
        Interlocked.Exchange(ref _flipped, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }
}
