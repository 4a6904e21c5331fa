using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units.Process;
using EdgeProxy.Units.Systemd;

namespace EdgeProxy.Units;

/// <summary>What runs the slots, by <c>Units:Manager</c>.</summary>
internal static class UnitsFeature
{
    public static IServiceCollection AddUnits(this IServiceCollection services, SlotsOptions slots, UnitsOptions options) =>
        services.AddSingleton(provider => Create(provider, provider.GetRequiredService<StateDirectory>(), slots, options));

    /// <summary>Completes when no child runs in these units that this process has started.</summary>
    public static Task WhenNoChildIsLeftAsync(IUnitManager units) => units is ProcessUnits own ? own.WhenNoneIsLeftAsync() : Task.CompletedTask;

    /// <summary>Completes when it has what the process before has handed over.</summary>
    public static Task BeginAsync(IUnitManager units) => units is ProcessUnits own ? own.WhenBegunAsync() : Task.CompletedTask;

    /// <param name="state">Asked for first of all, as it is locked: a second instance must not touch the units of the first.</param>
    public static IUnitManager Create(IServiceProvider provider, StateDirectory state, SlotsOptions slots, UnitsOptions options)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        return options.Manager == UnitManagerKind.Process
            ? new ProcessUnits(slots, options, state.FullPath, time, provider.GetRequiredService<ILogger<ProcessUnits>>(), state)
            : new SystemdUnits(slots, options, time, provider.GetRequiredService<ILogger<SystemdUnits>>());
    }
}
