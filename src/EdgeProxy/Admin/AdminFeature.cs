using EdgeProxy.Admin.Dashboard;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;

namespace EdgeProxy.Admin;

/// <summary>The admin API: a server of its own beside the public one.</summary>
internal static class AdminFeature
{
    /// <summary>Needs what <c>AddProxying</c>, <c>AddSwitching</c>, <c>AddTls</c> and <c>AddAcme</c> add.</summary>
    public static IServiceCollection AddAdmin(this IServiceCollection services, EdgeProxyOptions options)
    {
        services.AddSingleton(options.Admin);
        services.AddSingleton(provider => AdminToken.Load(options.Admin.TokenFile, provider.GetRequiredService<ILogger<AdminToken>>()));
        services.AddSingleton<AdminAccess>();
        services.AddSingleton<StatusReader>();
        services.AddSingleton<EventStream>();
        services.AddSingleton<DashboardPage>();
        services.AddSingleton<CertificateEndpoints>();
        services.AddSingleton<AdminEndpoints>();
        services.AddSingleton<TrafficEndpoints>();
        services.AddSingleton<AdminServer>();
        services.AddHostedService(provider => provider.GetRequiredService<AdminServer>());
        return services;
    }
}
