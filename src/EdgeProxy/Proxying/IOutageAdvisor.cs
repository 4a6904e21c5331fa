using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What the control plane knows of a slot that refuses connections. The data plane asks; it does not know of units.</summary>
internal interface IOutageAdvisor
{
    /// <summary>
    /// Called once an outage, in its first moment. Helps the slot back where that is due (a unit that waits to be restarted is started at once),
    /// and completes with a reason, in words for a person, when waiting is in vain. Otherwise it goes on until it is cancelled, as the outage ends.
    /// </summary>
    Task<string> WhenHopelessAsync(Slot slot, CancellationToken outageEnded);

    /// <summary>
    /// Called when connections to the slot end before a response though it accepts them: the last workers of a unit that is being stopped keep its
    /// backlog open for a moment and then reset it. Completes with true when such a restart is over, as far as that can be told, and with false when
    /// nothing of the kind goes on: then the request itself is to blame, and sending it again would do more harm.
    /// </summary>
    Task<bool> OutlastRestartAsync(Slot slot, CancellationToken cancellationToken);
}
