using EdgeProxy.Clients;

namespace EdgeProxy.Proxying;

/// <summary>The host that a request asks for, in the one form that <c>AllowedHosts</c>, certificates and routes are compared with.</summary>
internal static class RequestedHost
{
    /// <summary>Takes the dot of the root away, and gives a host to a request of HTTP/1.0 that has none.</summary>
    /// <returns>Null: there is a valid one now.</returns>
    public static string? FindFault(HttpContext context, string target)
    {
        var request = context.Request;
        if (!HostHeader.IsDecodable(request.Headers.Host.ToString()))
        {
            request.Headers.Host = default; // nobody can ask for it any more, as the access log does
            return "Invalid Host header.";
        }

        var written = request.Headers.Host.ToString(); // not decoded, as request.Host is
        if (string.IsNullOrEmpty(written))
        {
            return HttpProtocol.IsHttp10(request.Protocol) ? SetDefault(context, target) : "The Host header is missing.";
        }

        if (!HostHeader.TryNormalize(written, out var host))
        {
            return "Invalid Host header.";
        }

        if (!ReferenceEquals(host, written))
        {
            ClientOrigin.Of(context).WrittenHost = written;
            request.Host = new HostString(host);
        }

        return null;
    }

    /// <summary>
    /// HTTP/1.0 knows no <c>Host</c>, and load balancers still check so (HAProxy's <c>option httpchk</c>). The target's authority, else the address and
    /// port that the client connected to, as RFC 9112 section 3.3 has it; HTTP/1.1 to the app needs one, and <c>AllowedHosts</c> looks at it.
    /// </summary>
    private static string? SetDefault(HttpContext context, string target)
    {
        if (RequestTarget.Authority(target) is { } authority)
        {
            if (!HostHeader.TryParse(authority, out var host))
            {
                return "Invalid host in the request target.";
            }

            context.Request.Host = new HostString(host);
            return null;
        }

        var (address, port) = (NodeAddress.Normalize(context.Connection.LocalIpAddress), context.Connection.LocalPort);
        context.Request.Host = address is null ? new HostString("localhost")
            : port == (context.Request.IsHttps ? 443 : 80) ? new HostString(HostHeader.Of(address))
            : new HostString(HostHeader.Of(address), port);
        return null;
    }
}
