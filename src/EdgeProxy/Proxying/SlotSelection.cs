using EdgeProxy.Slots;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying;

/// <summary>Sends each request of the app to the slot that is active when the request is taken, and holds it while that slot refuses connections.</summary>
/// <remarks>
/// A step of YARP's pipeline, before the forwarder. A connection that is refused means that nothing of the request was sent and its body
/// is unread, so it can be tried again for any method. A request that waits holds no lease: a flip frees it, and no drain waits for it.
/// </remarks>
internal sealed class SlotSelection(
    SlotPair slots, OutageGate gate, LeaseClassifier classifier, IProxyStateLookup clusters, UpstreamOptions options, TimeProvider time)
{
    private readonly TimeSpan _holdTimeout = options.HoldTimeout;
    private readonly ClusterState _streams = clusters.TryGetCluster(AppCluster.StreamsId, out var cluster)
        ? cluster
        : throw new InvalidOperationException("the app's clusters are not loaded");

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var route = context.GetReverseProxyFeature();
        return route.Cluster.Config.ClusterId == AppCluster.Id ? SendToAppAsync(context, next) : next(context);
    }

    private async Task SendToAppAsync(HttpContext context, RequestDelegate next)
    {
        var request = new ForwardedRequest();
        context.Features.Set(request);
        var @class = classifier.Classify(context);
        if (@class != LeaseClass.Http)
        {
            context.ReassignProxyRequest(_streams);
        }

        var heldSince = 0L;
        while (await TryAsync(context, request, @class, next) is { } refused)
        {
            var now = time.GetTimestamp();
            heldSince = heldSince == 0 ? now : heldSince;
            var (end, reason) = await HoldAsync(refused, _holdTimeout - time.GetElapsedTime(heldSince, now), context.RequestAborted);
            request.Held = time.GetElapsedTime(heldSince);
            if (context.RequestAborted.IsCancellationRequested)
            {
                GatewayErrors.ClientLeft(context);
                return;
            }

            if (end != HoldEnd.TryAgain)
            {
                refused.Record(isError: true);
                await GatewayErrors.NotReachableAsync(context, refused.Name, end, reason, options);
                return;
            }
        }
    }

    /// <summary>One try on the active slot.</summary>
    /// <returns>Null: the request has ended, well or not. Otherwise the slot that refused the connection; nothing was sent and the response is clean.</returns>
    private async Task<Slot?> TryAsync(HttpContext context, ForwardedRequest request, LeaseClass @class, RequestDelegate next)
    {
        using var lease = slots.Acquire(@class);
        request.Lease = lease;
        request.Tries++;
        var route = context.GetReverseProxyFeature();
        route.AvailableDestinations = DestinationOf(route, lease.Slot.Name);

        var clientLeft = context.RequestAborted;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, lease.Ended);
        context.RequestAborted = ended.Token;
        await next(context);
        context.RequestAborted = clientLeft;

        if (context.Features.Get<IForwarderErrorFeature>() is not { } failure)
        {
            lease.Slot.Record(isError: context.Response.StatusCode >= StatusCodes.Status500InternalServerError);
            return null;
        }

        if (clientLeft.IsCancellationRequested)
        {
            GatewayErrors.ClientLeft(context);
            return null;
        }

        if (IsRefusedConnection(failure) && !context.Response.HasStarted && !lease.Ended.IsCancellationRequested)
        {
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear(); // YARP left its 502, and takes a response that is not clean for one that has started
            return lease.Slot;
        }

        lease.Slot.Record(isError: true);
        await GatewayErrors.FailedAsync(context, lease, failure, options);
        return null;
    }

    private async ValueTask<(HoldEnd End, string? Reason)> HoldAsync(Slot slot, TimeSpan patience, CancellationToken clientLeft)
    {
        try
        {
            return await gate.WaitAsync(slot, patience, clientLeft);
        }
        catch (OperationCanceledException)
        {
            return (HoldEnd.TimedOut, null);
        }
    }

    private static DestinationState DestinationOf(IReverseProxyFeature route, SlotName slot)
    {
        // Two destinations, in no documented order.
        var key = slot.ToKey();
        var all = route.AllDestinations;
        return all[0].DestinationId == key ? all[0] : all[1];
    }

    private static bool IsRefusedConnection(IForwarderErrorFeature failure) =>
        failure.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };
}
