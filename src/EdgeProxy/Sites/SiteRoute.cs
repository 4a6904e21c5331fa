using EdgeProxy.Http;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites;

/// <summary>A route of a site, prepared at the start. Immutable.</summary>
internal sealed class SiteRoute
{
    private readonly BasicAuthentication? _basicAuth;
    private readonly TargetRewrite? _rewrite;
    private readonly HeaderChanges? _headers;
    private readonly HeaderChanges? _requestHeaders;
    private readonly IErrorPages? _errorPages;
    private readonly Func<HttpContext, SiteRequest, Task> _serve;
    private readonly int _largestField;
    private readonly long? _maxRequestBodySize;

    /// <param name="options">Checked.</param>
    /// <param name="name">Unique in its site.</param>
    /// <param name="serve">The one thing that it does.</param>
    /// <param name="checks">Of passwords, shared by all routes.</param>
    /// <param name="errorPages">Null: those of the site, or EdgeProxy's own.</param>
    /// <param name="largestField">The largest header field that is forwarded, in bytes.</param>
    public SiteRoute(
        SiteRouteOptions options,
        string name,
        Func<HttpContext, SiteRequest, Task> serve,
        PasswordChecks checks,
        IErrorPages? errorPages,
        int largestField)
    {
        Name = name;
        Match = new RouteMatch(options);
        _headers = HeaderChanges.Of(options.Headers);
        _requestHeaders = HeaderChanges.Of(options.RequestHeaders);
        _rewrite = TargetRewrite.Of(options);
        _basicAuth = options.BasicAuth is { } basicAuth ? new BasicAuthentication(basicAuth, checks) : null;
        _errorPages = errorPages;
        _serve = serve;
        _largestField = largestField;
        _maxRequestBodySize = options.MaxRequestBodySize;
    }

    public string Name { get; }

    public RouteMatch Match { get; }

    /// <summary>Serves a request that it takes.</summary>
    public Task ServeAsync(HttpContext context, SiteRequest request)
    {
        request.Enter(Name, _headers, Match);
        if (_errorPages is not null)
        {
            context.Features.Set(_errorPages);
        }

        return _basicAuth is null ? ServeAllowedAsync(context, request) : ServeIfAllowedAsync(context, request, _basicAuth);
    }

    private async Task ServeIfAllowedAsync(HttpContext context, SiteRequest request, BasicAuthentication basicAuth)
    {
        try
        {
            if (!await basicAuth.AllowsAsync(context))
            {
                return;
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            GatewayErrors.ClientLeft(context);
            return;
        }

        await ServeAllowedAsync(context, request);
    }

    private Task ServeAllowedAsync(HttpContext context, SiteRequest request)
    {
        if (_maxRequestBodySize is { } limit)
        {
            LimitedRequestBody.Lower(context, limit);
        }

        if (_rewrite is not null)
        {
            _rewrite.Apply(context, request);
            if (RequestTarget.HasDotSegment(request.Target))
            {
                // The client's has none: a prefix or a group has been cut out of /x../y, and the upstream could resolve it to another path.
                return GatewayErrors.WriteAsync(context, StatusCodes.Status400BadRequest, "The path has a . or .. segment.");
            }
        }

        if (_requestHeaders is not null)
        {
            request.Fields = _requestHeaders.Read(request.Current);
            foreach (var field in request.Fields)
            {
                if (field.Name.Length + field.Value.Length > _largestField)
                {
                    return GatewayErrors.WriteAsync(
                        context,
                        StatusCodes.Status431RequestHeaderFieldsTooLarge,
                        $"With the path of this request the header {field.Name} is longer than {_largestField} bytes.");
                }
            }
        }

        return _serve(context, request);
    }
}
