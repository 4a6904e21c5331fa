namespace EdgeProxy.Api;

/// <summary>A site, one element of <c>EdgeProxy:Sites</c>, in <see cref="StatusView"/>.</summary>
/// <param name="Name">The name that metrics and the access log give it.</param>
/// <param name="Hosts">Its hosts, as set.</param>
/// <param name="Scheme"><c>Both</c>, <c>Http</c> or <c>Https</c>.</param>
/// <param name="Routes">Its routes, in the order in which they are tried.</param>
internal sealed record SiteView(string Name, IReadOnlyList<string> Hosts, string Scheme, IReadOnlyList<SiteRouteView> Routes);

/// <summary>A route of a site in <see cref="SiteView"/>.</summary>
/// <param name="Name">The name that metrics and the access log give it.</param>
/// <param name="Takes">Its conditions, for people.</param>
/// <param name="Does">What it does, for people: <c>App api</c>, <c>Files /srv/static</c>.</param>
internal sealed record SiteRouteView(string Name, string Takes, string Does);
