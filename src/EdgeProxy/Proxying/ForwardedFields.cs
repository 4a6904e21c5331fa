using EdgeProxy.Clients;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Proxying;

/// <summary>What a server behind the proxy is told of the client: <c>X-Forwarded-For</c>, <c>-Proto</c>, <c>-Host</c>, which <see cref="RequestFields"/> has
/// removed, and <c>Host</c> as it came.</summary>
internal static class ForwardedFields
{
    public static void Set(RequestTransformContext context)
    {
        var request = context.HttpContext.Request;
        var headers = context.ProxyRequest.Headers;
        var origin = context.HttpContext.Features.Get<ClientOrigin>();
        var chain = origin?.Chain ?? context.HttpContext.Connection.RemoteIpAddress?.ToString() ?? ClientOrigin.UnixSocket;
        headers.TryAddWithoutValidation("X-Forwarded-For", chain);
        headers.TryAddWithoutValidation("X-Forwarded-Proto", request.Scheme);
        var asked = request.Headers.Host.ToString(); // in the form of DNS (xn--), which request.Host decodes
        headers.TryAddWithoutValidation("X-Forwarded-Host", origin?.ForwardedHost ?? origin?.WrittenHost ?? asked);
        if (origin?.WrittenHost is { } host)
        {
            headers.Host = host; // what the browser's Origin has, too: Django compares the two
        }
    }
}
