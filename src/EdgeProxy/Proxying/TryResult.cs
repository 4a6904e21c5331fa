using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What one try of a request has come to, and what <see cref="SlotForwarder"/> does next. Of all but <see cref="Done"/> the client has got nothing
/// yet, and no lease is held.</summary>
internal abstract record TryResult
{
    private TryResult()
    {
    }

    /// <summary>The client has its response, or has left.</summary>
    public sealed record Done : TryResult
    {
        public static readonly Done Instance = new(); // of every request that goes well
    }

    /// <summary>The candidate could not take the request; it is the active slot's now.</summary>
    public sealed record Retry : TryResult;

    /// <summary>The app is paused. Nothing was tried.</summary>
    /// <param name="Pause">The pause that was met.</param>
    public sealed record WaitForPause(Pause Pause) : TryResult;

    /// <summary>The slot has as many requests as it may, or the app as many of the client's. Nothing was tried.</summary>
    /// <param name="Slot">The slot that was chosen.</param>
    public sealed record WaitForPlace(Slot Slot) : TryResult;

    /// <summary>The slot has not taken the request.</summary>
    /// <param name="Slot">The slot that was tried.</param>
    /// <param name="Reason">In the operating system's words.</param>
    /// <param name="WasRefused">It refused the connection; otherwise it ended two of them without a response, or one behind the head of its response.</param>
    /// <param name="IsOwnFault">The proxy could open no connection to anybody.</param>
    public sealed record WaitForUpstream(Slot Slot, string Reason, bool WasRefused, bool IsOwnFault) : TryResult;

    /// <summary>No try and no wait makes sense any more: the client gets an error.</summary>
    /// <param name="Slot">The slot that was tried.</param>
    /// <param name="Why">What the error says.</param>
    public sealed record Fail(SlotName Slot, HoldResult Why) : TryResult;
}
