using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>How the requests to a slot have ended since it became active.</summary>
/// <param name="Requests">Ended requests.</param>
/// <param name="Errors">Those with a 5xx, the app's or the proxy's.</param>
internal readonly record struct TrafficCount(long Requests, long Errors)
{
    /// <summary>0 to 1; 0 where nothing has ended.</summary>
    public double ErrorRatio => Requests == 0 ? 0 : (double)Errors / Requests;
}

/// <summary>Counts what each slot has answered since traffic moved to it: what a slot did in an earlier version says nothing of this one.</summary>
/// <remarks>Written by the flip only, one at a time; a slot that was active when the proxy started counts from then on.</remarks>
internal sealed class SlotTraffic(SlotPair slots)
{
    private readonly TrafficCount[] _before = new TrafficCount[SlotNameExtensions.All.Count];

    /// <summary>Traffic is about to move to the slot.</summary>
    public void Begin(SlotName slot) => _before[(int)slot] = Now(slot);

    /// <summary>What the slot has answered since <see cref="Begin"/>.</summary>
    public TrafficCount Since(SlotName slot)
    {
        var (now, before) = (Now(slot), _before[(int)slot]);
        return new(now.Requests - before.Requests, now.Errors - before.Errors);
    }

    /// <summary>Errors first: a request that ends in between must not make a ratio above 1.</summary>
    private TrafficCount Now(SlotName slot)
    {
        var errors = slots[slot].Errors;
        return new(slots[slot].Requests, errors);
    }
}
