using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Companions;

/// <summary>Runs the units of a companion, like those of an app.</summary>
/// <param name="name">The companion.</param>
/// <param name="slots">Its units, and where the slots listen.</param>
/// <param name="command">Its command line, for child processes.</param>
internal delegate IUnitManager CreateCompanionUnits(string name, SlotsOptions slots, string? command);

/// <summary>The companions of one app.</summary>
internal static class CompanionsFeature
{
    private static readonly string[] _placesOfSlot = ["{slot}", "{address}", "{port}"];

    /// <summary>Needs <see cref="CreateCompanionUnits"/>, where there are any.</summary>
    public static IServiceCollection AddCompanions(this IServiceCollection services, CompanionOptions[]? options, SlotsOptions slots) =>
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SwitchCompanions>(
            provider, (IReadOnlyList<Companion>)[.. (options ?? []).Select(companion => Create(provider, companion, slots))]));

    private static Companion Create(IServiceProvider provider, CompanionOptions options, SlotsOptions slots)
    {
        var isShared = options.Unit is not null
            || (options.Command is { } command && !_placesOfSlot.Any(place => command.Contains(place, StringComparison.Ordinal)));
        var own = new SlotsOptions
        {
            Blue = new() { Address = slots[SlotName.Blue].Address, Unit = options.Unit ?? options.BlueUnit },
            Green = new() { Address = slots[SlotName.Green].Address, Unit = options.Unit ?? options.GreenUnit },
        };
        var units = provider.GetRequiredService<CreateCompanionUnits>()(options.Name!, own, options.Command);
        return new Companion(options, units, isShared, provider.GetRequiredService<TimeProvider>());
    }
}
