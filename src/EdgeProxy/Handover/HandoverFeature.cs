using EdgeProxy.AdminCalls;
using EdgeProxy.Api;
using EdgeProxy.Apps;
using EdgeProxy.Hosting;
using EdgeProxy.Platform;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Units;

namespace EdgeProxy.Handover;

/// <summary>A process that replaces itself. For one of its own; what lives in another's does not.</summary>
internal static class HandoverFeature
{
    /// <param name="arrival">Of a process that another one has started; null: it is on its own.</param>
    /// <param name="parts">See <see cref="ReplacedProcess"/>.</param>
    public static void AddHandover(
        this IServiceCollection services,
        RunningSettings settings,
        ShutdownOptions shutdown,
        Arrival? arrival,
        Func<IServiceProvider, IEnumerable<IHostedService>> parts)
    {
        if (arrival is not null)
        {
            services.Insert(0, ServiceDescriptor.Singleton<IHostedService>(new StateWait(arrival))); // before anything reads the state
            services.AddSystemdNotices(isMain: false);
        }

        services.AddSingleton(provider => new FormerProcesses(
            areExpected: arrival is not null,
            shutdown,
            provider.GetRequiredService<AppRegistry>,
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FormerProcesses>>()));
        services.AddSingleton<IFormerRequests>(provider => provider.GetRequiredService<FormerProcesses>());
        services.AddHostedService(provider => provider.GetRequiredService<FormerProcesses>());
        services.AddSingleton<IStatusPart, FormerStatus>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ReplacedProcess>(provider, shutdown, arrival is null, () => parts(provider)));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ProcessHandover>(provider, settings));
        services.AddHostedService(provider => provider.GetRequiredService<ProcessHandover>());
    }

    /// <summary>The admin call, also of a server that lives in another's process: there it says that nothing can be handed over.</summary>
    public static void AddHandoverCalls(this IServiceCollection services)
    {
        services.AddSingleton<HandoverCalls>();
        services.AddSingleton<IAdminCalls>(provider => provider.GetRequiredService<HandoverCalls>());
        services.AddSingleton<IAdminGuard>(provider => provider.GetRequiredService<HandoverCalls>());
    }

    /// <summary>This process has started in place of another one.</summary>
    public static async Task TakeOverAsync(this Arrival arrival, IServiceProvider services, CancellationToken cancellationToken)
    {
        // First: with the state taken over, the children of the old process would pass for orphans.
        foreach (var app in services.GetRequiredService<AppRegistry>().All)
        {
            await Task.WhenAll([UnitsFeature.BeginAsync(app.Units), .. app.Companions.All.Select(companion => companion.BeginAsync())]);
        }

        await arrival.TakeOverAsync(services.GetRequiredService<SystemdNotices>(), services.GetRequiredService<TimeProvider>(), cancellationToken);
        services.GetRequiredService<ListeningSockets>().TakeOver();
        services.GetRequiredService<StateDirectory>().TakeOver();
        await services.GetRequiredService<FormerProcesses>().TakeAsync(arrival.Former);
    }

    private sealed class StateWait(Arrival arrival) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => arrival.WaitForStateAsync(cancellationToken);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
