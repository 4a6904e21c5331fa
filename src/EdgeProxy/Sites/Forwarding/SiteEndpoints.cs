using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Servers;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Sites.Forwarding;

/// <summary>Hands requests over to YARP with the route that the site has found, without another look at their paths.</summary>
/// <param name="endpoints">Of the whole server, complete once it has started.</param>
internal sealed class SiteEndpoints(EndpointDataSource endpoints)
{
    private readonly Lazy<Dictionary<string, Endpoint>> _byRoute = new(() => endpoints.Endpoints
        .Select(endpoint => (Id: endpoint.Metadata.GetMetadata<RouteModel>()?.Config.RouteId, Endpoint: endpoint))
        .Where(route => route.Id is not null && SiteClusters.Owns(route.Id))
        .ToDictionary(route => route.Id!, route => route.Endpoint));

    /// <param name="routeId">See <see cref="SiteClusters.IdOf"/>.</param>
    public Func<HttpContext, SiteRequest, Task> Forward(string routeId) => (context, request) => ForwardAsync(context, request, routeId);

    private async Task ForwardAsync(HttpContext context, SiteRequest request, string routeId)
    {
        var endpoint = _byRoute.Value[routeId];
        context.SetEndpoint(endpoint);
        context.Features.Set<IRewrittenRequest>(request);
        await endpoint.RequestDelegate!(context);
        if (context.Features.Get<IForwarderErrorFeature>() is { } failure && !context.Response.HasStarted && ForwardedRequest.Of(context) is null)
        {
            await ExplainAsync(context, failure);
        }
    }

    /// <summary>YARP leaves a status and no word. Requests that a client of our own has sent have their response already.</summary>
    private static Task ExplainAsync(HttpContext context, IForwarderErrorFeature failure)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            GatewayErrors.ClientLeft(context);
            return Task.CompletedTask;
        }

        return ServerErrors.WriteAsync(context, failure);
    }
}
