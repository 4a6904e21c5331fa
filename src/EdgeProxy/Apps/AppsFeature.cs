using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Apps;

/// <summary>The control planes of the apps.</summary>
internal static class AppsFeature
{
    /// <summary>Needs the data plane and the state directory.</summary>
    /// <param name="services">Where they go.</param>
    /// <param name="options">Of each app and the hosts that it is known by, in the order of <see cref="ProxiedApps.All"/>.</param>
    /// <param name="units">What runs the slots.</param>
    /// <param name="tls">Names the site, for the probes.</param>
    public static IServiceCollection AddApps(
        this IServiceCollection services,
        IReadOnlyList<(AppOptions Options, IReadOnlyList<string> Hosts)> options,
        UnitsOptions units,
        TlsOptions tls)
    {
        services.AddInstruments<SwitchingInstruments>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<AppFactory>(provider, options, units, tls));
        services.AddSingleton<AppRegistry>();
        services.AddSingleton<IOutageAdvisor, AppAdvisor>();
        services.AddHostedService<AppHost>();
        services.AddSwitchingCalls();
        return services;
    }

    /// <summary>Passes a question of the data plane on to the app that the slot belongs to.</summary>
    /// <remarks>The registry is asked for with the question: it needs the data plane itself.</remarks>
    private sealed class AppAdvisor(IServiceProvider provider) : IOutageAdvisor
    {
        private AppRegistry? _apps;

        public Task<string> WhenHopelessAsync(Slot slot, CancellationToken outageEnded) => Of(slot).WhenHopelessAsync(slot, outageEnded);

        public Task<bool> OutlastRestartAsync(Slot slot, CancellationToken cancellationToken) => Of(slot).OutlastRestartAsync(slot, cancellationToken);

        private IOutageAdvisor Of(Slot slot) => (_apps ??= provider.GetRequiredService<AppRegistry>()).All[slot.App.Index].Advisor;
    }
}
