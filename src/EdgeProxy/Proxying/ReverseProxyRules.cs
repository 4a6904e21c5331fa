using EdgeProxy.Configuration;

namespace EdgeProxy.Proxying;

/// <summary>YARP's <c>ReverseProxy</c>: extra routes and clusters. YARP reports a wrong route as it starts and a wrong address never.</summary>
internal static class ReverseProxyRules
{
    /// <summary>What narrows a route, beside its path.</summary>
    private static readonly string[] _narrowing = ["Hosts", "Methods", "Headers", "QueryParameters"];

    /// <param name="apps">The names of the apps.</param>
    public static void Check(IConfigurationSection section, IReadOnlyList<string> apps, ProblemList problems)
    {
        var clusters = section.GetSection("Clusters").GetChildren().ToList();
        foreach (var cluster in clusters)
        {
            CheckCluster(cluster, apps, problems);
        }

        foreach (var route in section.GetSection("Routes").GetChildren())
        {
            CheckRoute(route, [.. clusters.Select(cluster => cluster.Key), .. apps.Select(AppCluster.IdOf)], apps, problems);
        }
    }

    private static void CheckCluster(IConfigurationSection cluster, IReadOnlyList<string> apps, ProblemList problems)
    {
        RefuseOurs(cluster, "cluster", apps.Any(app => AppCluster.Owns(app, cluster.Key)), problems);
        foreach (var destination in cluster.GetSection("Destinations").GetChildren())
        {
            var address = destination.GetSection("Address");
            if (!Uri.TryCreate(address.Value, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            {
                problems.Error(
                    address.Path, address.Value is null ? "is missing: http://HOST:PORT/" : "must be an absolute URL: http://HOST:PORT/ or https://HOST:PORT/");
            }
        }
    }

    private static void CheckRoute(IConfigurationSection route, string[] clusters, IReadOnlyList<string> apps, ProblemList problems)
    {
        RefuseOurs(route, "route", AppCluster.Owns(AppCluster.RouteId, route.Key), problems);
        var cluster = route.GetSection("ClusterId");
        if (!clusters.Contains(cluster.Value, StringComparer.OrdinalIgnoreCase))
        {
            problems.Error(cluster.Path, $"must be one of the clusters: {string.Join(", ", clusters)}");
        }

        var match = route.GetSection("Match");
        if (string.IsNullOrEmpty(match["Path"]) && !match.GetSection("Hosts").GetChildren().Any())
        {
            problems.Error(match.Path, "must have a Path or Hosts");
        }
        else if (TakesEverything(match) && !apps.Any(app => AppCluster.Owns(app, cluster.Value)))
        {
            // Any route of the settings comes before the app's own.
            problems.Error($"{match.Path}:Path", "takes every request, and leaves the app none: narrow the Path, or give the route Hosts");
        }
    }

    private static bool TakesEverything(IConfigurationSection match) =>
        match["Path"]?.TrimStart('/') is { } path
        && path.StartsWith("{*", StringComparison.Ordinal)
        && path.IndexOf('}', StringComparison.Ordinal) == path.Length - 1
        && !path.Contains(':', StringComparison.Ordinal) // a constraint
        && _narrowing.All(key => !match.GetSection(key).GetChildren().Any());

    /// <summary>YARP compares ids without letter case, and ends the process at a duplicate.</summary>
    private static void RefuseOurs(IConfigurationSection entry, string what, bool isOurs, ProblemList problems)
    {
        if (isOurs)
        {
            problems.Error(entry.Path, $"is the id of EdgeProxy's own {what}; choose another");
        }
    }
}
