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
/// What a try can come to, and what follows from it, is the loop at the end of <see cref="InvokeAsync"/>.
/// </remarks>
internal sealed class SlotForwarder(
    SlotPair slots,
    MaintenanceGate gate,
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
        if (gate.TurnsAway(context) is { } maintenance)
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
        if (spool is not null && gate.TurnsAway(context) is { } begun) // while the body came
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

        bool isAgain;
        do
        {
            isAgain = await TryAsync(context, request, @class, next) switch
            {
                TryResult.Done => false,
                TryResult.Retry => true,
                TryResult.WaitForPause { Pause: var pause } => await waits.PauseEndsAsync(pause, context, request),
                TryResult.WaitForPlace { Slot: var slot } => await waits.HasPlaceAsync(slot, context, request),
                TryResult.WaitForUpstream failed => await waits.UpstreamIsBackAsync(failed, context, request),
                TryResult.Fail failed => await FailAsync(failed, context),
                var unknown => throw new InvalidOperationException(unknown.GetType().Name),
            };
        }
        while (isAgain);

        if (request.Life is { IsBrokenOff: true } broken) // the lease is back: no drain waits for the client to take what there is
        {
            await ClientOutput.BreakOffAsync(context, broken.ResetCode, time, stop.Passed);
        }
    }

    /// <summary>One try on the active slot, or on the candidate for a client that gets it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))] // awaited once, by each request
    private async ValueTask<TryResult> TryAsync(HttpContext context, ForwardedRequest request, LeaseClass @class, RequestDelegate next)
    {
        using var lease = slots.Acquire(@class, request.Choice);
        if (gate.Pause is { } pause)
        {
            places?.Return(request.Turn);
            return new TryResult.WaitForPause(pause);
        }

        // An upgrade has a place until it has succeeded: the app may respond to it as to any GET.
        if (places is not null && @class != LeaseClass.Stream && !places.TryOccupy(lease, request.Turn, context.Connection.RemoteIpAddress))
        {
            return new TryResult.WaitForPlace(lease.Slot);
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
                return TryResult.Done.Instance;
            case TryEnd.Upgraded:
                lease.GiveBackPlace();
                lease.Slot.Record(isError: false); // it has responded as it should; nothing that comes of it now says anything about the slot
                await UpgradedRequest.FinishAsync(context, request, life, options, time, clientLeft);
                return TryResult.Done.Instance;
            case TryEnd.ClientLeft:
                request.ClientLeft = true;
                if (request.Took is { } took && lease.Class == LeaseClass.Http && !LeaseClassifier.ExpectsStream(context))
                {
                    lease.Slot.RecordGivenUp(took, context.Request.Path.Value);
                }

                GatewayErrors.ClientLeft(context);
                return TryResult.Done.Instance;
            case TryEnd.NotTaken:
                context.Features.Set<IForwarderErrorFeature>(null);
                context.Response.Clear(); // YARP left its 502, and takes a response that is not clean for one that has started
                return AfterNotTaken(context, request, lease.Slot, outcome);
            default:
                var isOfSlot = outcome.IsErrorOfSlot(request);
                lease.Slot.Record(isOfSlot, isOfSlot && lease.Class == LeaseClass.Http ? request.Took : null, context.Request.Path.Value);
                log.Failed(context.TraceIdentifier, lease.Slot.Name, outcome.Failure!.Error, outcome.Reason, isOfSlot);
                await GatewayErrors.FailedAsync(context, lease, outcome.Failure, options, stop.Passed.IsCancellationRequested);
                return TryResult.Done.Instance;
        }
    }

    /// <summary>A request that the candidate could not take is the active slot's: a canary loses none. A client that has asked for the candidate learns that it
    /// did not respond. One that finds no place with it waits: its page is the candidate's, too.</summary>
    private TryResult AfterNotTaken(HttpContext context, ForwardedRequest request, Slot slot, TryOutcome outcome)
    {
        if (request.Choice is not { } choice || slot == slots.Active)
        {
            return new TryResult.WaitForUpstream(slot, outcome.Reason, outcome.WasRefused, outcome.IsOwnFault(slot.Address));
        }

        if (!outcome.WasRefused) // refused connections have a count of their own
        {
            slot.Record(isError: true, latency: null, context.Request.Path.Value);
            log.NotSent(context.TraceIdentifier, slot.Name, HoldResult.NotDown, request.Tries, outcome.Reason);
        }

        if (choice.Number == CandidateClient.Invited)
        {
            return new TryResult.Fail(slot.Name, outcome.WasRefused ? HoldResult.Hopeless : HoldResult.NotDown);
        }

        request.Choice = null;
        return new TryResult.Retry();
    }

    /// <returns>False: the request is not tried again.</returns>
    private async ValueTask<bool> FailAsync(TryResult.Fail failed, HttpContext context)
    {
        await GatewayErrors.NotReachableAsync(context, failed.Slot, failed.Why, options, stop.Passed.IsCancellationRequested);
        return false;
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
