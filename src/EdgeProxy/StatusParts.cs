using EdgeProxy.Api;
using EdgeProxy.Fleet;
using EdgeProxy.Tls;

namespace EdgeProxy;

/// <summary>The parts of <c>GET /status</c> of features that lie below the admin API in the table of layers and so cannot add them themselves.</summary>
internal static class StatusParts
{
    /// <param name="services">Of the process.</param>
    /// <param name="sites">What is to be shown of sites; empty: none is set.</param>
    public static IServiceCollection AddStatusParts(this IServiceCollection services, IReadOnlyList<SiteView> sites)
    {
        services.AddSingleton<IStatusPart, OfCertificates>();
        services.AddSingleton<IStatusPart, OfFleet>();
        services.AddSingleton<IStatusPart>(new OfSites(sites));
        return services;
    }

    private sealed class OfCertificates(CertificateStatusRegistry certificates) : IStatusPart
    {
        public ValueTask<StatusView> AddAsync(StatusView status, CancellationToken cancellationToken) =>
            ValueTask.FromResult(status with { Certificates = certificates.Read() });
    }

    private sealed class OfFleet : IStatusPart
    {
        public AppStatusView Add(AppStatusView status, IServiceProvider services) =>
            status with { Fleet = services.GetService<FleetSwitches>()?.View(withNodes: false) };
    }

    private sealed class OfSites(IReadOnlyList<SiteView> sites) : IStatusPart
    {
        public ValueTask<StatusView> AddAsync(StatusView status, CancellationToken cancellationToken) => ValueTask.FromResult(status with { Sites = sites });
    }
}
