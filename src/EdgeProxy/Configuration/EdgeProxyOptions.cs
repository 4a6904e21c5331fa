using EdgeProxy.Admin;
using EdgeProxy.Compression;
using EdgeProxy.Diagnostics;
using EdgeProxy.Hosting;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.StaticFiles;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Configuration;

/// <summary>The <c>EdgeProxy</c> section of the settings, one property a feature. Only <see cref="Slots"/> is required.</summary>
/// <remarks>
/// Collections have no default here: the binder appends to a non-empty default instead of replacing it, so each consumer
/// reads a null collection as the documented default.
/// </remarks>
public sealed class EdgeProxyOptions
{
    /// <summary>The name of the section.</summary>
    public const string SectionName = "EdgeProxy";

    public SlotsOptions Slots { get; set; } = new();

    /// <summary>The slot that is active when nothing is known: no state file and no unit that runs and answers.</summary>
    public SlotName InitialSlot { get; set; } = SlotName.Blue;

    public UnitsOptions Units { get; set; } = new();

    public HealthOptions Health { get; set; } = new();

    public SwitchOptions Switch { get; set; } = new();

    public UpstreamOptions Upstream { get; set; } = new();

    /// <summary>Paths served from disk; of several that match, the longest. Null or empty: none.</summary>
    public StaticFilesOptions[]? StaticFiles { get; set; }

    public CompressionOptions Compression { get; set; } = new();

    public TlsOptions Tls { get; set; } = new();

    /// <summary>CIDRs (or single addresses) of proxies whose <c>X-Forwarded-*</c> are believed; null or empty: nobody's.</summary>
    public string[]? TrustedProxies { get; set; }

    public AdminOptions Admin { get; set; } = new();

    public StateOptions State { get; set; } = new();

    public ShutdownOptions Shutdown { get; set; } = new();

    public AccessLogOptions AccessLog { get; set; } = new();
}
