using EdgeProxy.Proxying;

namespace EdgeProxy.Sites;

/// <summary>The hosts of sites, for certificates and probes.</summary>
internal static class SiteDomains
{
    /// <summary>Those that are served over TLS, without <c>*</c>.</summary>
    public static IEnumerable<string> OfTls(IEnumerable<SiteOptions> sites) =>
        sites.Where(site => site.Scheme != SiteScheme.Http).SelectMany(site => site.Hosts ?? []).Where(host => host != AppHosts.Any);

    /// <summary>Those that are served in clear text alone, and so need no certificate.</summary>
    public static IEnumerable<string> OfClearText(IEnumerable<SiteOptions> sites) =>
        sites.SelectMany(site => site.Hosts ?? []).Except(OfTls(sites), StringComparer.OrdinalIgnoreCase);

    /// <summary>Those whose certificates an authority is to issue.</summary>
    public static IEnumerable<string> OfAuthority(IEnumerable<SiteOptions> sites) => OfTls(sites.Where(site => site.Acme));

    /// <summary>Those of the sites that have a route to an app.</summary>
    public static IEnumerable<string> OfApp(IEnumerable<SiteOptions> sites, string app) =>
        sites.Where(site => site.Routes?.Any(route => route.App == app) == true).SelectMany(site => site.Hosts ?? []);
}
