using EdgeProxy.AdminCalls;
using EdgeProxy.Processes;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Phases;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EdgeProxy.Switching;

/// <summary>The control plane of one app: state, probes, the switch, and the clean-up at start.</summary>
internal static class SwitchingFeature
{
    /// <summary>
    /// Needs <see cref="StateDirectory"/>, <see cref="SlotPair"/>, <see cref="IUnitManager"/>, <see cref="Diagnostics.EventHub"/>, <see cref="TimeProvider"/>,
    /// <see cref="IOperatorNotice"/>, <see cref="SwitchingInstruments"/>, <see cref="SlotConnections"/> and <see cref="MaintenanceGate"/>.
    /// </summary>
    /// <param name="services">Where they go.</param>
    /// <param name="initialSlot">See <see cref="ActiveSlotResolver"/>.</param>
    /// <param name="health">How a slot is probed.</param>
    /// <param name="switch">How a switch goes.</param>
    /// <param name="probeHost">See <see cref="ProbeHost"/>; null: the slot's own address.</param>
    /// <param name="siteUrl">See <see cref="PreviewSite"/>.</param>
    public static IServiceCollection AddSwitching(
        this IServiceCollection services, SlotName initialSlot, HealthOptions health, SwitchOptions @switch, string? probeHost, Uri? siteUrl = null)
    {
        services.AddSingleton<IActiveSlotStore, ActiveSlotFile>();
        services.AddSingleton<ActiveSlotRecord>();
        services.AddSingleton<SwitchCheckpointFile>();
        services.AddSingleton<SwitchingMetrics>();
        services.AddSingleton<SwitchHistory>();

        services.AddSingleton(provider => new HealthProbe(
            health, probeHost, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<HealthProbe>>()));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<HealthMonitor>(provider, health));
        services.AddSingleton<SlotTraffic>();
        services.AddSingleton<TrafficHistory>();
        services.AddSingleton<SlotActivation>();
        services.AddSingleton<CandidateTraffic>();
        services.AddSingleton(new PreviewSite(siteUrl));
        services.AddSingleton(provider => CreatePhases(provider, health, @switch));
        services.AddSingleton<UnitStop>();
        services.AddSingleton<WarmSlot>();
        services.AddSingleton<InterruptedSwitch>();
        services.AddSingleton<PauseControl>();
        services.AddSingleton<MaintenanceControl>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ActiveSlotResolver>(provider, initialSlot));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<UnitAlignment>(provider, health, @switch));
        services.AddSingleton<Reconciliation>();
        services.AddSingleton<SwitchEnding>();
        services.AddSingleton<CommandRunner>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SwitchHooks>(provider, @switch.Hooks));
        services.AddSingleton<SwitchCourse>();
        services.AddSingleton<SwitchCoordinator>();
        services.TryAddSingleton<ISwitchDoor, OwnSwitches>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<RescueService>(provider, @switch));
        services.AddSingleton<IOutageAdvisor, OutageAdvisor>();

        // In this order: Reconciliation chooses the active slot before anything else starts.
        services.AddHostedService(provider => provider.GetRequiredService<Reconciliation>());
        services.AddHostedService(provider => provider.GetRequiredService<SwitchCoordinator>());
        services.AddHostedService<WarmStop>();
        services.AddHostedService<MaintenanceEnd>();
        services.AddHostedService(provider => provider.GetRequiredService<SlotTraffic>());
        services.AddHostedService(provider => provider.GetRequiredService<TrafficHistory>());
        services.AddHostedService(provider => provider.GetRequiredService<RescueService>());
        services.AddHostedService(provider => provider.GetRequiredService<HealthMonitor>());
        return services;
    }

    /// <summary>The admin calls of all apps. Needs <see cref="IAppRoutes"/> and <see cref="IStatusResult"/>.</summary>
    public static IServiceCollection AddSwitchingCalls(this IServiceCollection services) =>
        services.AddSingleton<IAdminCalls, SwitchCalls>().AddSingleton<IAdminCalls, TrafficCalls>();

    private static SwitchPhases CreatePhases(IServiceProvider provider, HealthOptions health, SwitchOptions @switch)
    {
        var slots = provider.GetRequiredService<SlotPair>();
        var units = provider.GetRequiredService<IUnitManager>();
        var probe = provider.GetRequiredService<HealthProbe>();
        var monitor = provider.GetRequiredService<HealthMonitor>();
        var time = provider.GetRequiredService<TimeProvider>();
        var connections = provider.GetRequiredService<SlotConnections>();
        var active = provider.GetRequiredService<ActiveSlotRecord>();
        var warm = provider.GetRequiredService<WarmSlot>();
        var traffic = provider.GetRequiredService<SlotTraffic>();
        var former = provider.GetRequiredService<IFormerRequests>();
        var observation = new Observation(@switch, slots, probe, monitor, traffic, connections.Failures, time);
        return new(
            new StartIdlePhase(health, slots, units, warm, active, AvailableMemory.Read, time, provider.GetRequiredService<ILogger<StartIdlePhase>>()),
            new ProbePhase(health, slots, units, probe, monitor, time),
            new WarmUpPhase(@switch, slots, probe),
            new PreviewPhase(provider.GetRequiredService<CandidateTraffic>(), new ActiveUnitFailure(@switch, units, time), time),
            new CanaryPhase(
                @switch, provider.GetRequiredService<CandidateTraffic>(), observation, new ActiveUnitFailure(@switch, units, time), traffic, time),
            new FlipPhase(slots, active, provider.GetRequiredService<SlotActivation>(), probe, monitor, time),
            new ObservePhase(@switch, units, provider.GetRequiredService<SwitchCompanions>(), observation, traffic, time),
            new DrainPhase(@switch, slots, former, connections.CloseIdle, time),
            new StopOldPhase(@switch, slots, provider.GetRequiredService<UnitStop>(), warm, units, time));
    }
}
