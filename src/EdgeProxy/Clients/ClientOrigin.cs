using System.Net;

namespace EdgeProxy.Clients;

/// <summary>What is known of the client and its request beside what <see cref="HttpContext"/> says. A feature, and absent from most requests.</summary>
/// <remarks>
/// The client's address is <see cref="ConnectionInfo.RemoteIpAddress"/> and the scheme that it used <see cref="HttpRequest.Scheme"/>, for everybody behind
/// <see cref="ClientIdentification"/>; there is no second place to look for them.
/// </remarks>
internal sealed class ClientOrigin
{
    /// <summary>The value of <c>X-Forwarded-For</c> for connections without an address; nginx writes the same (<c>$remote_addr</c>).</summary>
    public const string UnixSocket = TrustedProxies.UnixSocket;

    /// <summary>The trusted proxy that the request came from; null: from the client itself, or through a Unix socket.</summary>
    public IPAddress? Proxy { get; init; }

    /// <summary>The port of <see cref="Proxy"/>.</summary>
    public int ProxyPort { get; init; }

    /// <summary>What the trusted proxy said of the client's address, as it was written, for the access log; null: nothing.</summary>
    public string? Said { get; init; }

    /// <summary>The client and the trusted proxies behind it, for the app's <c>X-Forwarded-For</c>; null: no trusted proxy.</summary>
    public string? Chain { get; init; }

    /// <summary>The host that the client asked the trusted proxy for; null: it did not say.</summary>
    public string? ForwardedHost { get; init; }

    /// <summary><c>Host</c> as it came, where <see cref="HttpRequest.Host"/> has no dot of the root any more.</summary>
    public string? WrittenHost { get; set; }

    /// <summary>That of a request, made where there is none.</summary>
    public static ClientOrigin Of(HttpContext context)
    {
        if (context.Features.Get<ClientOrigin>() is { } known)
        {
            return known;
        }

        var origin = new ClientOrigin();
        context.Features.Set(origin);
        return origin;
    }
}
