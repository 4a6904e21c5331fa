using System.Net;
using EdgeProxy.AdminCalls;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Admin;

/// <summary>Decides whether a call of the admin API is allowed, before anything looks at its path.</summary>
/// <remarks>
/// By socket: the kernel has checked the permissions of the file. By port, where anything on the machine can connect, a browser that visits a
/// hostile page included: what changes something needs the token; what reads needs a loopback <c>Host</c>, which a name that was rebound to
/// 127.0.0.1 does not have, and the token for what the app wrote. There are no cookies, so a browser has nothing to be tricked into sending.
/// </remarks>
internal sealed class AdminAccess(AdminOptions options, AdminToken token)
{
    private const string Scheme = "Bearer ";

    /// <summary>Where the port is open to other machines, its callers know it by other names than localhost; they need the token for everything.</summary>
    private readonly bool _isLoopback = !AdminUrl.TryParse(options.Url, out var url) || url.IsLoopback;

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";

        // A connection that has a caller already came over the socket.
        return context.Features.Get<AdminCaller>() is null && Refusal(context) is { } refusal ? refusal : next(context);
    }

    /// <summary>Marks the connections of the Unix socket. What is not marked is a stranger.</summary>
    public static void TrustConnections(IConnectionBuilder socket) => socket.Use(next => connection =>
    {
        connection.Features.Set(AdminCaller.Trusted);
        return next(connection);
    });

    /// <summary>Responds to a call over the port that is not allowed; null: it is, and its <see cref="AdminCaller"/> is set.</summary>
    private Task? Refusal(HttpContext context)
    {
        var request = context.Request;
        if (_isLoopback && !IsLoopback(request.Host.Host))
        {
            return Problem.WriteAsync(
                context,
                StatusCodes.Status403Forbidden,
                "The admin API responds to localhost, 127.0.0.1 and [::1] only: the Host header names something else.");
        }

        if (IsCrossSite(request))
        {
            return Problem.WriteAsync(context, StatusCodes.Status403Forbidden, "A page of another origin may not use the admin API.");
        }

        var authorization = request.Headers.Authorization;
        var needsToken = options.TokenForReads || !(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method));
        if (authorization.Count == 0 && !needsToken)
        {
            context.Features.Set(AdminCaller.Reader);
            return null;
        }

        if (authorization is [{ } credentials]
            && credentials.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && token.Matches(credentials.AsSpan(Scheme.Length).Trim()))
        {
            context.Features.Set(AdminCaller.Trusted);
            return null;
        }

        return token.Problem is null ? Unauthorized(context) : Problem.WriteAsync(context, StatusCodes.Status403Forbidden, token.Problem);
    }

    private Task Unauthorized(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Problem.WriteAsync(
            context,
            StatusCodes.Status401Unauthorized,
            $"This call needs the header \"Authorization: Bearer TOKEN\" with the token in {token.File}, or the admin socket.");
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.AsSpan().Trim("[]"), out var address) && IPAddress.IsLoopback(address));

    /// <summary>Browsers say so themselves: Fetch Metadata, and <c>Origin</c> on everything but plain reads.</summary>
    private static bool IsCrossSite(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].Contains("cross-site", StringComparer.OrdinalIgnoreCase))
        {
            return true;
        }

        var origin = request.Headers.Origin;
        return origin.Count > 0
            && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
