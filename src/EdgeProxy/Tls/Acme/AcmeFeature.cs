using EdgeProxy.AdminCalls;

namespace EdgeProxy.Tls.Acme;

/// <summary>Certificates that an authority issues and this process renews.</summary>
internal static class AcmeFeature
{
    /// <summary>Needs <see cref="State.StateDirectory"/> and what <c>AddTls</c> adds. Without domains it does nothing.</summary>
    public static IServiceCollection AddAcme(this IServiceCollection services, AcmeOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(_ => new AcmeHttp(AcmeHttp.CreateHandler(options.TrustedRoots)));
        services.AddSingleton<CertificateStore>();
        services.AddSingleton(provider => AcmeAuthorities.Of(
            options,
            (directory, externalAccount) => new AcmeAccounts(
                directory,
                externalAccount,
                options,
                provider.GetRequiredService<AcmeHttp>(),
                provider.GetRequiredService<CertificateStore>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AcmeAccounts>>())));
        services.AddSingleton<CertificateIssuer>();
        services.AddSingleton(provider => new CertificateManager(
            [.. Domains(options).Select(domain => CreateLoop(provider, domain))],
            provider.GetRequiredService<IHostApplicationLifetime>(),
            options.Domains is { Length: > 0 } ? provider.GetService<ISharedCertificates>() : null));
        services.AddHostedService(provider => provider.GetRequiredService<CertificateManager>());
        services.AddSingleton<IAdminCalls, CertificateCalls>();
        return services;
    }

    /// <summary>The settings have been checked: each is a name.</summary>
    private static IEnumerable<string> Domains(AcmeOptions options)
    {
        foreach (var text in options.Domains ?? [])
        {
            yield return DomainName.TryNormalize(text, out var domain) ? domain : throw new ArgumentException($"\"{text}\" is no domain name");
        }
    }

    private static CertificateLoop CreateLoop(IServiceProvider provider, string domain)
    {
        var loggers = provider.GetRequiredService<ILoggerFactory>();
        var time = provider.GetRequiredService<TimeProvider>();
        return new CertificateLoop(
            domain,
            provider.GetRequiredService<CertificateIssuer>(),
            provider.GetRequiredService<AcmeAuthorities>(),
            provider.GetRequiredService<CertificateStore>(),
            provider.GetRequiredService<CertificateTable>(),
            provider.GetRequiredService<CertificateStatusRegistry>(),
            new RenewalAdvice(time, loggers.CreateLogger<RenewalAdvice>()),
            time,
            loggers.CreateLogger<CertificateLoop>(),
            provider.GetService<ISharedCertificates>());
    }
}
