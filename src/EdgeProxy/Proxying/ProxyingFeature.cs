using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Platform;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Proxying.Servers;
using EdgeProxy.Proxying.Spooling;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;

namespace EdgeProxy.Proxying;

/// <summary>The data plane: YARP with the app's cluster, the selection of the slot, and the standard <c>ReverseProxy</c> section beside them.</summary>
internal static class ProxyingFeature
{
    /// <param name="apps">At least one.</param>
    /// <param name="affinityKeys">Where the keys of YARP's session affinity cookies are kept. Made when a cluster of the settings uses them, not
    /// before.</param>
    /// <param name="routes">What else YARP serves.</param>
    /// <param name="clusters">Those that <paramref name="routes"/> name, beside those of the apps and of the settings.</param>
    public static IServiceCollection AddProxying(
        this IServiceCollection services,
        IConfiguration configuration,
        IReadOnlyList<ProxiedAppOptions> apps,
        DirectoryInfo affinityKeys,
        IReadOnlyList<RouteConfig> routes,
        IReadOnlyList<ClusterConfig> clusters)
    {
        services.AddProxiedApps(apps);
        services.AddInstruments<SpoolMetrics>();
        services.AddInstruments<PlaceMetrics>();
        if (apps.Any(app => app.RateLimits.Count > 0))
        {
            services.AddInstruments<RateLimitMetrics>();
        }

        services.AddInstruments<ProxyingMetrics>();
        services.AddSingleton<AppRouter>();
        services.AddServers(apps);
        services.AddSingleton<StopDeadline>();
        services.AddSingleton<IPassiveHealthCheckPolicy, FailedTries>();
        services.AddReverseProxy()
            .LoadFromMemory([.. AppCluster.Routes(apps), .. routes], [.. apps.SelectMany(AppCluster.Clusters), .. clusters])
            .LoadFromConfig(configuration.GetSection(ReverseProxySection.Name))
            .AddConfigFilter<ServerClusters>()
            .AddTransforms(AppTransforms.Add)
            .AddTransforms(ServerTransforms.Add);
        services.AddDataProtection().PersistKeysToFileSystem(affinityKeys);
        // It would make a key at every first start, for a feature that the app does not use.
        services.Remove(services.Single(service => service.ImplementationType?.Name == RuntimeInternals.DataProtectionService));
        services.AddSingleton<IForwarderHttpClientFactory, SlotHttpClientFactory>(); // after AddReverseProxy: the last one wins
        return services;
    }

    /// <summary>The apps themselves, without YARP.</summary>
    public static IServiceCollection AddProxiedApps(this IServiceCollection services, IReadOnlyList<ProxiedAppOptions> apps) =>
        services.AddSingleton(provider => new ProxiedApps(
        apps,
        provider.GetRequiredService<IOutageAdvisor>(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILoggerFactory>(),
        provider.GetService<IMemoryPoolFactory<byte>>()));

    private static void AddServers(this IServiceCollection services, IReadOnlyList<ProxiedAppOptions> apps)
    {
        services.AddSingleton(provider => new ServerOptions(
            apps is [var only] ? only.Upstream.Buffering : new BufferingOptions(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(provider => new ServerConnections(
            provider.GetRequiredService<ServerOptions>().Upstream,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetService<IMemoryPoolFactory<byte>>()));
        services.AddSingleton<ServerRequests>();
    }

    /// <summary>Nothing behind it sees a request that app and proxy could understand differently. Needs the client's address, scheme and host.</summary>
    public static void UseRequestValidation(this IApplicationBuilder app) => app.UseMiddleware<RequestValidation>();

    /// <summary>Adds preview links to the pipeline, in front of whatever serves a page. Needs the client's scheme.</summary>
    public static void UseCandidateVisits(this IApplicationBuilder app) => app.UseMiddleware<CandidateVisits>();

    public static void MapProxying(this IEndpointRouteBuilder endpoints) => endpoints.MapReverseProxy(pipeline =>
    {
        // Resolved at the first request: the clusters are loaded while endpoints are mapped.
        AppRouter? router = null;
        pipeline.Use(forward =>
        {
            var others = StepsOfOthers(pipeline, forward);
            return context => (router ??= context.RequestServices.GetRequiredService<AppRouter>()).InvokeAsync(context, others, forward);
        });
    });

    /// <summary>YARP's own choice among the destinations of a cluster of the settings. The app has one left when its slot is chosen.</summary>
    private static RequestDelegate StepsOfOthers(IReverseProxyApplicationBuilder pipeline, RequestDelegate forward)
    {
        var steps = new ReverseProxySteps(pipeline.New());
        ServerRequests? requests = null;
        steps.Use((HttpContext context, RequestDelegate next) =>
        {
            context.Request.Headers[RequestId.Header] = context.TraceIdentifier; // copied as any other, for the route's own transforms to change
            return HasOwnClient(context) ? Requests(context).TakeInAsync(context, next) : next(context);
        });
        steps.UseSessionAffinity();
        steps.Use((HttpContext context, RequestDelegate next) => HasOwnClient(context) ? Requests(context).TryAsync(context, next) : next(context));
        steps.UseLoadBalancing();
        steps.UsePassiveHealthChecks();
        steps.Run(context => HasOwnClient(context) ? Requests(context).ForwardAsync(context, forward) : forward(context));
        return steps.Build();

        ServerRequests Requests(HttpContext context) => requests ??= context.RequestServices.GetRequiredService<ServerRequests>();

        static bool HasOwnClient(HttpContext context) => ServerClusters.HaveOwnClient(context.GetReverseProxyFeature().Cluster.Config.Metadata);
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
