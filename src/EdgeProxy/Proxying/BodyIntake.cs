using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>Receives the body of a request before a slot is chosen, or prepares it to be passed on as it comes.</summary>
internal sealed class BodyIntake(RequestBuffering buffering, StopDeadline stop)
{
    /// <summary>
    /// A body that may exist (over HTTP/2 nothing says so beforehand, in chunks neither) is looked at where the method is safe: without one byte the request
    /// has none, and may be repeated. Otherwise the body is received (<see cref="RequestBuffering"/>), or passed on as it comes.
    /// </summary>
    /// <returns>False: the body cannot be read, and the client has got its response.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))] // awaited once, by each request that may have a body
    public async ValueTask<bool> TakeAsync(HttpContext context, ForwardedRequest request, LeaseClass @class)
    {
        var limit = LimitedRequestBody.Of(context);
        var body = limit?.Reader ?? context.Request.BodyReader;
        RequestIntake intake = default;
        try
        {
            if (await IsEmptyAsync(context.Request, body))
            {
                context.Features.Set<IHttpRequestBodyDetectionFeature>(NoBody.Instance);
                return true;
            }

            if (buffering.Covers(context, @class))
            {
                intake = await buffering.TakeInAsync(context, body, limit, stop.Passed);
            }
        }
        catch (BadHttpRequestException invalid)
        {
            await GatewayErrors.BodyRefusedAsync(context, invalid);
            return false;
        }
        catch (IOException invalid) when (invalid.InnerException is OverflowException)
        {
            await GatewayErrors.BodyRefusedAsync(context, new BadHttpRequestException(invalid.Message, invalid)); // Kestrel's, for the size of a chunk
            return false;
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            request.ClientLeft = true;
            GatewayErrors.ClientLeft(context);
            return false;
        }

        if (intake.Spool is { } spool)
        {
            request.Spooled = new SpooledBodies { Request = spool, Bytes = spool.Length };
        }

        if (intake.IsStopped)
        {
            intake.Spool?.Dispose();
            await GatewayErrors.StoppedInBodyAsync(context);
            return false;
        }

        if (intake.Length is { } length)
        {
            // Known now, also of what came in chunks: many apps read none of those (PEP 3333 has no word for them).
            context.Request.Headers.TransferEncoding = default;
            context.Request.ContentLength = length;
            if (length == 0)
            {
                context.Features.Set<IHttpRequestBodyDetectionFeature>(NoBody.Instance);
                return true;
            }
        }

        context.Request.Body = request.ClientBody = new ClientBody(body, limit, intake.Spool, isWhole: intake.Length is not null);
        return true;
    }

    private static ValueTask<bool> IsEmptyAsync(HttpRequest request, PipeReader body) =>
        request.ContentLength == 0 ? new ValueTask<bool>(true)
        : request.ContentLength is null && UpstreamClient.IsSafe(request.Method) ? ClientBody.IsEmptyAsync(body, request.HttpContext.RequestAborted)
        : new ValueTask<bool>(false);

    private sealed class NoBody : IHttpRequestBodyDetectionFeature
    {
        public static readonly NoBody Instance = new();

        public bool CanHaveBody => false;
    }
}
