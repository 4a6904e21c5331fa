using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Tls;

/// <summary>TLS on the public side: certificates, endpoints, and the way of clients to them.</summary>
internal static class TlsFeature
{
    /// <summary>Needs <see cref="Diagnostics.EventHub"/> and <see cref="TimeProvider"/>.</summary>
    public static IServiceCollection AddTls(this IServiceCollection services, TlsOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<CertificateTable>();
        services.AddSingleton<CertificateStatusRegistry>();
        services.AddSingleton<IReloadCheck, CertificateLoss>();
        services.AddInstruments<CertificateMetrics>(CertificateMetrics.OfEachName);
        services.AddSingleton<PendingChallenges>();
        services.AddSingleton(_ => new HandshakeQueue());
        services.AddSingleton<HandshakeMiddleware>();
        services.AddSingleton<HttpsEndpoints>();
        services.AddHostedService<CertificateFiles>(); // before the server listens: hosted services start in order, it comes last
        return services;
    }

    /// <summary>Before anything that could send an authority elsewhere or refuse its request.</summary>
    public static void UseHttp01Challenges(this IApplicationBuilder app) => app.UseMiddleware<Http01Challenges>();

    /// <summary>Behind host filtering and request validation.</summary>
    /// <param name="keepsClearText">Which requests in clear text are served and not sent on; null: none.</param>
    public static void UseTls(this WebApplication app, Func<HttpContext, bool>? keepsClearText = null)
    {
        var options = app.Services.GetRequiredService<TlsOptions>();
        if (options.RedirectHttp)
        {
            var (certificates, endpoints) = (app.Services.GetRequiredService<CertificateTable>(), app.Services.GetRequiredService<HttpsEndpoints>());
            ((IApplicationBuilder)app).Use(next => new HttpsRedirect(next, certificates, endpoints, keepsClearText).InvokeAsync);
        }

        if (!string.IsNullOrEmpty(options.Hsts))
        {
            app.UseMiddleware<StrictTransport>(options.Hsts);
        }
    }
}
