using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Where a request goes: a slot, and path and query as the client wrote them. A Uri for YARP's sake, which is parsed once for nothing more than its
/// origin.</summary>
internal sealed class UpstreamTarget(SlotName slot, string pathAndQuery, ForwardedRequest? request = null, bool isUpgrade = false)
    : Uri(AppCluster.OriginOf(slot), in _asWritten)
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public SlotName Slot => slot;

    /// <summary>The target of the request line.</summary>
    public string Target => pathAndQuery;

    /// <summary>What is told of the exchange; null: nobody asks.</summary>
    public ForwardedRequest? Request => request;

    /// <summary>The app is asked to switch protocols: the request needs a connection of its own.</summary>
    public bool IsUpgrade => isUpgrade;
}
