using EdgeProxy.Proxying;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Units;

namespace EdgeProxy.Apps;

/// <summary>One app: <c>EdgeProxy:Apps:NAME</c>. Only <see cref="Slots"/> is required, and <see cref="Hosts"/> where there are several apps.</summary>
internal sealed class AppOptions
{
    /// <summary>
    /// The hosts whose requests are the app's: names, <c>*.example.com</c> for all below one, or <c>*</c> for every host that no app names. An app that is
    /// alone gets every request.
    /// </summary>
    public string[]? Hosts { get; set; }

    public SlotsOptions Slots { get; set; } = new();

    /// <summary>The slot that is active when nothing is known: no state file and no unit that runs and responds.</summary>
    public SlotName InitialSlot { get; set; } = SlotName.Blue;

    public HealthOptions Health { get; set; } = new();

    public SwitchOptions Switch { get; set; } = new();

    /// <summary>Units that run the app's code beside it and follow its switches (Celery workers, beat), in the order in which they are moved. Null or empty:
    /// none.</summary>
    public CompanionOptions[]? Companions { get; set; }

    public UpstreamOptions Upstream { get; set; } = new();

    /// <summary>How many requests of one client the app takes, by path; a request has to be within all limits of its path. Null or empty: any number.</summary>
    public RateLimitOptions[]? RateLimits { get; set; }

    public AppUnitsOptions Units { get; set; } = new();
}

/// <summary>What runs the slots of one app. Which manager does, <c>EdgeProxy:Units:Manager</c> says for all of them.</summary>
internal sealed class AppUnitsOptions
{
    public ProcessUnitsOptions Process { get; set; } = new();
}
