using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>
/// Requests with <c>Expect: 100-continue</c> over HTTP/1.1 whose response begins before their body has come: the connection ends with the response.
/// </summary>
/// <remarks>
/// Their client may send the body all the same, or never (RFC 9110 section 10.1.1), and nobody could tell the body from a next request. Kestrel says nothing
/// and takes whatever comes for the body, for up to 5 s. As it does so behind <c>Connection: close</c>, too, a client that sends first finds the response.
/// </remarks>
internal static class ExpectContinue
{
    private static readonly Func<object, Task> _closeUnlessRead = static context =>
    {
        CloseUnlessRead((HttpContext)context);
        return Task.CompletedTask;
    };

    /// <summary>Called before anything may respond.</summary>
    public static void Watch(HttpContext context)
    {
        if (context.Request.Headers.Expect.Count > 0 && !HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.OnStarting(_closeUnlessRead, context);
        }
    }

    private static void CloseUnlessRead(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }
            && ForwardedRequest.Of(context) is not { ClientBody.HasEnded: true })
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }
    }
}
