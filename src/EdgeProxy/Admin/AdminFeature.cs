using EdgeProxy.AdminCalls;

namespace EdgeProxy.Admin;

/// <summary>The admin API: a server of its own beside the public one.</summary>
internal static class AdminFeature
{
    /// <summary>Needs what <c>AddProxying</c> and <c>AddApps</c> add.</summary>
    /// <param name="services">Of the process.</param>
    /// <param name="options">Checked.</param>
    public static IServiceCollection AddAdmin(this IServiceCollection services, AdminOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(provider => AdminToken.Load(options.TokenFile, provider.GetRequiredService<ILogger<AdminToken>>()));
        services.AddSingleton<AdminAccess>();
        services.AddSingleton<AppCalls>();
        services.AddSingleton<IAppRoutes>(provider => provider.GetRequiredService<AppCalls>());
        services.AddSingleton<StatusReader>();
        services.AddSingleton<IStatusResult, StatusResult>();
        services.AddSingleton<EventStream>();
        services.AddSingleton<AdminEndpoints>();
        services.AddSingleton<AdminServer>();
        services.AddHostedService(provider => provider.GetRequiredService<AdminServer>());
        return services;
    }
}
