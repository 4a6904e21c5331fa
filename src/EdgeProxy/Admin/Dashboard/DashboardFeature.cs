using EdgeProxy.AdminCalls;

namespace EdgeProxy.Admin.Dashboard;

/// <summary>The dashboard of the admin API.</summary>
internal static class DashboardFeature
{
    public static IServiceCollection AddDashboard(this IServiceCollection services) => services.AddSingleton<IAdminCalls, DashboardPage>();
}
