using System.Net;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Clients;

/// <summary>
/// Early in the public pipeline: finds the client's address, once, for the access log, limits, redirects and the app. Behind it
/// <see cref="ConnectionInfo.RemoteIpAddress"/> and <see cref="HttpRequest.Scheme"/> are the client's.
/// </summary>
/// <remarks>
/// Not ASP.NET's middleware of this name: it takes as many elements as it is told instead of as many as are trusted, refuses lists of different lengths,
/// does not know <c>Forwarded</c>, and changes <c>Host</c>, which the app is to get as it came.
/// </remarks>
internal sealed class ClientIdentification(RequestDelegate next, TrustedProxies trusted)
{
    public Task InvokeAsync(HttpContext context)
    {
        var peer = context.Connection.RemoteIpAddress;
        var address = NodeAddress.Normalize(peer);
        if (!ReferenceEquals(address, peer))
        {
            context.Connection.RemoteIpAddress = address;
        }

        if (trusted.Contains(address))
        {
            Believe(context, address);
        }

        return next(context);
    }

    private void Believe(HttpContext context, IPAddress? proxy)
    {
        var headers = context.Request.Headers;
        var (addresses, schemes, hosts) = (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"], headers["X-Forwarded-Host"]);
        var saysX = addresses.Count + schemes.Count + hosts.Count > 0;
        var forwarded = saysX ? StringValues.Empty : headers["Forwarded"];

        // Most proxies know only one of the two and pass the client's own words in the other; the older is what they set. Both are never mixed.
        var chain = saysX ? ForwardedChain.FromXForwarded(addresses.ToString(), schemes.ToString(), hosts.ToString(), trusted)
            : ForwardedChain.FromForwarded(forwarded.ToString(), trusted);
        context.Features.Set(new ClientOrigin
        {
            Proxy = proxy,
            ProxyPort = context.Connection.RemotePort,
            Said = addresses.Count > 0 ? addresses.ToString() : forwarded.Count > 0 ? forwarded.ToString() : null,
            Chain = chain.ToString(proxy),
            ForwardedHost = chain.Host is { } host && HostHeader.TryParse(host, out _) ? host : null,
        });

        if (chain.Client is { } client)
        {
            (context.Connection.RemoteIpAddress, context.Connection.RemotePort) = (client, chain.ClientPort);
        }

        if (SchemeOf(chain.Scheme) is { } scheme)
        {
            context.Request.Scheme = scheme;
        }
    }

    /// <summary>A WebSocket has the scheme of the request that it begins as.</summary>
    private static string? SchemeOf(string? said) =>
        "https".Equals(said, StringComparison.OrdinalIgnoreCase) || "wss".Equals(said, StringComparison.OrdinalIgnoreCase) ? "https"
        : "http".Equals(said, StringComparison.OrdinalIgnoreCase) || "ws".Equals(said, StringComparison.OrdinalIgnoreCase) ? "http"
        : null;
}
