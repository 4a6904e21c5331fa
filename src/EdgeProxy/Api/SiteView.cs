namespace EdgeProxy.Api;

/// <summary>One element of <c>EdgeProxy:Sites</c> in <see cref="StatusView"/>.</summary>
/// <param name="Name">As metrics and the access log call it.</param>
/// <param name="Hosts">As set.</param>
/// <param name="Scheme"><c>Both</c>, <c>Http</c> or <c>Https</c>.</param>
/// <param name="Routes">In the order in which they are tried.</param>
internal sealed record SiteView(string Name, IReadOnlyList<string> Hosts, string Scheme, IReadOnlyList<SiteRouteView> Routes);

/// <summary>One route in <see cref="SiteView"/>.</summary>
/// <param name="Name">As metrics and the access log call it.</param>
/// <param name="Takes">Its conditions, for people.</param>
/// <param name="Does">What it does, for people: <c>App api</c>, <c>Files /srv/static</c>.</param>
internal sealed record SiteRouteView(string Name, string Takes, string Does);
