using EdgeProxy.Http;
using EdgeProxy.Proxying.Upgrades;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Proxying;

/// <summary>Early in the public pipeline: refuses what app and proxy could understand differently, and removes what a client must not say.</summary>
internal sealed class RequestValidation(RequestDelegate next, RequestLimits limits)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        var fault = RequestFields.Read(headers, limits, out var id, out var unwanted);
        if ((FindFault(context) ?? fault) is var (status, detail))
        {
            return RefuseAsync(context, status, detail);
        }

        // Not ForEach: its closure would be made for every request.
        for (var i = 0; i < unwanted?.Count; i++)
        {
            headers.Remove(unwanted[i]);
        }

        if (headers.Upgrade.Count > 0 && !UpgradeProtocols.MayPass(context))
        {
            headers.Remove(HeaderNames.Upgrade);
        }

        ExpectContinue.Watch(context);
        context.TraceIdentifier = RequestId.Of(id);
        if (limits.MaxRequestBodySize is { } most)
        {
            LimitedRequestBody.Set(context, most);
        }

        return next(context);
    }

    /// <summary>
    /// No further request is read from a connection whose client and proxy may not agree where this one ends (RFC 9112 section 6.3). Streams of HTTP/2
    /// have ends of their own.
    /// </summary>
    private static Task RefuseAsync(HttpContext context, int status, string detail)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }

        context.Features.Set(RefusedRequest.Instance);
        return GatewayErrors.WriteAsync(context, status, detail);
    }

    private (int Status, string Detail)? FindFault(HttpContext context)
    {
        var request = context.Request;
        if (RequestFraming.FindFault(request) is { } framing)
        {
            return (StatusCodes.Status400BadRequest, framing);
        }

        var feature = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        if (limits.FindLineFault(feature) is { } tooLong)
        {
            return tooLong;
        }

        var target = feature.RawTarget;
        if (HttpMethods.IsConnect(request.Method) && !UpgradeProtocols.IsExtendedConnect(context))
        {
            // RFC 9220 section 3 for protocols of an extended CONNECT, RFC 9110 section 15.6.2 for methods.
            return (StatusCodes.Status501NotImplemented, "This server is no forward proxy: CONNECT is available for WebSockets over HTTP/2 only (RFC 8441).");
        }

        if (RequestTarget.PathAndQuery(target) is not { } pathAndQuery)
        {
            return (StatusCodes.Status400BadRequest, "The request target must be a path.");
        }

        if (RequestTarget.HasForeignCharacter(pathAndQuery))
        {
            return (StatusCodes.Status400BadRequest, "The request target holds a blank, a control character or a '#'.");
        }

        if (RequestTarget.HasDotSegment(pathAndQuery))
        {
            return (StatusCodes.Status400BadRequest, "The path holds a '.' or '..' segment.");
        }

        return RequestedHost.FindFault(context, target) is { } host ? (StatusCodes.Status400BadRequest, host) : null;
    }
}
