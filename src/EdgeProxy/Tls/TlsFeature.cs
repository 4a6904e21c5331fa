using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Tls;

/// <summary>TLS on the public side: certificates, endpoints, and the way of visitors to them.</summary>
internal static class TlsFeature
{
    /// <summary>Needs <see cref="Diagnostics.EventHub"/> and <see cref="TimeProvider"/>.</summary>
    public static IServiceCollection AddTls(this IServiceCollection services, TlsOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<CertificateTable>();
        services.AddSingleton<CertificateBoard>();
        services.AddInstruments<CertificateMetrics>();
        services.AddSingleton<PendingChallenges>();
        services.AddSingleton<ChallengeHandshakes>();
        services.AddSingleton<HttpsEndpoints>();
        services.AddHostedService<CertificateFiles>(); // before the server listens: hosted services start in order, it comes last
        return services;
    }

    /// <summary>Before anything that could send an authority elsewhere or refuse its request.</summary>
    public static void UseChallengeAnswers(this IApplicationBuilder app) => app.UseMiddleware<ChallengeAnswers>();

    /// <summary>Behind host filtering and request hygiene.</summary>
    public static void UseTls(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<TlsOptions>();
        if (options.RedirectHttp)
        {
            app.UseMiddleware<HttpsRedirect>();
        }

        if (!string.IsNullOrEmpty(options.Hsts))
        {
            app.UseMiddleware<StrictTransport>(options.Hsts);
        }
    }
}
