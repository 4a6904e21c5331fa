using EdgeProxy.Clients;
using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tls;

/// <summary>Sends clients that came without TLS to the same address with it, for names that a certificate is loaded for.</summary>
/// <remarks>Behind <see cref="ClientIdentification"/> and <see cref="RequestValidation"/>: scheme and host are those that the client used, also where a trusted
/// proxy stands between.</remarks>
/// <param name="next">Serves all others.</param>
/// <param name="keepsClearText">Which requests are served without TLS all the same; null: none.</param>
internal sealed class HttpsRedirect(
    RequestDelegate next, CertificateTable certificates, HttpsEndpoints endpoints, Func<HttpContext, bool>? keepsClearText)
{
    private const int DefaultPort = 443;

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.IsHttps || endpoints.Port is not { } port || HostOf(context) is not { } host || certificates.Find(host) is null
            || keepsClearText?.Invoke(context) == true)
        {
            return next(context);
        }

        // Never null here: RequestValidation refused other forms.
        var target = RequestTarget.PathAndQuery(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var authority = port == DefaultPort ? new HostString(host) : new HostString(host, port);
        context.Response.StatusCode = StatusCodes.Status308PermanentRedirect; // keeps the method and the body, as 301 does not (RFC 9110 section 15.4.9)
        context.Response.Headers.Location = $"https://{authority.Value}{target}";
        return Task.CompletedTask;
    }

    /// <summary>Without port and without the dot of the root.</summary>
    private static string? HostOf(HttpContext context) => context.Features.Get<ClientOrigin>()?.ForwardedHost is not { } said ? context.Request.Host.Host
        : HostHeader.TryParse(said, out var host) ? new HostString(host).Host
        : null;
}
