using EdgeProxy.Configuration;

namespace EdgeProxy.Sites;

/// <summary>What is served under some hosts: one element of <c>EdgeProxy:Sites</c>.</summary>
internal sealed class SiteOptions
{
    /// <summary>What metrics and the access log call it; null: its first host. Unique.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// Its hosts: names, <c>*.example.com</c> for one label in place of the star, or <c>*</c> for every host that no other site names. The most specific one
    /// counts. Required.
    /// </summary>
    public TextList? Hosts { get; set; }

    /// <summary>Whether it is served in clear text, over TLS, or both. Default both, and then clear text is sent on to https where there is a
    /// certificate.</summary>
    public SiteScheme Scheme { get; set; } = SiteScheme.Both;

    /// <summary>Local addresses where it is served, as <c>127.0.0.1</c>, <c>127.0.0.1:8080</c> or <c>:8080</c>; null or empty: wherever the proxy
    /// listens.</summary>
    public TextList? Bind { get; set; }

    /// <summary>Whether its names get certificates from the authority of <c>Tls:Acme</c>, whose terms are accepted there. Default true.</summary>
    public bool Acme { get; set; } = true;

    /// <summary>Changes of the header of each response.</summary>
    public HeaderOptions? Headers { get; set; }

    /// <summary>Files to send in place of EdgeProxy's own error pages, by status codes: <c>{ "404": "/srv/404.html", "500-599": "/srv/{status}.html" }</c>.
    /// Null or empty: none.</summary>
    public Dictionary<string, string>? ErrorPages { get; set; }

    /// <summary>Responses to send in place of EdgeProxy's own error responses, by status codes, where <see cref="ErrorPages"/> has none:
    /// <c>{ "502-504": { "Body": "Back in a minute" } }</c>. Null or empty: none.</summary>
    public Dictionary<string, ErrorResponseOptions>? ErrorResponses { get; set; }

    /// <summary>Tried in order; the first that matches serves the request. Required.</summary>
    public SiteRouteOptions[]? Routes { get; set; }
}

internal enum SiteScheme
{
    Both,
    Http,
    Https,
}
