using EdgeProxy.Http;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites;

/// <summary>The end of the public pipeline where sites are set: each request is served by a route of the site of its host.</summary>
internal sealed class SiteServer(SiteTable sites, SiteMetrics metrics)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (sites.Find(context) is not { } site)
        {
            // RFC 9110 section 15.5.20
            return GatewayErrors.WriteAsync(context, StatusCodes.Status421MisdirectedRequest, "No site is served under this host.");
        }

        var target = RequestPath.TargetOf(context);
        var request = new SiteRequest(context, site.Name, site.Headers, target);
        context.Features.Set<ISiteRequest>(request);
        if (site.ErrorPages is { } pages)
        {
            context.Features.Set(pages);
        }

        context.Response.OnStarting(SiteRequest.CompleteHeader, request);
        return ServeAsync(context, request, site, site.FindRoute(context, target));
    }

    private async Task ServeAsync(HttpContext context, SiteRequest request, Site site, SiteRoute? route)
    {
        try
        {
            for (; route is not null; route = site.FindRoute(context, request.Target, after: route))
            {
                await route.ServeAsync(context, request);
                if (!request.IsPassedOn)
                {
                    return;
                }

                request.Leave();
                context.Features.Set(site.ErrorPages);
            }

            await GatewayErrors.WriteAsync(context, StatusCodes.Status404NotFound, "No route of this site serves this path.");
        }
        finally
        {
            metrics.Count(request, context.Response.StatusCode);
        }
    }
}
