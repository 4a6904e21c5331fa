using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What the control plane knows of a slot that refuses connections. The data plane asks; it does not know of units.</summary>
public interface IOutageAdvisor
{
    /// <summary>
    /// Called once an outage, in its first moment. Helps the slot back where that is due (a unit that waits to be restarted is started at once),
    /// and completes with a reason, in words for a person, when waiting is in vain. Otherwise it goes on until it is cancelled, as the outage ends.
    /// </summary>
    Task<string> WhenHopelessAsync(Slot slot, CancellationToken outageEnded);
}
