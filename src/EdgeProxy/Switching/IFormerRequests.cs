using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>Requests that processes before this one still have; they go where this process says.</summary>
internal interface IFormerRequests
{
    /// <summary>Tells them which slot is active and whether the app is paused, and then counts.</summary>
    /// <param name="app">Its name.</param>
    Task<InFlight> CountAsync(string app, SlotName slot, CancellationToken cancellationToken);
}

/// <summary>There are no such processes.</summary>
internal sealed class NoFormerRequests : IFormerRequests
{
    public Task<InFlight> CountAsync(string app, SlotName slot, CancellationToken cancellationToken) => Task.FromResult(default(InFlight));
}
