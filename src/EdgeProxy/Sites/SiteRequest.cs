using EdgeProxy.Http;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>What a site makes of a request. A feature of its <see cref="HttpContext"/>.</summary>
/// <param name="site">The name of the site.</param>
/// <param name="siteHeaders">What the site changes in the header of the response; null: nothing.</param>
/// <param name="target">Path and query as they came.</param>
internal sealed class SiteRequest(HttpContext context, string site, HeaderChanges? siteHeaders, string target) : ISiteRequest, IRewrittenRequest, ICaptures
{
    private readonly string _original = target;
    private HeaderChanges? _routeHeaders;
    private RouteMatch? _match;
    private IReadOnlyList<string>? _captures;
    private bool _isError;
    private ErrorPage? _errorPage;

    public string SiteName => site;

    public string? RouteName { get; private set; }

    /// <summary>Path and query, as the route has changed them.</summary>
    public string Target { get; set; } = target;

    /// <summary>The route has not served it: one behind it may.</summary>
    public bool IsPassedOn { get; set; }

    public bool IsRewritten => Target != _original;

    /// <summary>Changes of the header of what is forwarded.</summary>
    public IReadOnlyList<FieldChange> Fields { get; set; } = [];

    /// <summary>The request as the client has sent it.</summary>
    public RequestWords Original => new(context, _original);

    /// <summary>The request as its route has changed it.</summary>
    public RequestWords Current => new(context, Target);

    /// <summary>A route takes it.</summary>
    /// <param name="route">Its name.</param>
    /// <param name="headers">What it changes in the header of the response; null: nothing.</param>
    /// <param name="match">Why it takes it.</param>
    public void Enter(string route, HeaderChanges? headers, RouteMatch match)
    {
        (RouteName, _routeHeaders) = (route, headers);
        (_match, _captures) = (match, null);
    }

    /// <remarks>Looked for when it is asked for.</remarks>
    public string Capture(int group)
    {
        _captures ??= _match?.Captures(_original) ?? [];
        return group < _captures.Count ? _captures[group] : "";
    }

    public void RespondsWithError(ErrorPage? page) => (_isError, _errorPage) = (true, page);

    /// <summary>Takes back what a route has changed that has not served the request.</summary>
    public void Leave()
    {
        (IsPassedOn, Target, Fields) = (false, _original, []);
        (RouteName, _routeHeaders) = (null, null);
    }

    /// <summary>Changes the header of the response, which is complete.</summary>
    public static Task CompleteHeader(object request)
    {
        ((SiteRequest)request).CompleteHeader();
        return Task.CompletedTask;
    }

    private void CompleteHeader()
    {
        if (_isError)
        {
            LeaveToSite();
        }

        siteHeaders?.Apply(context.Response.Headers, Original);
        _routeHeaders?.Apply(context.Response.Headers, Original);
        if (_isError)
        {
            CacheFields.Forbid(context.Response.Headers);
            _errorPage?.ChangeHeader?.Invoke(context.Response.Headers);
        }
    }

    /// <summary>What is added beside the fields of an app stands alone where EdgeProxy has set them: they may be there once.</summary>
    private void LeaveToSite()
    {
        foreach (var name in GatewayErrors.OwnFields)
        {
            if (siteHeaders?.Adds(name) == true || _routeHeaders?.Adds(name) == true)
            {
                context.Response.Headers.Remove(name);
            }
        }
    }
}
