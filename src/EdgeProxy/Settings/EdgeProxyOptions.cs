using EdgeProxy.Admin;
using EdgeProxy.Apps;
using EdgeProxy.Compression;
using EdgeProxy.Diagnostics;
using EdgeProxy.Fleet;
using EdgeProxy.Hosting;
using EdgeProxy.Notify;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Sites;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.StaticFiles;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Settings;

/// <summary>The <c>EdgeProxy</c> section of the settings, one property a feature. Only <see cref="Slots"/> is required, or <see cref="Apps"/>.</summary>
/// <remarks>
/// Collections have no default here: the binder appends to a non-empty default instead of replacing it, so each consumer
/// reads a null collection as the documented default.
/// </remarks>
internal sealed class EdgeProxyOptions
{
    /// <summary>The name of the section.</summary>
    public const string SectionName = "EdgeProxy";

    /// <summary>
    /// The apps, by name. Null or empty: one, called <c>app</c>, whose sections stand at the top level: <see cref="Slots"/>, <see cref="InitialSlot"/>,
    /// <see cref="Health"/>, <see cref="Switch"/>, <see cref="Upstream"/>, <see cref="RateLimits"/> and <c>Units:Process</c>. Both at once is an error.
    /// </summary>
    public Dictionary<string, AppOptions>? Apps { get; set; }

    /// <summary>
    /// What is served under which hosts, route by route. Null or empty: one site for all hosts, whose files are those of <see cref="StaticFiles"/> and
    /// whose other requests go to the app. With it, <see cref="StaticFiles"/>, <c>Apps:NAME:Hosts</c> and <c>ReverseProxy:Routes</c> are errors.
    /// </summary>
    public SiteOptions[]? Sites { get; set; }

    public SlotsOptions Slots { get; set; } = new();

    /// <summary>The slot that is active when nothing is known: no state file and no unit that runs and responds.</summary>
    public SlotName InitialSlot { get; set; } = SlotName.Blue;

    public UnitsOptions Units { get; set; } = new();

    public HealthOptions Health { get; set; } = new();

    public SwitchOptions Switch { get; set; } = new();

    /// <summary>Units that run the app's code beside it and follow its switches (Celery workers, beat), in the order in which they are moved. Null or empty:
    /// none.</summary>
    public CompanionOptions[]? Companions { get; set; }

    public UpstreamOptions Upstream { get; set; } = new();

    /// <summary>How many requests of one client the app takes, by path; a request has to be within all limits of its path. Null or empty: any number.</summary>
    public RateLimitOptions[]? RateLimits { get; set; }

    /// <summary>Paths served from disk; of several that match, the longest. Null or empty: none.</summary>
    public StaticFilesOptions[]? StaticFiles { get; set; }

    public CompressionOptions Compression { get; set; } = new();

    public TlsOptions Tls { get; set; } = new();

    /// <summary>
    /// CIDRs (or single addresses) of proxies whose <c>X-Forwarded-*</c> or <c>Forwarded</c> are believed, and <c>unix:</c> for peers on a Unix socket; null or
    /// empty: nobody's. A network of all addresses is refused.
    /// </summary>
    public string[]? TrustedProxies { get; set; }

    public NotifyOptions Notify { get; set; } = new();

    /// <summary>Several machines that switch as one. Null: this one is alone.</summary>
    public FleetOptions? Fleet { get; set; }

    public AdminOptions Admin { get; set; } = new();

    public StateOptions State { get; set; } = new();

    public ShutdownOptions Shutdown { get; set; } = new();

    public AccessLogOptions AccessLog { get; set; } = new();

    /// <summary>The apps, wherever their sections stand; in the order of their names, so that it does not change with the file.</summary>
    internal IReadOnlyList<(AppIdentity Identity, AppOptions Options)> AllApps() => Apps is { Count: > 0 }
        ? [.. Apps.OrderBy(app => app.Key, StringComparer.Ordinal)
            .Select((app, index) => (new AppIdentity(app.Key, index, $"{SectionName}:{nameof(Apps)}:{app.Key}"), app.Value))]
        : [(AppIdentity.TopLevel, TopLevelApp())];

    /// <summary>The units of systemd that the apps name: slots and companions.</summary>
    internal IReadOnlyList<string> AllUnits() =>
    [
        .. AllApps().SelectMany(app => (string?[])
        [
            .. SlotNameExtensions.All.Select(slot => app.Options.Slots.Find(slot)?.Unit),
            .. (app.Options.Companions ?? []).SelectMany(companion => (string?[])[companion.Unit, companion.BlueUnit, companion.GreenUnit]),
        ]).OfType<string>().Distinct(),
    ];

    /// <summary>Adds the names of sites to those that certificates are ordered for, once the authority's terms are accepted.</summary>
    /// <remarks>May be called again: what is there already is not added twice.</remarks>
    internal void AddDomainsOfSites()
    {
        var names = SiteDomains.OfAuthority(Sites ?? []).Where(host => DomainName.TryNormalize(host, out _)).ToList();
        if (names.Count > 0 && Tls.Acme.AcceptTermsOfService && !Tls.Internal)
        {
            Tls.Acme.Domains = [.. (Tls.Acme.Domains ?? []).Concat(names).Distinct(StringComparer.OrdinalIgnoreCase)];
        }
    }

    /// <summary>The hosts under which an app is known, the first one for its probes.</summary>
    internal IReadOnlyList<string> HostsOf(AppIdentity identity, AppOptions app) =>
        Sites is { Length: > 0 } sites ? [.. SiteDomains.OfApp(sites, identity.Name)] : app.Hosts ?? [];

    private AppOptions TopLevelApp() => new()
    {
        Slots = Slots,
        InitialSlot = InitialSlot,
        Health = Health,
        Switch = Switch,
        Companions = Companions,
        Upstream = Upstream,
        RateLimits = RateLimits,
        Units = new AppUnitsOptions { Process = Units.Process },
    };
}
