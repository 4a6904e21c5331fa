using EdgeProxy.State;

namespace EdgeProxy.Tls.Local;

/// <summary>Certificates of an own local authority, for development (<c>Tls:Internal</c>).</summary>
internal static class LocalFeature
{
    /// <summary>Needs <see cref="StateDirectory"/> and what <c>AddTls</c> adds. Without the setting it does nothing.</summary>
    /// <param name="hosts">See <see cref="LocalNames"/>.</param>
    /// <param name="without">Likewise.</param>
    public static IServiceCollection AddLocalAuthority(
        this IServiceCollection services, TlsOptions options, IReadOnlyList<string>? hosts = null, IReadOnlyList<string>? without = null)
    {
        services.AddSingleton(provider => new LocalCertificates(
            LocalNames.Of(options, provider.GetRequiredService<IConfiguration>()["AllowedHosts"], hosts, without),
            provider.GetRequiredService<StateDirectory>(),
            provider.GetRequiredService<CertificateTable>(),
            provider.GetRequiredService<CertificateStatusRegistry>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LocalCertificates>>()));
        services.AddHostedService(provider => provider.GetRequiredService<LocalCertificates>());
        return services;
    }
}
