using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Apps;

/// <summary>All that belongs to one app: what its requests see (<see cref="ProxiedApp"/>), and the services of its control plane.</summary>
/// <remarks>
/// Its services live in a container of its own, so that none of them is shared with another app by accident. Those that run are started and stopped by
/// <see cref="AppHost"/>; disposing the app disposes them.
/// </remarks>
internal sealed class App(ProxiedApp proxied, ServiceProvider services) : IAsyncDisposable
{
    public string Name => proxied.Name;

    public ProxiedApp Proxied => proxied;

    public SlotPair Slots => proxied.Slots;

    public IUnitManager Units { get; } = services.GetRequiredService<IUnitManager>();

    public ActiveSlotRecord Active { get; } = services.GetRequiredService<ActiveSlotRecord>();

    public SwitchCoordinator Switches { get; } = services.GetRequiredService<SwitchCoordinator>();

    public TrafficHistory Traffic { get; } = services.GetRequiredService<TrafficHistory>();

    public SwitchHistory History { get; } = services.GetRequiredService<SwitchHistory>();

    public PreviewSite PreviewSite { get; } = services.GetRequiredService<PreviewSite>();

    public SwitchCompanions Companions { get; } = services.GetRequiredService<SwitchCompanions>();

    public WarmSlot Warm { get; } = services.GetRequiredService<WarmSlot>();

    public RescueService Rescue { get; } = services.GetRequiredService<RescueService>();

    public HealthMonitor Health { get; } = services.GetRequiredService<HealthMonitor>();

    public PauseControl Pause { get; } = services.GetRequiredService<PauseControl>();

    public MaintenanceControl Maintenance { get; } = services.GetRequiredService<MaintenanceControl>();

    public IOutageAdvisor Advisor { get; } = services.GetRequiredService<IOutageAdvisor>();

    /// <summary>What runs, in the order in which it is started.</summary>
    public IReadOnlyList<IHostedService> Hosted { get; } = [.. services.GetServices<IHostedService>()];

    /// <summary>The services of the app, for admin calls and other features that know their own among them.</summary>
    public IServiceProvider Services => services;

    public ValueTask DisposeAsync() => services.DisposeAsync();
}
