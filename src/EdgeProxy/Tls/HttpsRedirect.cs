using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tls;

/// <summary>Sends visitors who came without TLS to the same address with it, for names that a certificate is loaded for.</summary>
/// <remarks>Behind <see cref="RequestHygiene"/>: an <c>X-Forwarded-Proto</c> that is still there was set by a trusted proxy, which has spoken TLS with the visitor.</remarks>
internal sealed class HttpsRedirect(RequestDelegate next, CertificateTable certificates, HttpsEndpoints endpoints)
{
    private const int DefaultPort = 443;

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.IsHttps || request.Headers["X-Forwarded-Proto"] == "https" || endpoints.Port is not { } port || certificates.Find(request.Host.Host) is null)
        {
            return next(context);
        }

        // Never null here: RequestHygiene refused other forms.
        var target = RequestTarget.PathAndQuery(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var authority = port == DefaultPort ? new HostString(request.Host.Host) : new HostString(request.Host.Host, port);
        context.Response.StatusCode = StatusCodes.Status308PermanentRedirect; // keeps the method and the body, as 301 does not (RFC 9110 section 15.4.9)
        context.Response.Headers.Location = $"https://{authority.Value}{target}";
        return Task.CompletedTask;
    }
}
