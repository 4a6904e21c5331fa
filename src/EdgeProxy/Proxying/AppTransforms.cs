using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using EdgeProxy.Proxying.Upstream;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Proxying;

/// <summary>What the app sees of a request, and what the proxy learns from its response. For the app's own route; see <see cref="Servers.ServerTransforms"/>
/// for others.</summary>
internal static class AppTransforms
{
    public static void Add(TransformBuilderContext builder)
    {
        if (builder.Services.GetRequiredService<ProxiedApps>().OfCluster(builder.Route.ClusterId) is not { } app)
        {
            return;
        }

        var buffering = new ResponseBuffering(app.Options.Upstream.Buffering, app.Spool, builder.Services.GetRequiredService<TimeProvider>());
        var mayRewrite = builder.Route.Metadata?.ContainsKey(IRewrittenRequest.RouteMetadata) == true;
        builder.UseDefaultForwarders = false;
        builder.AddOriginalHost();
        builder.AddRequestTransform(context =>
        {
            KeepTarget(context, mayRewrite);
            ForwardedFields.Set(context);
            context.ProxyRequest.Headers.TryAddWithoutValidation(RequestId.Header, context.HttpContext.TraceIdentifier);
            return ValueTask.CompletedTask;
        });
        builder.AddResponseTransform(context =>
        {
            if (context.ProxyResponse is not { } response || ForwardedRequest.Of(context.HttpContext) is not { Lease: { } lease } request)
            {
                return ValueTask.CompletedTask;
            }

            request.Choice?.Mark(context.HttpContext, lease.Slot.Name);
            return ResponseSteps.ApplyAsync(context, response, request, buffering);
        });
    }

    /// <summary>Path and query as the client wrote them: YARP would decode and encode them anew (<c>%2F</c> becomes <c>%252F</c>).</summary>
    /// <param name="mayRewrite">The route may ask for others.</param>
    private static void KeepTarget(RequestTransformContext context, bool mayRewrite)
    {
        var slot = AppCluster.SlotAt(context.DestinationPrefix);
        var target = mayRewrite && context.HttpContext.Features.Get<IRewrittenRequest>() is { } rewritten ? rewritten.Target
            : RequestTarget.PathAndQuery(context.HttpContext.Features.Get<IHttpRequestFeature>()!.RawTarget)!; // never null: RequestValidation refused others
        context.ProxyRequest.RequestUri = new UpstreamTarget(
            slot, target, ForwardedRequest.Of(context.HttpContext), UpgradeProtocols.Forward(context));
    }
}
