using EdgeProxy.Configuration;
using EdgeProxy.Sites.Forwarding;

namespace EdgeProxy.Sites;

/// <summary>One route of a site.</summary>
internal static class RouteRules
{
    private const string Actions = "App, Cluster, Upstreams, Files, Redirect, Respond";

    /// <returns>Whether its conditions can be used.</returns>
    public static bool Check(SettingsScope at, SiteRouteOptions route, RouteTargets targets)
    {
        CheckAction(at, route, targets);
        CheckChanges(at, route);
        ErrorRules.CheckPages(at, nameof(route.ErrorPages), route.ErrorPages);
        ErrorRules.CheckResponses(at, nameof(route.ErrorResponses), route.ErrorResponses);
        if (route.BasicAuth is { } basicAuth)
        {
            ActionRules.CheckBasicAuth(at.In(nameof(route.BasicAuth)), basicAuth);
        }

        return MatchRules.Check(at, route);
    }

    private static void CheckAction(SettingsScope at, SiteRouteOptions route, RouteTargets targets)
    {
        string[] actions =
        [
            .. new[]
            {
                (nameof(route.App), !string.IsNullOrEmpty(route.App)),
                (nameof(route.Cluster), !string.IsNullOrEmpty(route.Cluster)),
                (nameof(route.Upstreams), route.Upstreams is { Count: > 0 }),
                (nameof(route.Files), route.Files is not null),
                (nameof(route.Redirect), route.Redirect is not null),
                (nameof(route.Respond), route.Respond is not null),
            }.Where(action => action.Item2).Select(action => action.Item1),
        ];
        if (actions.Length != 1)
        {
            at.Error(
                actions.FirstOrDefault() ?? nameof(route.App),
                actions.Length == 0 ? $"is missing: a route does one of {Actions}"
                    : $"is not alone: a route does one of {Actions}, this one has {string.Join(" and ", actions)}");
        }

        if (!string.IsNullOrEmpty(route.App) && !targets.Apps.Contains(route.App))
        {
            at.Error(nameof(route.App), $"must be one of the apps: {string.Join(", ", targets.Apps)}");
        }

        if (!string.IsNullOrEmpty(route.Cluster) && !targets.Clusters.Contains(route.Cluster, StringComparer.OrdinalIgnoreCase))
        {
            at.Error(
                nameof(route.Cluster),
                targets.Clusters.Count == 0 ? "must be a cluster of ReverseProxy:Clusters, and there is none"
                    : $"must be one of ReverseProxy:Clusters: {string.Join(", ", targets.Clusters)}");
        }

        if (route is { PassThru: true, Files: null })
        {
            at.Error(nameof(route.PassThru), "is for Files");
        }

        ActionRules.Check(at, route);
    }

    private static void CheckChanges(SettingsScope at, SiteRouteOptions route)
    {
        var forwards = SiteClusters.Forwards(route);
        var groups = MatchRules.GroupsOf(route);
        HeaderRules.Check(at.In(nameof(route.Headers)), route.Headers, isRequest: false, groups);
        HeaderRules.Check(at.In(nameof(route.RequestHeaders)), route.RequestHeaders, isRequest: true, groups);
        if (route.RequestHeaders is not null && !forwards)
        {
            at.Error(nameof(route.RequestHeaders), "is for what is forwarded: App, Cluster or Upstreams");
        }

        if (route.MaxRequestBodySize is { } size)
        {
            at.Range(nameof(route.MaxRequestBodySize), size, 0, long.MaxValue);
            if (!forwards)
            {
                at.Error(nameof(route.MaxRequestBodySize), "is for what is forwarded: App, Cluster or Upstreams");
            }
        }

        if (!string.IsNullOrEmpty(route.StripPrefix))
        {
            at.RequestPath(nameof(route.StripPrefix), route.StripPrefix);
            if (route.StripPrefix.AsSpan().ContainsAny("?%{"))
            {
                at.Error(nameof(route.StripPrefix), "must be a decoded path: without a query, a % and placeholders");
            }
        }

        if (string.IsNullOrEmpty(route.Rewrite))
        {
            return;
        }

        if (!route.Rewrite.StartsWith('/') && !route.Rewrite.StartsWith("{uri}", StringComparison.Ordinal)
            && !route.Rewrite.StartsWith("{path}", StringComparison.Ordinal))
        {
            at.Error(nameof(route.Rewrite), "must be a path that starts with /, {path} or {uri}");
        }

        if (route.Rewrite.Split('?')[0].Split('/').Any(segment => segment is "." or ".."))
        {
            at.Error(nameof(route.Rewrite), "must have no . or .. segment: the upstream could resolve it to another path");
        }

        HeaderRules.CheckTemplate(at, nameof(route.Rewrite), route.Rewrite, groups);
    }
}
