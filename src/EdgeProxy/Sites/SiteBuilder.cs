using System.Globalization;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Sites.Forwarding;
using EdgeProxy.Sites.Matching;
using EdgeProxy.StaticFiles;

namespace EdgeProxy.Sites;

/// <summary>Makes sites of their settings, once, at the start.</summary>
internal sealed class SiteBuilder(
    SiteEndpoints endpoints, PasswordChecks checks, StaticFileResponder files, RequestLimits limits, ILogger<SiteErrorPages> logger)
{
    /// <param name="sites">Checked.</param>
    public SiteTable Build(IReadOnlyList<SiteOptions> sites)
    {
        var names = SiteNames.Of(sites);
        return new SiteTable([.. sites.Select((site, index) => Build(site, index, names[index]))]);
    }

    private Site Build(SiteOptions site, int index, string name)
    {
        var errorPages = SiteErrorPages.Of(site.ErrorPages, site.ErrorResponses, others: null, logger);
        var names = SiteNames.OfRoutes(site);
        return new Site(site, name, errorPages, [.. site.Routes!.Select((route, position) => new SiteRoute(
            route,
            names[position],
            ActionOf(route, SiteClusters.IdOf(index, position)),
            checks,
            route is { ErrorPages.Count: > 0 } or { ErrorResponses.Count: > 0 }
                ? SiteErrorPages.Of(route.ErrorPages, route.ErrorResponses, errorPages, logger) : null,
            limits.MaxRequestHeaderFieldSize))]);
    }

    private Func<HttpContext, SiteRequest, Task> ActionOf(SiteRouteOptions route, string id)
    {
        if (route.Redirect is { } redirect)
        {
            return new Redirect(redirect).RespondAsync;
        }

        if (route.Respond is { } respond)
        {
            return new FixedResponse(respond).RespondAsync;
        }

        if (route.Files is { } options)
        {
            var mount = new StaticMount(options, "/", keyPrefix: $"{id}:");
            return !route.PassThru ? (context, request) => files.ServeAsync(context, mount, ByteName.DecodePath(RequestPath.Of(request.Target)))
                : async (context, request) => request.IsPassedOn =
                    !await files.ServeAsync(context, mount, ByteName.DecodePath(RequestPath.Of(request.Target)), passesOn: true);
        }

        return endpoints.Forward(id);
    }
}

/// <summary>What sites and routes are called in metrics and the access log.</summary>
internal static class SiteNames
{
    /// <summary>The own names of sites, else their first hosts; unique.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyList<SiteOptions> sites) => Unique(sites.Select(site => site.Name ?? site.Hosts?.FirstOrDefault() ?? "?"));

    /// <summary>The own names of a site's routes, else their first paths; unique.</summary>
    public static IReadOnlyList<string> OfRoutes(SiteOptions site) => Unique(
        (site.Routes ?? []).Select(route => route.Name ?? route.Path?.FirstOrDefault() ?? "*"));

    private static List<string> Unique(IEnumerable<string> names)
    {
        var unique = new List<string>();
        foreach (var name in names)
        {
            var count = 2;
            var candidate = name;
            while (unique.Contains(candidate))
            {
                candidate = string.Create(CultureInfo.InvariantCulture, $"{name} #{count++}");
            }

            unique.Add(candidate);
        }

        return unique;
    }
}
