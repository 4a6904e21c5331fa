using EdgeProxy.Admin.Dashboard;
using EdgeProxy.AdminCalls;
using EdgeProxy.Api;

namespace EdgeProxy.Admin;

/// <summary>The admin API: a server of its own beside the public one.</summary>
internal static class AdminFeature
{
    /// <summary>Needs what <c>AddProxying</c>, <c>AddApps</c>, <c>AddTls</c> and <c>AddAcme</c> add.</summary>
    /// <param name="options">Checked.</param>
    /// <param name="sites">What is to be shown of sites; null: none is set.</param>
    public static IServiceCollection AddAdmin(this IServiceCollection services, AdminOptions options, IReadOnlyList<SiteView>? sites = null)
    {
        services.AddSingleton(options);
        services.AddSingleton(provider => AdminToken.Load(options.TokenFile, provider.GetRequiredService<ILogger<AdminToken>>()));
        services.AddSingleton<AdminAccess>();
        services.AddSingleton<AppCalls>();
        services.AddSingleton<IAppRoutes>(provider => provider.GetRequiredService<AppCalls>());
        services.AddSingleton(sites ?? []);
        services.AddSingleton<StatusReader>();
        services.AddSingleton<IStatusResult, StatusResult>();
        services.AddSingleton<EventStream>();
        services.AddSingleton<DashboardPage>();
        services.AddSingleton<AdminEndpoints>();
        services.AddSingleton<AdminServer>();
        services.AddHostedService(provider => provider.GetRequiredService<AdminServer>());
        return services;
    }
}
