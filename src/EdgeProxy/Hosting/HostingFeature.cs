using System.Diagnostics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Platform;
using EdgeProxy.Proxying;
using EdgeProxy.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting.Systemd;

namespace EdgeProxy.Hosting;

/// <summary>The life of the process: its public sockets, systemd's notifications, and an end that loses nothing.</summary>
internal static class HostingFeature
{
    /// <param name="maxRequestBodySize">Where the settings of Kestrel itself name none; null: no limit.</param>
    public static void AddHosting(this WebApplicationBuilder builder, long? maxRequestBodySize, ShutdownOptions shutdown)
    {
        var services = builder.Services;
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddSimpleConsole();
        services.AddSingleton(ServerLimits.Read(builder.Configuration, maxRequestBodySize));
        services.AddRoutingCore();
        services.AddSystemd();
        services.AddSystemdNotices(isMain: true);
        services.AddHostedService<SystemdWatchdog>();
        services.AddHostedService(provider => new StartGarbage(StartGarbage.Release, provider.GetRequiredService<TimeProvider>()));
        services.AddHostedService(provider => new StopTimer(
            provider.GetRequiredService<StopDeadline>().Pass,
            shutdown,
            provider.GetRequiredService<ISystemdNotifier>(),
            provider.GetRequiredService<TimeProvider>()));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = shutdown.DrainTimeout + StopTimer.TimeToRespond);

        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration(); // https endpoints of the standard Kestrel section
        builder.WebHost.ConfigureKestrel((context, kestrel) => PublicListener.Configure(kestrel, context.Configuration, maxRequestBodySize));
        services.AddSingleton<IMemoryPoolFactory<byte>, SocketBuffers>();
        services.TryAddSingleton(_ => new ListeningSockets(ListeningSockets.OfSystemd()));
        services.AddSingleton<PublicConnections>();
        services.AddSingleton<ConnectionCloseOnShutdown>();
        // The last one wins: instead of the host's own, which stays what hosting and routing write to.
        services.AddSingleton<DiagnosticSource>(provider => new BadRequestObserver(
            provider.GetRequiredService<RequestMetrics>(),
            provider.GetService<AccessLog>(),
            provider.GetRequiredService<ServerLog>(),
            provider.GetRequiredService<PublicConnections>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IConnectionListenerFactory>(provider => new GracefulListenerFactory(
            ActivatorUtilities.CreateInstance<SocketTransport>(provider),
            provider.GetRequiredService<ListeningSockets>(),
            provider.GetRequiredService<PublicConnections>(),
            provider.GetRequiredService<ProxiedApps>().Slots,
            provider.GetRequiredService<TimeProvider>()));

        services.AddHostFiltering(_ => { });
        services.Configure<HostFilteringOptions>(filter =>
            filter.AllowedHosts = builder.Configuration["AllowedHosts"]
                ?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } hosts
                ? [.. hosts.Select(host => host.TrimEnd('.'))] // as RequestedHost leaves those of requests
                : ["*"]);
    }

    /// <param name="isMain">See <see cref="SystemdNotices"/>.</param>
    public static void AddSystemdNotices(this IServiceCollection services, bool isMain)
    {
        services.AddSingleton(_ => new SystemdNotices(new SystemdNotifier(), isMain));
        services.AddSingleton<ISystemdNotifier>(provider => provider.GetRequiredService<SystemdNotices>());
        if (!isMain && Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not null)
        {
            services.AddSingleton<IHostLifetime, SystemdLifetime>(); // AddSystemd adds it only to a child of systemd
        }
    }

    /// <summary>
    /// Keeps WebApplication from putting authorization in front of the pipeline, which it does because YARP registers its services. Nobody
    /// can sign in here: a route of the settings that asks for a policy is refused by its endpoint.
    /// </summary>
    public static void UseNoAuthorization(this WebApplication app) => ((IApplicationBuilder)app).Properties[RuntimeInternals.AuthorizationIsSet] = true;

    /// <summary>For a process of its own; what lives in another's leaves signals to that.</summary>
    public static void AddReload(this IServiceCollection services, RunningSettings settings) => services.AddHostedService(provider =>
        new Reload(settings, provider.GetService<AccessLog>(), provider.GetRequiredService<ILogger<Reload>>()));

    /// <summary>During the stop, and behind a handover, a response says that it is the last on its connection (HTTP/1.1 <c>Connection: close</c>, HTTP/2
    /// GOAWAY).</summary>
    public static void UseConnectionCloseOnShutdown(this WebApplication app)
    {
        var last = app.Services.GetRequiredService<ConnectionCloseOnShutdown>();
        Func<object, Task> tell = context => // when the response begins: the request may have come before the stop
        {
            if (last.AreDue)
            {
                ((HttpContext)context).Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            }

            return Task.CompletedTask;
        };
        app.Use((HttpContext context, RequestDelegate next) =>
        {
            context.Response.OnStarting(tell, context);
            return next(context);
        });
    }
}
