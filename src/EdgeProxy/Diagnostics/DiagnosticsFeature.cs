namespace EdgeProxy.Diagnostics;

/// <summary>Events and the access log.</summary>
internal static class DiagnosticsFeature
{
    public static IServiceCollection AddDiagnostics(this IServiceCollection services, AccessLogOptions accessLog)
    {
        services.AddSingleton<EventHub>();
        if (accessLog.Format != AccessLogFormat.None)
        {
            services.AddSingleton(accessLog);
            services.AddSingleton<AccessLog>();
            services.AddHostedService(provider => provider.GetRequiredService<AccessLog>());
        }

        return services;
    }

    /// <summary>Outermost in the public pipeline; absent where the log is off.</summary>
    public static void UseAccessLog(this IApplicationBuilder app)
    {
        if (app.ApplicationServices.GetService<AccessLog>() is { } log)
        {
            app.Use(log.InvokeAsync);
        }
    }
}
