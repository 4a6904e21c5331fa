using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Phases;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>The control plane: state, probes, the switch, and the clean-up at start.</summary>
internal static class SwitchingFeature
{
    /// <summary>
    /// Needs <see cref="SlotPair"/>, <see cref="IUnitManager"/>, <see cref="Diagnostics.EventHub"/>, <see cref="TimeProvider"/> and
    /// <see cref="SlotConnections"/> and <see cref="AppGate"/>. The state directory is locked when the host starts (<see cref="StateDirectoryInUseException"/>).
    /// </summary>
    public static IServiceCollection AddSwitching(this IServiceCollection services, EdgeProxyOptions options)
    {
        services.AddSingleton(_ => StateDirectory.Open(options.State.Directory));
        services.AddSingleton<ActiveSlotFile>();
        services.AddSingleton<SwitchJournal>();
        services.AddInstruments<SwitchingMetrics>();
        services.AddSingleton<SwitchHistory>();

        services.AddSingleton(provider => new HealthProbe(
            options.Health,
            ProbeHost.Resolve(options.Health, options.Tls, provider.GetRequiredService<IConfiguration>()["AllowedHosts"]),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<HealthMonitor>(provider, options.Health));
        services.AddSingleton(provider => CreatePhases(provider, options));
        services.AddSingleton<UnitStop>();
        services.AddSingleton<WarmSlot>();
        services.AddSingleton<FormerSwitch>();
        services.AddSingleton<PauseControl>();
        services.AddSingleton<MaintenanceControl>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ActiveChoice>(provider, options));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Reconciliation>(provider, options.Switch));
        services.AddSingleton<SwitchEnding>();
        services.AddSingleton<SwitchCoordinator>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Rescue>(provider, options.Switch));
        services.AddSingleton<IOutageAdvisor, OutageAdvisor>();

        // In this order: Reconciliation chooses the active slot before anything else starts.
        services.AddHostedService(provider => provider.GetRequiredService<Reconciliation>());
        services.AddHostedService(provider => provider.GetRequiredService<SwitchCoordinator>());
        services.AddHostedService<WarmStop>();
        services.AddHostedService(provider => provider.GetRequiredService<Rescue>());
        services.AddHostedService(provider => provider.GetRequiredService<HealthMonitor>());
        return services;
    }

    private static SwitchPhases CreatePhases(IServiceProvider provider, EdgeProxyOptions options)
    {
        var slots = provider.GetRequiredService<SlotPair>();
        var units = provider.GetRequiredService<IUnitManager>();
        var probe = provider.GetRequiredService<HealthProbe>();
        var monitor = provider.GetRequiredService<HealthMonitor>();
        var events = provider.GetRequiredService<Diagnostics.EventHub>();
        var time = provider.GetRequiredService<TimeProvider>();
        var connections = provider.GetRequiredService<SlotConnections>();
        var active = provider.GetRequiredService<ActiveSlotFile>();
        var warm = provider.GetRequiredService<WarmSlot>();
        var traffic = new SlotTraffic(slots);
        return new(
            new StartIdlePhase(options.Health, slots, units, warm, active, AvailableMemory.Read, time, provider.GetRequiredService<ILogger<StartIdlePhase>>()),
            new ProbePhase(options.Health, slots, units, probe, monitor, time),
            new WarmUpPhase(options.Switch, slots, probe),
            new FlipPhase(slots, active, traffic, probe, monitor, events, time),
            new ObservePhase(options.Switch, slots, units, probe, monitor, traffic, connections.Failures, time),
            new DrainPhase(options.Switch, slots, connections.CloseIdle, time),
            new StopOldPhase(options.Switch, provider.GetRequiredService<UnitStop>(), warm, units, time));
    }
}
