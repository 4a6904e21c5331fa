using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>What a slot is doing while it is probed: where its places are all taken and requests end well, a probe that gets no response in time says that it
/// is busy, not that it fails.</summary>
/// <remarks>A probe takes no place, and so it waits in the app's own queue. An app that hangs ends no request, so it is found out all the same.</remarks>
/// <param name="slot">About to be probed.</param>
internal readonly struct SlotLoad(Slot slot)
{
    private readonly Slot _slot = slot;
    private readonly long _served = slot.Requests - slot.Errors;

    /// <summary>Whether this is all that a probe says.</summary>
    public bool Explains(ProbeSummary probe) => probe.IsLate && _slot.Places is { IsFull: true } && _slot.Requests - _slot.Errors > _served;
}
