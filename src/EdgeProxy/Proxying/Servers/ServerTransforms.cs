using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Proxying.Servers;

/// <summary>What <see cref="ServerConnections"/> has to know of a request, and what the proxy does with the response. For marked clusters
/// (<see cref="ServerClusters"/>).</summary>
internal static class ServerTransforms
{
    public static void Add(TransformBuilderContext builder)
    {
        if (!ServerClusters.HaveOwnClient(builder.Cluster?.Metadata))
        {
            return;
        }

        var options = builder.Services.GetRequiredService<ServerOptions>();
        var buffering = new ResponseBuffering(options.Upstream.Buffering, options.Spool, builder.Services.GetRequiredService<TimeProvider>());
        builder.AddRequestTransform(context =>
        {
            ServerConnections.Observe(context.ProxyRequest, ForwardedRequest.Of(context.HttpContext)!);
            UpgradeProtocols.Forward(context);
            return ValueTask.CompletedTask;
        });
        builder.AddResponseTransform(context => context.ProxyResponse is { } response && ForwardedRequest.Of(context.HttpContext) is { Life: not null } request
            ? ResponseSteps.ApplyAsync(context, response, request, buffering)
            : ValueTask.CompletedTask);
    }
}
