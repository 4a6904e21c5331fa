using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Explaining;

namespace EdgeProxy.Explaining;

/// <summary>A line of the list of all routes.</summary>
/// <param name="Takes">Its conditions.</param>
/// <param name="Does">What it does.</param>
internal sealed record ListedRoute(string Site, string Route, string Takes, string Does)
{
    /// <summary>All routes, in the order in which they are tried.</summary>
    /// <param name="options">Checked.</param>
    public static IEnumerable<ListedRoute> Of(EdgeProxyOptions options)
    {
        if (options.Sites is { Length: > 0 } sites)
        {
            var names = SiteNames.Of(sites);
            return sites.SelectMany((site, index) => site.Routes!.Zip(SiteNames.OfRoutes(site), (route, name) => new ListedRoute(
                names[index],
                name,
                string.Join(
                    "; ",
                    RouteExplanation.DescribeConditions(route).Select(condition => $"{condition.Key} {condition.Value}").DefaultIfEmpty("everything")),
                RouteExplanation.ActionOf(route))));
        }

        var files = (options.StaticFiles ?? []).OrderByDescending(entry => entry.Path!.TrimEnd('/').Length)
            .Select(entry => new ListedRoute("*", entry.Path!, $"Path {entry.Path!.TrimEnd('/')} and all below it", $"Files {entry.Root}"));
        var apps = options.AllApps();
        return files.Concat(apps.Select(app => new ListedRoute(
            "*", app.Identity.Name, apps.Count == 1 ? "everything else" : $"Hosts {string.Join(", ", app.Options.Hosts ?? [])}", $"App {app.Identity.Name}")));
    }
}
