using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Diagnostics;

/// <summary>Outermost in the public pipeline: tells metrics and the access log what became of each request.</summary>
/// <param name="log">Null: there is none.</param>
internal sealed class RequestObserver(RequestMetrics metrics, AccessLog? log, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var started = time.GetTimestamp();
        var server = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var body = new CountingBody(server);
        context.Features.Set<IHttpResponseBodyFeature>(body);
        try
        {
            await next(context);
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            // What the server will respond: its own verdict on a body that cannot be read, else 500.
            context.Response.StatusCode = (error as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status500InternalServerError;
            context.Features.Set(ObservedRequest.Instance);
            throw;
        }
        finally
        {
            context.Features.Set(server);
            var request = new RequestRecord(context, time.GetUtcNow(), time.GetElapsedTime(started), body.Count);
            metrics.Record(request);
            log?.Add(request);
        }
    }
}
