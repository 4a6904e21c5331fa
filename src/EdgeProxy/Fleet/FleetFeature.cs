using EdgeProxy.AdminCalls;
using EdgeProxy.Apps;
using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Switching;
using EdgeProxy.Tls;

namespace EdgeProxy.Fleet;

/// <summary>Several machines that switch as one. Where the settings have no <c>Fleet</c>, nothing of it is added but its admin calls,
/// which say so, and what a reload asks.</summary>
internal static class FleetFeature
{
    /// <summary>Adds what the apps share, and the admin calls.</summary>
    public static IServiceCollection AddFleet(this IServiceCollection services, FleetOptions? options)
    {
        services.AddSingleton<IAdminCalls, FleetCalls>();
        services.AddSingleton<IReloadCheck, FleetIdentity>(); // also where there is no fleet: the new settings may name one
        if (options is not null)
        {
            services.AddSingleton(provider => new FleetNode(options, provider.GetRequiredService<TimeProvider>()));
            services.AddSingleton<FleetMembers>();
            services.AddSingleton<IAppPart, FleetPart>();
            services.AddInstruments<FleetMetrics>();
            services.AddSingleton<ISharedCertificates, FleetCertificates>();
        }

        return services;
    }

    /// <summary>Adds the part of one app, before what the app adds itself: this node is to know of its fleet before the active slot is chosen.</summary>
    /// <param name="services">The services of the app.</param>
    /// <param name="node">The process's part of the fleet.</param>
    /// <param name="health">The section <c>Health</c> of the app.</param>
    public static void AddFleetMember(this IServiceCollection services, FleetNode node, HealthOptions health)
    {
        services.AddSingleton(node);
        services.AddSingleton<FleetClaim>();
        services.AddSingleton<IIdleClaim>(provider => provider.GetRequiredService<FleetClaim>());
        services.AddSingleton<FleetHold>();
        services.AddSingleton<StagedVersionFile>();
        services.AddSingleton<FleetLoop>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<FleetParticipation>(provider, health));
        services.AddSingleton<FleetMember>();
        services.AddSingleton<FleetSwitches>();
        services.AddSingleton<ISwitchDoor>(provider => provider.GetRequiredService<FleetSwitches>());
        services.AddHostedService(provider => provider.GetRequiredService<FleetMember>());
    }

    /// <summary>Says to balancers whether they should send requests here, whatever the host: they ask by address.</summary>
    public static void UseFleetReadiness(this IApplicationBuilder app)
    {
        if (app.ApplicationServices.GetService<FleetNode>() is not { Options.ReadyPath: { Length: > 0 } path })
        {
            return;
        }

        var members = app.ApplicationServices.GetRequiredService<FleetMembers>();
        app.Use(next => context =>
        {
            if (!context.Request.Path.Equals(path, StringComparison.Ordinal))
            {
                return next(context);
            }

            // The reason is for operators: GET /fleet of the admin API.
            var isReady = members.All.All(member => member.WhyNotReady() is null);
            context.Response.StatusCode = isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.CacheControl = "no-store";
            context.Response.ContentType = "text/plain";
            return context.Response.WriteAsync(isReady ? "ready\n" : "not ready\n", context.RequestAborted);
        });
    }
}
