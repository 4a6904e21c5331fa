using EdgeProxy.Api;
using EdgeProxy.Explaining;
using EdgeProxy.Settings;
using EdgeProxy.Sites;

namespace EdgeProxy;

/// <summary>Sites and routes as the admin API shows them: what the settings say, once for all.</summary>
internal static class SiteViews
{
    /// <param name="options">Checked.</param>
    /// <returns>Empty: no sites are set.</returns>
    public static IReadOnlyList<SiteView> Of(EdgeProxyOptions options)
    {
        var sites = options.Sites ?? [];
        var routes = sites.Length > 0 ? ListedRoute.Of(options).ToLookup(route => route.Site) : null;
        return [.. sites.Zip(SiteNames.Of(sites), (site, name) => new SiteView(
            name,
            [.. site.Hosts!],
            site.Scheme.ToString(),
            [.. routes![name].Select(route => new SiteRouteView(route.Route, route.Takes, route.Does))]))];
    }
}
