using System.Runtime.CompilerServices;
using EdgeProxy.Http;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.Upgrades;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying;

/// <summary>Sends each request of the app to the slot that is active when the request is complete, and again after it had to wait.</summary>
/// <remarks>
/// A step of YARP's pipeline, before the forwarder. A connection that is refused means that nothing of the request was sent and its body
/// is unread, so it can be tried again for any method. A request that waits holds no lease: a flip frees it, and no drain waits for it.
/// </remarks>
internal sealed class SlotForwarder(
    SlotPair slots,
    MaintenanceGate app,
    LeaseClassifier classifier,
    BodyIntake intake,
    RequestWaits waits,
    PlaceQueue? places,
    ClientChoices choices,
    ClusterState streams,
    UpstreamOptions options,
    TimeProvider time,
    IHostApplicationLifetime process,
    StopDeadline stop,
    FailedRequestLog log)
{
    /// <param name="context">A request of the app's own cluster.</param>
    /// <param name="next">The forwarder. Called once more for each further try.</param>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (app.TurnsAway(context) is { } maintenance)
        {
            await GatewayErrors.MaintenanceAsync(context, maintenance);
            return;
        }

        var request = new ForwardedRequest(time);
        context.Features.Set<IForwardedRequest>(request);
        var @class = classifier.Classify(context);
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && !await intake.TakeAsync(context, request, @class))
        {
            return;
        }

        using var spool = request.Spooled?.Request; // null: nothing of the body had to wait
        if (spool is not null && app.TurnsAway(context) is { } begun) // while the body came
        {
            await GatewayErrors.MaintenanceAsync(context, begun);
            return;
        }

        if (@class != LeaseClass.Http || LeaseClassifier.ExpectsStream(context))
        {
            context.ReassignProxyRequest(streams); // it may be silent for longer
        }

        if (slots.Plan.Candidate is { } candidate)
        {
            request.Choice = choices.Of(context, candidate);
        }

        while (await TryAsync(context, request, @class, next) is { } obstacle && await OutlastAsync(obstacle, context, request))
        {
            // once more
        }

        if (request.Life is { IsBrokenOff: true } broken) // the lease is back: no drain waits for the client to take what there is
        {
            await ClientOutput.BreakOffAsync(context, broken.ResetCode, time, stop.Passed);
        }
    }

    /// <summary>A request that the candidate could not take is the active slot's: a canary loses none. A client that has asked for the candidate learns that it
    /// did not respond. One that finds no place with it waits: its page is the candidate's, too.</summary>
    /// <returns>Whether the request is to be tried again.</returns>
    private async ValueTask<bool> OutlastAsync(Obstacle obstacle, HttpContext context, ForwardedRequest request)
    {
        if (request.Choice is not { } choice || obstacle.Pause is not null || obstacle.IsFull || obstacle.Slot == slots.Active)
        {
            return await waits.OutlastAsync(obstacle, context, request);
        }

        if (!obstacle.WasRefused) // refused connections have a count of their own
        {
            obstacle.Slot.Record(isError: true, latency: null, context.Request.Path.Value);
            log.NotSent(context.TraceIdentifier, obstacle.Slot.Name, HoldResult.NotDown, request.Tries, obstacle.Reason);
        }

        if (choice.Number == CandidateClient.Invited)
        {
            var end = obstacle.WasRefused ? HoldResult.Hopeless : HoldResult.NotDown;
            await GatewayErrors.NotReachableAsync(context, obstacle.Slot.Name, end, options, stop.Passed.IsCancellationRequested);
            return false;
        }

        request.Choice = null;
        return true;
    }

    /// <summary>One try on the active slot, or on the candidate for a client that gets it.</summary>
    /// <returns>Null: the request has ended, well or not. Otherwise what it waits for: it may be sent again, and the response is clean.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))] // awaited once, by each request
    private async ValueTask<Obstacle?> TryAsync(HttpContext context, ForwardedRequest request, LeaseClass @class, RequestDelegate next)
    {
        using var lease = slots.Acquire(@class, request.Choice);
        if (app.Pause is { } pause)
        {
            places?.Return(request.Turn);
            return new Obstacle(lease.Slot, "paused") { Pause = pause };
        }

        // An upgrade has a place until it has succeeded: the app may respond to it as to any GET.
        if (places is not null && @class != LeaseClass.Stream && !places.TryOccupy(lease, request.Turn, context.Connection.RemoteIpAddress))
        {
            return new Obstacle(lease.Slot, "as many requests as may are with it") { IsFull = true };
        }

        var clientLeft = context.RequestAborted;
        using var life = new RequestCancellation(lease, time, clientLeft, process.ApplicationStopping);
        request.Try(life, @class == LeaseClass.Http && !LeaseClassifier.ExpectsStream(context) ? lease.Slot.Pending : null);
        SetDestination(context, lease.Slot.Name);

        life.Enter(context);
        try
        {
            await next(context);
        }
        finally
        {
            request.EndTry(); // whatever happens: what stays would look like a hang for as long as the process lives
        }

        life.Leave(context);

        var outcome = TryOutcome.Of(context, request, life, clientLeft.IsCancellationRequested);
        switch (outcome.End)
        {
            case TryEnd.Responded:
                lease.Slot.Record(
                    isError: context.Response.StatusCode >= StatusCodes.Status500InternalServerError,
                    lease.Class == LeaseClass.Http ? request.ResponseTime : null,
                    context.Request.Path.Value);
                return null;
            case TryEnd.Upgraded:
                lease.GiveBackPlace();
                lease.Slot.Record(isError: false); // it has responded as it should; nothing that comes of it now says anything about the slot
                await UpgradedRequest.FinishAsync(context, request, life, options, time, clientLeft);
                return null;
            case TryEnd.ClientLeft:
                request.ClientLeft = true;
                if (request.Took is { } took && lease.Class == LeaseClass.Http && !LeaseClassifier.ExpectsStream(context))
                {
                    lease.Slot.RecordGivenUp(took, context.Request.Path.Value);
                }

                GatewayErrors.ClientLeft(context);
                return null;
            case TryEnd.NotTaken:
                context.Features.Set<IForwarderErrorFeature>(null);
                context.Response.Clear(); // YARP left its 502, and takes a response that is not clean for one that has started
                return new Obstacle(lease.Slot, outcome.Reason) { WasRefused = outcome.WasRefused, IsOwnFault = outcome.IsOwnFault(lease.Slot.Address) };
            default:
                var isOfSlot = outcome.IsErrorOfSlot(request);
                lease.Slot.Record(isOfSlot, isOfSlot && lease.Class == LeaseClass.Http ? request.Took : null, context.Request.Path.Value);
                log.Failed(context.TraceIdentifier, lease.Slot.Name, outcome.Failure!.Error, outcome.Reason, isOfSlot);
                await GatewayErrors.FailedAsync(context, lease, outcome.Failure, options, stop.Passed.IsCancellationRequested);
                return null;
        }
    }

    /// <summary>Tells the forwarder which of the cluster's two destinations it is. They are in no documented order.</summary>
    private static void SetDestination(HttpContext context, SlotName slot)
    {
        var route = context.GetReverseProxyFeature();
        var key = slot.ToKey();
        var all = route.AllDestinations;
        route.AvailableDestinations = all[0].DestinationId == key ? all[0] : all[1];
    }
}
