using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>What the proxy does about an active unit that has failed for good.</summary>
internal enum RescueState
{
    /// <summary><c>Switch:Rescue</c> is off: it is said, and an operator decides.</summary>
    Off,

    /// <summary>A switch to the other slot begins within two seconds, or as soon as the running one has ended.</summary>
    Due,

    /// <summary>That switch runs.</summary>
    Switching,

    /// <summary>It failed, or was not to be tried: an operator decides.</summary>
    GivenUp,
}

/// <summary>The state of an active unit that has failed for good.</summary>
/// <param name="Slot">The active slot.</param>
/// <param name="Since">When that was noticed.</param>
/// <param name="Reason">What happened and what to do, for a person.</param>
/// <param name="State">What is done about it.</param>
internal sealed record FailedActive(SlotName Slot, DateTimeOffset Since, string Reason, RescueState State);
