using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>The first step of the public pipeline: refuses what app and proxy could understand differently, and takes away what a client must not say.</summary>
internal sealed class RequestHygiene(RequestDelegate next, TrustedProxies trustedProxies)
{
    /// <summary>gunicorn's <c>--limit-request-field_size</c>: name, colon, blank and value.</summary>
    private const int MaxFieldSize = 8190;
    private const int MaxRequestIdLength = 128;
    private const string RequestIdHeader = "X-Request-ID";

    /// <summary>
    /// Headers that make an app believe something about the connection. gunicorn takes the scheme from several names and refuses a request
    /// whose names disagree (<c>secure_scheme_headers</c>); <c>Proxy</c> becomes HTTP_PROXY in CGI-like environments (httpoxy, CVE-2016-5385).
    /// </summary>
    private static readonly string[] _spoofable =
        ["X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Proxy"];

    /// <summary>Headers that only a trusted proxy may set; the app's are made from them or from the connection.</summary>
    private static readonly string[] _forwarded = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"];

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (FindFault(context) is var (status, detail))
        {
            return GatewayErrors.WriteAsync(context, status, detail);
        }

        foreach (var name in _spoofable)
        {
            request.Headers.Remove(name);
        }

        if (!trustedProxies.Contains(context.Connection.RemoteIpAddress))
        {
            foreach (var name in _forwarded)
            {
                request.Headers.Remove(name);
            }
        }

        var id = request.Headers[RequestIdHeader].ToString();
        if (id.Length is 0 or > MaxRequestIdLength)
        {
            request.Headers[RequestIdHeader] = id = Guid.CreateVersion7().ToString("N");
        }

        context.TraceIdentifier = id;
        return next(context);
    }

    private static (int Status, string Detail)? FindFault(HttpContext context)
    {
        var request = context.Request;
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (HttpMethods.IsConnect(request.Method) && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true })
        {
            return (StatusCodes.Status501NotImplemented, "This server is no forward proxy: CONNECT is not available.");
        }

        if (RequestTarget.PathAndQuery(target) is not { } pathAndQuery)
        {
            return (StatusCodes.Status400BadRequest, "The request target must be a path.");
        }

        if (RequestTarget.HasDotSegment(pathAndQuery))
        {
            return (StatusCodes.Status400BadRequest, "The path holds a '.' or '..' segment.");
        }

        if (!request.Host.HasValue)
        {
            return (StatusCodes.Status400BadRequest, "The Host header is missing.");
        }

        List<string>? underscored = null;
        foreach (var (name, values) in request.Headers)
        {
            if (name.Contains('_'))
            {
                // WSGI maps X_A and X-A to the same variable: the one would pass for the other.
                (underscored ??= []).Add(name);
            }
            else if (FieldSize(name, values) > MaxFieldSize)
            {
                return (StatusCodes.Status431RequestHeaderFieldsTooLarge, $"The header {name} is longer than {MaxFieldSize} bytes.");
            }
        }

        underscored?.ForEach(name => request.Headers.Remove(name));
        return null;
    }

    private static int FieldSize(string name, Microsoft.Extensions.Primitives.StringValues values)
    {
        var longest = 0;
        foreach (var value in values)
        {
            // Bytes only where characters alone could be too few.
            var size = value is null ? 0 : value.Length > MaxFieldSize / 3 ? Encoding.UTF8.GetByteCount(value) : value.Length;
            longest = Math.Max(longest, size);
        }

        return name.Length + 2 + longest;
    }
}
