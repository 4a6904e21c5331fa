using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Slots;
using Microsoft.Extensions.Options;

namespace EdgeProxy.Diagnostics;

/// <summary>Events, metrics and the access log.</summary>
internal static class DiagnosticsFeature
{
    /// <param name="hasSites">Requests have a <see cref="Http.ISiteRequest"/> that the access log is to name.</param>
    public static IServiceCollection AddDiagnostics(
        this IServiceCollection services, AccessLogOptions accessLog, IReadOnlyList<AppIdentity> apps, bool hasSites = false)
    {
        services.AddSingleton<EventHub>();
        services.AddMetricsExport(apps.Count);
        services.AddServerEvents();
        services.AddSingleton(provider => new RequestMetrics(
            provider.GetRequiredService<Meter>(), apps, provider.GetService<AccessLog>(), provider.GetRequiredService<ServerLog>()));
        services.AddSingleton<InstrumentSet>(provider => provider.GetRequiredService<RequestMetrics>());
        services.AddManySeries(RequestMetrics.Requests);
        services.AddSingleton(provider => new RequestObserver(
            provider.GetRequiredService<RequestMetrics>(), provider.GetService<AccessLog>(), provider.GetRequiredService<TimeProvider>()));
        if (accessLog.Format != AccessLogFormat.None)
        {
            services.AddSingleton(provider => new AccessLog(
                LineFormat.Of(accessLog, hasSites),
                new LineOutput(accessLog.Path),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AccessLog>>()));
            services.AddHostedService(provider => provider.GetRequiredService<AccessLog>());
        }

        return services;
    }

    /// <summary>What Kestrel says of requests that never reach the pipeline.</summary>
    private static void AddServerEvents(this IServiceCollection services)
    {
        services.AddSingleton<ServerLog>();
        services.AddHostedService<ServerLogReport>();
        // The last one wins: instead of the host's own.
        services.AddSingleton<ILoggerFactory>(provider => new ServerLoggerFactory(
            new LoggerFactory(
                provider.GetServices<ILoggerProvider>(),
                provider.GetRequiredService<IOptionsMonitor<LoggerFilterOptions>>(),
                provider.GetService<IOptions<LoggerFactoryOptions>>()),
            provider.GetRequiredService<ServerLog>()));
    }

    /// <summary>Outermost in the public pipeline.</summary>
    public static void UseRequestObserver(this IApplicationBuilder app)
    {
        var observer = app.ApplicationServices.GetRequiredService<RequestObserver>();
        app.Use(observer.InvokeAsync);
    }
}
