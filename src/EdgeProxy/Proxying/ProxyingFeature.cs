using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>The data plane: YARP with the app's cluster, the selection of the slot, and the standard <c>ReverseProxy</c> section beside them.</summary>
internal static class ProxyingFeature
{
    /// <param name="healthPath">The app's health path and query: maintenance lets it pass.</param>
    /// <param name="affinityKeys">Where the keys of YARP's session affinity cookies are kept. Made when a cluster of the settings uses them, not before.</param>
    public static IServiceCollection AddProxying(
        this IServiceCollection services, IConfiguration configuration, UpstreamOptions upstream, TrustedProxies trustedProxies, string healthPath, DirectoryInfo affinityKeys)
    {
        services.AddSingleton(upstream);
        services.AddSingleton(trustedProxies);
        services.AddSingleton<SlotConnections>();
        services.AddSingleton<OutageGate>();
        services.AddSingleton(provider => new AppGate(healthPath, upstream, provider.GetRequiredService<TimeProvider>()));
        services.AddInstruments<ProxyingMetrics>();
        services.AddSingleton<SlotSelection>();
        services.AddSingleton<StopDeadline>();
        services.AddHostedService(provider => provider.GetRequiredService<StopDeadline>());
        services.AddReverseProxy()
            .LoadFromMemory(AppCluster.Routes, AppCluster.Clusters(upstream))
            .LoadFromConfig(configuration.GetSection("ReverseProxy"))
            .AddTransforms(builder => AppTransforms.Add(builder, trustedProxies));
        services.AddDataProtection().PersistKeysToFileSystem(affinityKeys);
        // It would make a key at every first start, for a feature that the app does not use.
        services.Remove(services.Single(service => service.ImplementationType?.Name == "DataProtectionHostedService"));
        services.AddSingleton<IForwarderHttpClientFactory, SlotHttpClientFactory>(); // after AddReverseProxy: the last one wins
        return services;
    }

    /// <summary>First in the pipeline: nothing behind it sees a request that app and proxy could understand differently.</summary>
    public static void UseRequestHygiene(this IApplicationBuilder app) => app.UseMiddleware<RequestHygiene>();

    public static void MapProxying(this IEndpointRouteBuilder endpoints) => endpoints.MapReverseProxy(pipeline =>
    {
        // Resolved at the first request: the clusters are loaded while endpoints are mapped.
        SlotSelection? selection = null;
        pipeline.Use(forward =>
        {
            var others = StepsOfOthers(pipeline, forward);
            return context => context.GetReverseProxyFeature().Cluster.Config.ClusterId == AppCluster.Id
                ? (selection ??= context.RequestServices.GetRequiredService<SlotSelection>()).InvokeAsync(context, forward)
                : others(context);
        });
    });

    /// <summary>YARP's own choice among the destinations of a cluster of the settings. The app has one left when its slot is chosen.</summary>
    private static RequestDelegate StepsOfOthers(IReverseProxyApplicationBuilder pipeline, RequestDelegate forward)
    {
        var steps = new ReverseProxySteps(pipeline.New());
        steps.Use((HttpContext context, RequestDelegate next) =>
        {
            context.Request.Headers[RequestHygiene.RequestIdHeader] = context.TraceIdentifier; // copied as any other, for the route's own transforms to change
            return next(context);
        });
        steps.UseSessionAffinity();
        steps.UseLoadBalancing();
        steps.UsePassiveHealthChecks();
        steps.Run(forward);
        return steps.Build();
    }

    /// <summary>A branch of YARP's pipeline, as its own steps want to see it.</summary>
    private sealed class ReverseProxySteps(IApplicationBuilder branch) : IReverseProxyApplicationBuilder
    {
        public IServiceProvider ApplicationServices { get => branch.ApplicationServices; set => branch.ApplicationServices = value; }

        public IFeatureCollection ServerFeatures => branch.ServerFeatures;

        public IDictionary<string, object?> Properties => branch.Properties;

        public IApplicationBuilder Use(Func<RequestDelegate, RequestDelegate> middleware) => branch.Use(middleware);

        public IApplicationBuilder New() => branch.New();

        public RequestDelegate Build() => branch.Build();
    }
}
