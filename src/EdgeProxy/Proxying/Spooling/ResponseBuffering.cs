using EdgeProxy.Configuration;
using EdgeProxy.Http;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Decides which responses are taken from the app faster than their clients take them.</summary>
internal sealed class ResponseBuffering(BufferingOptions options, SpoolStore store, TimeProvider time)
{
    /// <summary>nginx's: the app says whether a response is buffered (ngx_http_proxy_module, proxy_buffering).</summary>
    private const string Header = "X-Accel-Buffering";

    private readonly long _memoryPerRequest = ByteSize.Parse(options.MemoryPerRequest);
    private readonly PathPrefixes _excluded = new(options.ExcludePaths);

    /// <summary>Prepares the response for a slow client, where it may be large. Called when its head has come.</summary>
    public void Begin(HttpContext context, HttpResponseMessage response, ForwardedRequest request)
    {
        var said = TakeHeader(context, response);
        if (FilteredContent.SourceOf(response.Content) is not IResponseSource { IsLong: true } body
            || request.Life is not { Class: LeaseClass.Http }
            || !(said ?? (options.Responses && !_excluded.Cover(context.Request.Path))))
        {
            return;
        }

        var spool = new ResponseSpool(body.Body, store, _memoryPerRequest, request, time);
        body.Body = spool;
        context.Features.Set<IHttpResponseBodyFeature>(new SpoolingBody(context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(), spool));
    }

    /// <summary>It is meant for the proxy, and goes no further.</summary>
    /// <returns>Null: the app has said nothing that is understood.</returns>
    private static bool? TakeHeader(HttpContext context, HttpResponseMessage response)
    {
        if (!response.Headers.NonValidated.TryGetValues(Header, out var values))
        {
            return null;
        }

        context.Response.Headers.Remove(Header);
        var value = values.ToString();
        return value.Equals("no", StringComparison.OrdinalIgnoreCase) ? false
            : value.Equals("yes", StringComparison.OrdinalIgnoreCase) ? true
            : null;
    }
}
