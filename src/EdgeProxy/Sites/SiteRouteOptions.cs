using EdgeProxy.Configuration;
using EdgeProxy.StaticFiles;

namespace EdgeProxy.Sites;

/// <summary>One route of a site: which requests it takes, the one thing that it does with them, and what it changes.</summary>
internal sealed class SiteRouteOptions
{
    /// <summary>What metrics and the access log call it; null: its first path, or its position.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// Paths: <c>/a</c> is exact, <c>/a/*</c> all below <c>/a/</c>, <c>*.php</c> what ends so, and <c>/a/*/b</c> has one segment in the middle. Letter case,
    /// percent-encoding and doubled slashes do not matter. Null or empty: every path.
    /// </summary>
    public TextList? Path { get; set; }

    /// <summary>Further conditions; all of them.</summary>
    public MatchOptions? Match { get; set; }

    /// <summary>The blue/green app that serves the requests.</summary>
    public string? App { get; set; }

    /// <summary>A cluster of <c>ReverseProxy:Clusters</c>.</summary>
    public string? Cluster { get; set; }

    /// <summary>Servers to forward to, <c>http://HOST:PORT</c> or <c>https://HOST:PORT</c>.</summary>
    public TextList? Upstreams { get; set; }

    /// <summary>How one of several <see cref="Upstreams"/> is chosen. Default at random.</summary>
    public SiteLoadBalancing LoadBalancing { get; set; } = SiteLoadBalancing.Random;

    /// <summary>
    /// How long a request that one of the <see cref="Upstreams"/> has not taken is tried on the others, and then on all of them again, every 250 ms. It has
    /// not been taken where no connection was made, or where one ended without a response and the method is safe. For <c>http://</c>. <c>00:00:00</c> tries
    /// each once; null: there is one try. At most 5 min.
    /// </summary>
    public TimeSpan? TryDuration { get; set; }

    /// <summary>Which of the <see cref="Upstreams"/> get no requests.</summary>
    public UpstreamHealthOptions? UpstreamHealth { get; set; }

    /// <summary>Files from disk, at the path of the request as the route has changed it.</summary>
    public FilesOptions? Files { get; set; }

    /// <summary>Whether a request whose file of <see cref="Files"/> is not there goes on to the routes behind this one. Default false.</summary>
    public bool PassThru { get; set; }

    /// <summary>A redirect.</summary>
    public RedirectOptions? Redirect { get; set; }

    /// <summary>A fixed response.</summary>
    public RespondOptions? Respond { get; set; }

    /// <summary>A prefix to take off the path before it is forwarded or a file is looked for; null: none.</summary>
    public string? StripPrefix { get; set; }

    /// <summary>The path to ask for in place of the client's, after <see cref="StripPrefix"/>; with a <c>?</c> the query, too. May have placeholders:
    /// <c>/v2{uri}</c>. Null: none.</summary>
    public string? Rewrite { get; set; }

    /// <summary>Changes of the header of the response, after those of the site.</summary>
    public HeaderOptions? Headers { get; set; }

    /// <summary>Changes of the header of the request that is forwarded.</summary>
    public HeaderOptions? RequestHeaders { get; set; }

    /// <summary>The users who may make requests, by HTTP Basic authentication; null: everybody.</summary>
    public BasicAuthOptions? BasicAuth { get; set; }

    /// <summary>As those of the site, which count for what is not here.</summary>
    public Dictionary<string, string>? ErrorPages { get; set; }

    /// <summary>As those of the site, which count for what is not here.</summary>
    public Dictionary<string, ErrorResponseOptions>? ErrorResponses { get; set; }

    /// <summary>The largest request body in bytes, of what is forwarded; null: <c>Upstream:MaxRequestBodySize</c>.</summary>
    public long? MaxRequestBodySize { get; set; }
}

internal enum SiteLoadBalancing
{
    Random,
    RoundRobin,
    LeastRequests,
    PowerOfTwoChoices,
    First,
}

/// <summary>How upstreams that do not respond are found, so that they get no requests.</summary>
internal sealed class UpstreamHealthOptions
{
    /// <summary>Path and query that each is asked for; null: none is asked.</summary>
    public string? Path { get; set; }

    /// <summary>The time from one request for <see cref="Path"/> to the next. Default 30 s; 1 s to 1 h.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an upstream may take to respond to it. Default 5 s; 100 ms to 10 min.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long an upstream is left out that <see cref="MaxFails"/> requests have failed to reach within that time; null: for no time. 1 s to 1 h.
    /// </summary>
    public TimeSpan? FailDuration { get; set; }

    /// <summary>See <see cref="FailDuration"/>. Default 1; 1 to 1000.</summary>
    public int MaxFails { get; set; } = 1;
}

/// <summary>A redirect.</summary>
internal sealed class RedirectOptions
{
    /// <summary>The value of <c>Location</c>: an absolute URL or a path. May have placeholders: <c>https://example.com{uri}</c>. Required.</summary>
    public string? To { get; set; }

    /// <summary>The status code: 301, 302, 303, 307 or 308. Default 302.</summary>
    public int Status { get; set; } = StatusCodes.Status302Found;
}

/// <summary>A fixed response.</summary>
internal sealed class RespondOptions
{
    /// <summary>The status code. Default 200.</summary>
    public int Status { get; set; } = StatusCodes.Status200OK;

    /// <summary>The text of the body. May have placeholders, which are escaped for the content type. Null or empty: no body.</summary>
    public string? Body { get; set; }

    /// <summary>The value of <c>Content-Type</c>; null: <c>application/json</c> for a JSON object or array, else <c>text/plain; charset=utf-8</c>.</summary>
    public string? ContentType { get; set; }

    /// <summary>Further fields of its header. May have placeholders. Null or empty: none.</summary>
    public Dictionary<string, string>? Headers { get; set; }

    /// <summary>Whether it is an error, from 400 to 599, for which the error page of the status is sent, as for EdgeProxy's own errors; then it has no
    /// <see cref="Body"/> of its own. Default false.</summary>
    public bool AsError { get; set; }

    /// <summary>Whether there is no response at all: the connection is closed, of HTTP/2 the stream. The log has 444. Default false.</summary>
    public bool Abort { get; set; }
}

/// <summary>HTTP Basic authentication (RFC 7617).</summary>
internal sealed class BasicAuthOptions
{
    /// <summary>Bcrypt hashes of passwords by the names of users, as of <c>caddy hash-password</c> or <c>htpasswd -nB</c>. Required.</summary>
    public Dictionary<string, string>? Users { get; set; }

    /// <summary>What a browser shows. Default <c>restricted</c>.</summary>
    public string Realm { get; set; } = "restricted";
}
