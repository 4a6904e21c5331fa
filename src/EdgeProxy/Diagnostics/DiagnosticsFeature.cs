using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Diagnostics;

/// <summary>Events, metrics and the access log.</summary>
internal static class DiagnosticsFeature
{
    public static IServiceCollection AddDiagnostics(this IServiceCollection services, AccessLogOptions accessLog)
    {
        services.AddSingleton<EventHub>();
        services.AddMetricsExport();
        services.AddSingleton(provider => new RequestMetrics(provider.GetRequiredService<Meter>(), provider.GetService<AccessLog>()));
        services.AddSingleton<InstrumentSet>(provider => provider.GetRequiredService<RequestMetrics>());
        services.AddSingleton(provider => new RequestObserver(
            provider.GetRequiredService<RequestMetrics>(), provider.GetService<AccessLog>(), provider.GetRequiredService<TimeProvider>()));
        if (accessLog.Format != AccessLogFormat.None)
        {
            services.AddSingleton(provider => new AccessLog(
                LineFormat.Of(accessLog), new LineOutput(accessLog.Path), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<AccessLog>>()));
            services.AddHostedService(provider => provider.GetRequiredService<AccessLog>());
        }

        return services;
    }

    /// <summary>Outermost in the public pipeline.</summary>
    public static void UseRequestObserver(this IApplicationBuilder app)
    {
        var observer = app.ApplicationServices.GetRequiredService<RequestObserver>();
        app.Use(observer.InvokeAsync);
    }
}
