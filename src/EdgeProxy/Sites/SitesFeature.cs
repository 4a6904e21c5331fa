using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Sites.Forwarding;
using EdgeProxy.StaticFiles;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Sites;

/// <summary>Sites and their routes. Nothing of it is there where none is set.</summary>
internal static class SitesFeature
{
    /// <summary>Needs what <c>AddStaticFiles</c> adds and <c>AddProxying</c>, which has to get the routes and clusters of <see cref="SiteClusters"/>.</summary>
    /// <param name="sites">Checked; null or empty: none.</param>
    public static IServiceCollection AddSites(this IServiceCollection services, IReadOnlyList<SiteOptions>? sites)
    {
        if (sites is not { Count: > 0 })
        {
            return services;
        }

        services.AddSingleton<PasswordChecks>();
        services.AddSingleton<SiteEndpoints>();
        services.AddSingleton(provider => new SiteBuilder(
            provider.GetRequiredService<SiteEndpoints>(),
            provider.GetRequiredService<PasswordChecks>(),
            provider.GetRequiredService<StaticFileResponder>(),
            provider.GetRequiredService<RequestLimits>(),
            provider.GetRequiredService<ILogger<SiteErrorPages>>()).Build(sites));
        services.AddInstruments<SiteMetrics>(SiteMetrics.Counter);
        services.AddSingleton<SiteServer>();
        services.AddSingleton<ITransformProvider, SiteTransforms>(); // behind those of AddProxying
        return services;
    }

    /// <summary>Where a request must not be sent on to https: its site is served in clear text. Null: there are no sites.</summary>
    public static Func<HttpContext, bool>? KeepsClearText(IServiceProvider services) =>
        services.GetService<SiteTable>() is { } sites ? context => sites.Find(context) is { KeepsClearText: true } : null;

    /// <summary>The end of the pipeline where there are sites.</summary>
    public static void UseSites(this IApplicationBuilder app)
    {
        if (app.ApplicationServices.GetService<SiteServer>() is { } server)
        {
            app.Run(server.InvokeAsync);
        }
    }
}
