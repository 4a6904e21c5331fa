using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>Which protocols a client may ask the app to switch to (RFC 9110 section 7.8), and how it is told.</summary>
internal static class UpgradeProtocols
{
    public const string WebSocket = "websocket";

    /// <summary>
    /// How the names of protocols begin that carry HTTP: requests in a tunnel pass by everything that refuses, limits and logs requests here ("h2c smuggling").
    /// TLS stands for HTTP over TLS (RFC 2817), h2c-16 and the like are drafts.
    /// </summary>
    private static readonly string[] _http = ["h2", "h3", "http", "spdy", "tls"];

    /// <summary>Whether a request asks for a switch that the app may be asked for. Then every protocol that it names may be passed on.</summary>
    public static bool MayPass(HttpContext context)
    {
        var request = context.Request;
        if (HttpProtocol.IsHttp10(request.Protocol) || context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            // RFC 9110: ignored in HTTP/1.0, and without Connection: Upgrade. With a body still to come Kestrel cannot hand the connection over.
            return false;
        }

        var isGet = HttpMethods.IsGet(request.Method);
        foreach (var protocol in Split(request.Headers.Upgrade))
        {
            if (CarriesHttp(protocol) || (Is(protocol, WebSocket) && !isGet)) // RFC 6455 section 4.1: a WebSocket begins with GET
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the client asks for a WebSocket over HTTP/2 (RFC 8441), as its method CONNECT does.</summary>
    public static bool IsExtendedConnect(HttpContext context) =>
        HttpMethods.IsConnect(context.Request.Method)
        && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: { } protocol } && Is(protocol, WebSocket);

    /// <summary>Whether the client asks for a WebSocket alone, over HTTP/1.1.</summary>
    public static bool IsWebSocketUpgrade(HttpContext context) =>
        context.Request.Headers.Upgrade is { Count: > 0 } protocol && Is(protocol.ToString(), WebSocket)
        && context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };

    /// <summary>Passes on what the client asks for. YARP does so for a WebSocket by itself, and for nothing else.</summary>
    /// <returns>Whether the app is asked for any switch.</returns>
    public static bool Forward(RequestTransformContext transform)
    {
        var context = transform.HttpContext;
        var asked = context.Request.Headers.Upgrade;
        if (asked.Count == 0)
        {
            return IsExtendedConnect(context);
        }

        // RequestValidation has removed what may not pass.
        if (!IsWebSocketUpgrade(context))
        {
            transform.ProxyRequest.Headers.TryAddWithoutValidation(HeaderNames.Connection, HeaderNames.Upgrade);
            transform.ProxyRequest.Headers.TryAddWithoutValidation(HeaderNames.Upgrade, asked.ToString());
        }

        return true;
    }

    /// <summary>Whether a protocol is among those asked for.</summary>
    public static bool Contains(StringValues asked, ReadOnlySpan<char> protocol)
    {
        foreach (var one in Split(asked))
        {
            if (Is(one, protocol))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Names of protocols are compared without letter case (RFC 9110 section 7.8).</summary>
    public static bool Is(ReadOnlySpan<char> protocol, ReadOnlySpan<char> name) => protocol.Trim().Equals(name, StringComparison.OrdinalIgnoreCase);

    private static bool CarriesHttp(ReadOnlySpan<char> protocol)
    {
        protocol = protocol.Trim();
        foreach (var http in _http)
        {
            if (protocol.StartsWith(http, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return protocol.IsEmpty;
    }

    private static string[] Split(StringValues values) => values.ToString().Split(',');
}
