using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Proxying;

/// <summary>The settings of an app, as far as its requests are concerned.</summary>
/// <param name="Identity">Which app.</param>
/// <param name="Hosts">Whose requests are its; see <see cref="AppHosts{T}"/>.</param>
/// <param name="Slots">Where its slots listen.</param>
/// <param name="InitialSlot">The active slot until the control plane says another.</param>
/// <param name="Upstream">How requests reach the active slot.</param>
/// <param name="StreamPaths">See <see cref="LeaseClassifier"/>.</param>
/// <param name="RateLimits">How many requests of a client are taken.</param>
/// <param name="TestClients">See <see cref="Candidates.ClientChoices"/>.</param>
/// <param name="HealthPaths">Its health path and query, or those that it may be: maintenance lets them pass.</param>
internal sealed record ProxiedAppOptions(
    AppIdentity Identity,
    IReadOnlyList<string> Hosts,
    SlotsOptions Slots,
    SlotName InitialSlot,
    UpstreamOptions Upstream,
    IReadOnlyList<string> StreamPaths,
    IReadOnlyList<RateLimitOptions> RateLimits,
    IReadOnlyList<string> TestClients,
    IReadOnlyList<string> HealthPaths);

/// <summary>An app as its requests see it: its slots, its connections to them, and the gates in front of them.</summary>
internal sealed class ProxiedApp
{
    public ProxiedApp(
        ProxiedAppOptions options, bool isOnly, IOutageAdvisor advisor, IMemoryPoolFactory<byte>? buffers, TimeProvider time, ILoggerFactory loggers)
    {
        Options = options;
        Loggers = new AppLoggerFactory(loggers, options.Identity.Name, isOnly);
        var upstream = options.Upstream;
        Room = new HeldRequestLimit(upstream.MaxHeldRequests);
        Slots = new SlotPair(options.Slots, options.InitialSlot, options.Identity, upstream.Places);
        Places = upstream.Places is null ? null : new PlaceQueue(Slots, upstream.PlacesPerClient, Room, time);
        Connections = new SlotConnections(Slots, upstream, time, buffers);
        Outage = new UpstreamWaitQueue(Slots, advisor, upstream, Room, time, Loggers.CreateLogger<UpstreamWaitQueue>());
        Spool = new SpoolStore(upstream.Buffering, time, Loggers.CreateLogger<SpoolStore>());
        Limits = RateLimits.Of(options.RateLimits, time, Loggers.CreateLogger<RateLimits>());
        Gate = new MaintenanceGate(options.HealthPaths, Room, time);
    }

    public ProxiedAppOptions Options { get; }

    public AppIdentity Identity => Options.Identity;

    public string Name => Identity.Name;

    /// <summary>Loggers that say which app it is.</summary>
    public ILoggerFactory Loggers { get; }

    public SlotPair Slots { get; }

    /// <summary>The queue in which its requests wait for a place in a slot; null: there are places for all.</summary>
    public PlaceQueue? Places { get; }

    /// <summary>How many of a client's requests are taken; null: any number.</summary>
    public RateLimits? Limits { get; }

    /// <summary>Bounds how many of its requests wait.</summary>
    public HeldRequestLimit Room { get; }

    public SlotConnections Connections { get; }

    public UpstreamWaitQueue Outage { get; }

    public MaintenanceGate Gate { get; }

    /// <summary>Room for the bodies of its requests that wait.</summary>
    public SpoolStore Spool { get; }
}

/// <summary>The apps of this process.</summary>
internal sealed class ProxiedApps : IDisposable
{
    public ProxiedApps(
        IReadOnlyList<ProxiedAppOptions> options, IOutageAdvisor advisor, TimeProvider time, ILoggerFactory loggers, IMemoryPoolFactory<byte>? buffers = null)
    {
        All = [.. options.Select(app => new ProxiedApp(app, isOnly: options.Count == 1, advisor, buffers, time, loggers))];
        Slots = [.. All.SelectMany(app => SlotNameExtensions.All, (app, name) => app.Slots[name])];
    }

    /// <summary>All apps, in the order of their <see cref="AppIdentity.Index"/>; at least one.</summary>
    public IReadOnlyList<ProxiedApp> All { get; }

    /// <summary>The slots of all apps, in the order of their <see cref="Slot.Index"/>.</summary>
    public IReadOnlyList<Slot> Slots { get; }

    /// <summary>The app with one of its two clusters of this id; null: the cluster is one of the settings.</summary>
    public ProxiedApp? OfCluster(string? clusterId) => All.FirstOrDefault(app => AppCluster.Owns(app.Name, clusterId));

    public void Dispose()
    {
        foreach (var app in All)
        {
            app.Connections.Dispose();
        }
    }
}
