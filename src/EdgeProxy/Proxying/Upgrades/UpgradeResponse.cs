using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>
/// What the app says to a request to switch protocols. The connection of a 101 is taken out of YARP's hands, whose copy ends both directions when one has.
/// </summary>
internal static class UpgradeResponse
{
    /// <summary>RFC 6455 section 1.3.</summary>
    private const string WebSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <summary>A step of the response transforms.</summary>
    /// <exception cref="HttpRequestException"><see cref="HttpRequestError.InvalidResponse"/>: a 101 that the request did not ask for.</exception>
    public static async ValueTask TransformAsync(ResponseTransformContext transform, HttpResponseMessage response, ForwardedRequest request)
    {
        var context = transform.HttpContext;
        if (response.StatusCode == HttpStatusCode.SwitchingProtocols)
        {
            request.IsSwitchUnfit = context.Request.Headers.Upgrade.Count > 0 || UpgradeProtocols.IsExtendedConnect(context);
            request.Tunnel = await TakeAsync(context, response);
            request.IsSwitchUnfit = false;
            transform.SuppressResponseBody = true;
        }
        else if (response.IsSuccessStatusCode && UpgradeProtocols.IsExtendedConnect(context))
        {
            // RFC 8441 section 4: any 2xx would tell the client that the WebSocket stands.
            request.IsWebSocketUnsupported = true;
            transform.SuppressResponseBody = true;
        }
        else if (response.StatusCode == HttpStatusCode.UpgradeRequired && HttpProtocol.IsHttp11(context.Request.Protocol)
            && response.Headers.NonValidated.TryGetValues(HeaderNames.Upgrade, out var wanted))
        {
            // RFC 9110 section 15.5.22. HTTP/2 has no such header (RFC 9113 section 8.2.2).
            context.Response.Headers.Upgrade = wanted.ToString();
            context.Response.Headers.Connection = "Upgrade, close";
        }
    }

    private static async Task<Tunnel> TakeAsync(HttpContext context, HttpResponseMessage response)
    {
        var headers = context.Response.Headers;
        var isConnect = UpgradeProtocols.IsExtendedConnect(context);
        var protocol = response.Headers.NonValidated.TryGetValues(HeaderNames.Upgrade, out var chosen) ? chosen.ToString() : "";
        var wasAskedFor = isConnect
            ? UpgradeProtocols.Is(protocol, UpgradeProtocols.WebSocket)
            : UpgradeProtocols.Contains(context.Request.Headers.Upgrade, protocol.AsSpan().Trim());
        if (protocol.Length == 0 || !wasAskedFor)
        {
            throw new HttpRequestException(HttpRequestError.InvalidResponse, $"The app switched to a protocol that it was not asked for: '{protocol}'.");
        }

        if (!isConnect)
        {
            headers.Upgrade = protocol;
        }
        else if (headers.SecWebSocketAccept == AcceptOf(response.RequestMessage!.Headers))
        {
            // RFC 8441 section 5: HTTP/2 has neither the key, which YARP has made, nor this response to it, nor 101.
            headers.Remove(HeaderNames.SecWebSocketAccept);
            context.Response.StatusCode = StatusCodes.Status200OK;
        }
        else
        {
            throw new HttpRequestException(HttpRequestError.InvalidResponse, "The app's Sec-WebSocket-Accept does not fit the key.");
        }

        headers.ContentLength = null; // RFC 9110 section 8.6
        var connection = await response.Content.ReadAsStreamAsync();
        response.Content = null; // so that YARP, which disposes the response now, leaves the connection open
        return new Tunnel(connection, UpgradeProtocols.Is(protocol, UpgradeProtocols.WebSocket));
    }

#pragma warning disable CA5350 // RFC 6455 section 4.2.2 says SHA-1; it protects nothing here
    private static string AcceptOf(HttpRequestHeaders request) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(request.NonValidated[HeaderNames.SecWebSocketKey] + WebSocketGuid)));
#pragma warning restore CA5350
}
