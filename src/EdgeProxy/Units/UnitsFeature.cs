using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Units.Process;
using EdgeProxy.Units.Systemd;

namespace EdgeProxy.Units;

/// <summary>What runs the slots, by <c>Units:Manager</c>.</summary>
internal static class UnitsFeature
{
    public static IServiceCollection AddUnits(this IServiceCollection services, SlotsOptions slots, UnitsOptions options) =>
        services.AddSingleton<IUnitManager>(provider =>
        {
            // First of all the lock on the state directory: a second instance must not touch the units of the first.
            var state = provider.GetRequiredService<StateDirectory>();
            var time = provider.GetRequiredService<TimeProvider>();
            return options.Manager == UnitManagerKind.Process
                ? new ProcessUnits(slots, options, state.FullPath, time, provider.GetRequiredService<ILogger<ProcessUnits>>())
                : new SystemdUnits(slots, options, time, provider.GetRequiredService<ILogger<SystemdUnits>>());
        });
}
