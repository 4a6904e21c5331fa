using System.Globalization;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Reaching;

namespace EdgeProxy.Sites;

/// <summary><c>EdgeProxy:Sites</c>.</summary>
internal static class SiteRules
{
    private const int LongestName = 64;

    /// <param name="root">What the list belongs to.</param>
    /// <param name="list">Its key.</param>
    /// <param name="sites">Its elements; null or empty: none.</param>
    /// <param name="targets">What routes may name.</param>
    public static void Check(SettingsScope root, string list, IReadOnlyList<SiteOptions>? sites, RouteTargets targets)
    {
        for (var i = 0; i < (sites?.Count ?? 0); i++)
        {
            var (at, site) = (root.In(list, i), sites![i]);
            CheckName(at, site.Name, [.. sites.Take(i).Select(earlier => earlier.Name)]);
            CheckBind(at, site);
            CheckHosts(at, site, sites, i);
            HeaderRules.Check(at.In(nameof(site.Headers)), site.Headers, isRequest: false);
            ErrorRules.CheckPages(at, nameof(site.ErrorPages), site.ErrorPages);
            ErrorRules.CheckResponses(at, nameof(site.ErrorResponses), site.ErrorResponses);
            CheckRoutes(at, site, targets);
        }
    }

    /// <summary>Whether each site that is served over TLS can be.</summary>
    /// <param name="domains">The names that certificates are ordered for; there are no other certificates.</param>
    public static void CheckCertificates(SettingsScope root, string list, IReadOnlyList<SiteOptions> sites, IReadOnlyList<string> domains)
    {
        for (var i = 0; i < sites.Count; i++)
        {
            var site = sites[i];
            if (site.Scheme == SiteScheme.Http || (site.Scheme == SiteScheme.Both && domains.Count == 0))
            {
                continue;
            }

            for (var j = 0; j < (site.Hosts?.Count ?? 0); j++)
            {
                if (site.Hosts![j] != AppHosts.Any && !domains.Contains(site.Hosts[j], StringComparer.OrdinalIgnoreCase))
                {
                    root.In(list, i).In(nameof(site.Hosts)).Warn(
                        j.ToString(CultureInfo.InvariantCulture),
                        "gets no certificate: put one into Tls:Certificates, or accept the terms of Tls:Acme (not for wildcards, which need a DNS challenge)");
                }
            }
        }
    }

    /// <summary>What metrics and the log call something.</summary>
    public static void CheckName(SettingsScope at, string? name, IReadOnlyList<string?> taken)
    {
        if (name is null)
        {
            return;
        }

        if (name.Length is 0 or > LongestName || name.Any(char.IsControl))
        {
            at.Error("Name", $"must have 1 to {LongestName} characters, none of them a control character");
        }
        else if (taken.Contains(name))
        {
            at.Error("Name", "is there twice");
        }
    }

    private static void CheckHosts(SettingsScope at, SiteOptions site, IReadOnlyList<SiteOptions> sites, int index)
    {
        if (site.Hosts is not { Count: > 0 })
        {
            at.Error(nameof(site.Hosts), "is missing: the hosts whose requests are the site's, [\"shop.example.com\"], or [\"*\"] for all others");
        }

        at.Each(nameof(site.Hosts), site.Hosts, (scope, key, host) =>
        {
            if (!AppHosts.IsValid(host))
            {
                scope.Error(key, $"must be {AppHosts.Allowed}");
            }
            else if (sites.Take(index).FirstOrDefault(other => Shares(site, other, host)) is { } other)
            {
                scope.Error(key, $"is a host of the site {SiteNames.Of([other])[0]} too; only with another Scheme or Bind can it be of both");
            }
        });
    }

    private static bool Shares(SiteOptions site, SiteOptions other, string host) =>
        other.Hosts?.Contains(host, StringComparer.OrdinalIgnoreCase) == true
        && (site.Scheme == other.Scheme || site.Scheme == SiteScheme.Both || other.Scheme == SiteScheme.Both)
        && EndPoints(site).Any(own => EndPoints(other).Any(own.Overlaps));

    private static IEnumerable<LocalEndPoint> EndPoints(SiteOptions site) =>
        (site.Bind ?? []).Select(text => LocalEndPoint.TryParse(text, out var endPoint) ? endPoint : default).DefaultIfEmpty();

    private static void CheckBind(SettingsScope at, SiteOptions site) => at.Each(nameof(site.Bind), site.Bind, (scope, key, text) =>
    {
        if (!LocalEndPoint.TryParse(text, out _))
        {
            scope.Error(key, "must be an address of this machine, a port, or both: 127.0.0.1, :8080, [::1]:8080");
        }
    });

    private static void CheckRoutes(SettingsScope at, SiteOptions site, RouteTargets targets)
    {
        if (site.Routes is not { Length: > 0 } routes)
        {
            at.Error(nameof(site.Routes), "is missing: [ { \"App\": \"app\" } ] hands every request to the app");
            return;
        }

        var reach = new RouteReach(site);
        var earlier = new List<SiteRouteOptions>();
        for (var i = 0; i < routes.Length; i++)
        {
            var scope = at.In(nameof(site.Routes), i);
            CheckName(scope, routes[i].Name, [.. routes.Take(i).Select(route => route.Name)]);
            if (!RouteRules.Check(scope, routes[i], targets))
            {
                continue;
            }

            CheckReach(at, site, i, reach, earlier);
            if (!routes[i].PassThru)
            {
                earlier.Add(routes[i]);
            }
        }
    }

    /// <summary>Warns of a route that no request comes to.</summary>
    /// <param name="earlier">The routes before it that keep what they take, as far as they can be used.</param>
    private static void CheckReach(SettingsScope at, SiteOptions site, int index, RouteReach reach, List<SiteRouteOptions> earlier)
    {
        var (routes, route) = (site.Routes!, site.Routes![index]);
        var scope = at.In(nameof(site.Routes), index);
        if (site.Hosts is { Count: > 0 } && route.Match?.Hosts is { Count: > 0 } hosts
            && hosts.All(host => site.Hosts.TrueForAll(other => SiteHosts.AreDisjoint(host, other))))
        {
            scope.In(nameof(route.Match)).Warn(nameof(MatchOptions.Hosts), $"gets no request: the hosts of the site are {string.Join(", ", site.Hosts)}");
        }
        else if (reach.IsContradictory(route))
        {
            Warn("gets no request: its conditions, and those of the site, exclude each other");
        }
        else if (reach.FindTakers(route, earlier) is { Count: > 0 } takers)
        {
            var names = takers.Select(taker => $"{nameof(site.Routes)}:{Array.IndexOf(routes, taker)}").ToList();
            Warn(names is [var only] ? $"gets no request: {only} comes first and takes all of them"
                : $"gets no request: {string.Join(", ", names.SkipLast(1))} and {names[^1]} come first and take all of them");
        }

        void Warn(string message)
        {
            if (route.Path is { Count: > 0 })
            {
                scope.Warn(nameof(route.Path), message);
            }
            else
            {
                at.In(nameof(site.Routes)).Warn(index.ToString(CultureInfo.InvariantCulture), message);
            }
        }
    }
}

/// <summary>What routes may name.</summary>
/// <param name="Apps">The names of the apps.</param>
/// <param name="Clusters">The ids of the clusters of <c>ReverseProxy</c>.</param>
internal sealed record RouteTargets(IReadOnlyList<string> Apps, IReadOnlyList<string> Clusters);
