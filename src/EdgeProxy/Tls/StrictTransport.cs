using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Tls;

/// <summary>Adds <c>Strict-Transport-Security</c> to responses over TLS, never to others (RFC 6797 section 7.2), and never beside the app's own.</summary>
internal sealed class StrictTransport(RequestDelegate next, string value)
{
    private readonly Func<object, Task> _add = response =>
    {
        ((HttpResponse)response).Headers.TryAdd(HeaderNames.StrictTransportSecurity, value);
        return Task.CompletedTask;
    };

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.IsHttps)
        {
            context.Response.OnStarting(_add, context.Response);
        }

        return next(context);
    }
}
