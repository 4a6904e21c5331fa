using System.Runtime.CompilerServices;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying;

/// <summary>Sends each request of the app to the slot that is active when the request is taken, and holds it while that slot refuses connections or the app is paused.</summary>
/// <remarks>
/// A step of YARP's pipeline, before the forwarder. A connection that is refused means that nothing of the request was sent and its body
/// is unread, so it can be tried again for any method. A request that waits holds no lease: a flip frees it, and no drain waits for it.
/// </remarks>
internal sealed partial class SlotSelection(
    SlotPair slots, OutageGate gate, AppGate app, LeaseClassifier classifier, IProxyStateLookup clusters, UpstreamOptions options, TimeProvider time, IHostApplicationLifetime process,
    StopDeadline stop, ProxyingMetrics metrics, ILogger<SlotSelection> logger)
{
    private readonly TimeSpan _holdTimeout = options.HoldTimeout;
    private readonly ClusterState _streams = clusters.TryGetCluster(AppCluster.StreamsId, out var cluster)
        ? cluster
        : throw new InvalidOperationException("the app's clusters are not loaded");

    /// <param name="context">A request of the app's own cluster.</param>
    /// <param name="next">The forwarder. Called once more for each further try.</param>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (app.Maintenance is { } maintenance && app.TurnsAway(context.Request.Path))
        {
            await GatewayErrors.MaintenanceAsync(context, maintenance);
            return;
        }

        var request = new ForwardedRequest(time);
        context.Features.Set(request);
        var @class = classifier.Classify(context);
        if (@class != LeaseClass.Http)
        {
            context.ReassignProxyRequest(_streams);
        }

        var heldSince = 0L;
        while (await TryAsync(context, request, @class, next) is { } failed)
        {
            if (failed.Pause is { } pause)
            {
                if (!await OutlastAsync(pause, context, request))
                {
                    return;
                }

                heldSince = 0; // a failure after that is another one
                continue;
            }

            var now = time.GetTimestamp();
            heldSince = heldSince == 0 ? now : heldSince;
            var (end, reason) = await HoldAsync(failed, _holdTimeout - time.GetElapsedTime(heldSince, now), context.RequestAborted);
            request.InOutage = time.GetElapsedTime(heldSince);
            metrics.Held(failed.Slot.Name, end, time.GetElapsedTime(now));
            if (context.RequestAborted.IsCancellationRequested)
            {
                request.ClientLeft = true;
                GatewayErrors.ClientLeft(context);
                return;
            }

            if (end != HoldEnd.TryAgain)
            {
                failed.Slot.Record(isError: true);
                Log.NotSent(logger, context.TraceIdentifier, failed.Slot.Name, end, request.Tries, failed.Reason);
                await GatewayErrors.NotReachableAsync(context, failed.Slot.Name, end, reason, options);
                return;
            }
        }
    }

    /// <summary>One try on the active slot.</summary>
    /// <returns>Null: the request has ended, well or not. Otherwise what failed; the request may be sent again as it is, and the response is clean.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))] // awaited once, by each request
    private async ValueTask<FailedTry?> TryAsync(HttpContext context, ForwardedRequest request, LeaseClass @class, RequestDelegate next)
    {
        using var lease = slots.Acquire(@class);
        if (app.Pause is { } pause)
        {
            return new FailedTry(lease.Slot, Refused: false, "paused", pause);
        }

        var clientLeft = context.RequestAborted;
        using var life = new RequestLife(lease, time, clientLeft, process.ApplicationStopping);
        request.Try(life);
        var route = context.GetReverseProxyFeature();
        route.AvailableDestinations = DestinationOf(route, lease.Slot.Name);

        context.RequestAborted = life.Token;
        await (@class == LeaseClass.WebSocket ? WebSocketFarewell.ForwardAsync(context, life, next) : next(context));
        context.RequestAborted = clientLeft;

        // What was told to end in order and did not within its grace is no failure of the slot.
        if (context.Features.Get<IForwarderErrorFeature>() is not { } failure || lease.EndsInOrder)
        {
            lease.Slot.Record(isError: context.Response.StatusCode >= StatusCodes.Status500InternalServerError);
            return null;
        }

        if (clientLeft.IsCancellationRequested)
        {
            request.ClientLeft = true;
            GatewayErrors.ClientLeft(context);
            return null;
        }

        var refused = failure.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };
        if ((refused || failure.Exception is UnansweredException || BrokeOff(context.Request, failure)) && !context.Response.HasStarted && !lease.Ended.IsCancellationRequested)
        {
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear(); // YARP left its 502, and takes a response that is not clean for one that has started
            return new FailedTry(lease.Slot, refused, Innermost(failure.Exception));
        }

        lease.Slot.Record(isError: true);
        Log.Failed(logger, context.TraceIdentifier, lease.Slot.Name, failure.Error, Innermost(failure.Exception));
        await GatewayErrors.FailedAsync(context, lease, failure, options, stop.Passed.IsCancellationRequested);
        return null;
    }

    /// <summary>Waits, without a lease, until the pause is over.</summary>
    /// <returns>False: the request has been answered, or its client has left.</returns>
    private async Task<bool> OutlastAsync(Pause pause, HttpContext context, ForwardedRequest request)
    {
        var since = time.GetTimestamp();
        var clientLeft = context.RequestAborted;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, process.ApplicationStopping);
        var end = HoldEnd.TimedOut;
        try
        {
            end = await app.WaitAsync(pause, pause.MaxWait - request.InPause, over.Token);
        }
        catch (OperationCanceledException)
        {
            // Nobody waits any more, or nobody can end the pause in this process any more.
        }

        request.InPause += time.GetElapsedTime(since);
        request.ClientLeft = clientLeft.IsCancellationRequested;
        if (request.ClientLeft)
        {
            GatewayErrors.ClientLeft(context);
        }
        else if (end != HoldEnd.TryAgain)
        {
            await GatewayErrors.PausedAsync(context, end, options);
        }

        return end == HoldEnd.TryAgain && !request.ClientLeft;
    }

    private async ValueTask<(HoldEnd End, string? Reason)> HoldAsync(FailedTry failed, TimeSpan patience, CancellationToken clientLeft)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, stop.Passed);
        try
        {
            return failed.Refused
                ? await gate.WaitAsync(failed.Slot, patience, over.Token)
                : await gate.WaitForRestartAsync(failed.Slot, patience, over.Token);
        }
        catch (OperationCanceledException)
        {
            return stop.Passed.IsCancellationRequested ? (HoldEnd.Hopeless, "the proxy is being restarted, too.") : (HoldEnd.TimedOut, null);
        }
    }

    /// <summary>
    /// The answer ended behind its head, and the request is safe to repeat. A worker that is told to quit ends between the two writes of an answer
    /// (gunicorn sends head and body apart); nothing of it has reached the client yet.
    /// </summary>
    private static bool BrokeOff(HttpRequest request, IForwarderErrorFeature failure) =>
        failure.Error == ForwarderError.ResponseBodyDestination
        && (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        && request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true };

    private static DestinationState DestinationOf(IReverseProxyFeature route, SlotName slot)
    {
        // Two destinations, in no documented order.
        var key = slot.ToKey();
        var all = route.AllDestinations;
        return all[0].DestinationId == key ? all[0] : all[1];
    }

    private static string Innermost(Exception? failure) => failure?.GetBaseException().Message ?? "no exception";

    /// <param name="Slot">The slot that was tried.</param>
    /// <param name="Refused">It refused the connection; otherwise it ended two of them without an answer, or one behind the head of its answer.</param>
    /// <param name="Reason">In the operating system's words.</param>
    /// <param name="Pause">The app is paused, and nothing was tried; null: it is not.</param>
    private sealed record FailedTry(Slot Slot, bool Refused, string Reason, Pause? Pause = null);

    private static partial class Log
    {
        [LoggerMessage(210, LogLevel.Warning, "Request {RequestId} to {Slot} failed with {Error}: {Reason}")]
        public static partial void Failed(ILogger logger, string requestId, SlotName slot, ForwarderError error, string reason);

        [LoggerMessage(211, LogLevel.Warning, "Request {RequestId} could not be sent to {Slot} ({End} after {Tries} tries): {Reason}")]
        public static partial void NotSent(ILogger logger, string requestId, SlotName slot, HoldEnd end, int tries, string reason);
    }
}
