using EdgeProxy.Proxying.Places;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>Where requests wait, without a lease, until what keeps them from the slot is over: a flip frees them, and no drain waits for them.</summary>
internal sealed class RequestWaits(
    UpstreamWaitQueue outage,
    MaintenanceGate gate,
    PlaceQueue? places,
    UpstreamOptions options,
    TimeProvider time,
    IHostApplicationLifetime process,
    StopDeadline stop,
    ProxyingMetrics metrics,
    PlaceMetrics placeMetrics,
    FailedRequestLog log)
{
    /// <summary>Waits for the end of a pause.</summary>
    /// <returns>Whether another try makes sense. False: the client has got its response, or has left.</returns>
    public async ValueTask<bool> PauseEndsAsync(Pause pause, HttpContext context, ForwardedRequest request)
    {
        var since = time.GetTimestamp();
        var clientLeft = context.RequestAborted;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, process.ApplicationStopping);
        var end = HoldResult.TimedOut;
        try
        {
            end = await gate.WaitAsync(pause, pause.MaxWait - request.InPause, over.Token);
        }
        catch (OperationCanceledException)
        {
            // Nobody waits any more, or nobody can end the pause in this process any more.
        }

        request.InPause += time.GetElapsedTime(since);
        request.OutageSince = null; // a failure after that is another one
        if (Left(context, request, clientLeft))
        {
            return false;
        }

        if (end != HoldResult.TryAgain)
        {
            await GatewayErrors.PausedAsync(context, end, options);
        }

        return end == HoldResult.TryAgain;
    }

    /// <summary>Waits for a place with the slot, in the order of arrival.</summary>
    /// <returns>Whether another try makes sense. False: the client has got its response, or has left.</returns>
    public async ValueTask<bool> HasPlaceAsync(Slot slot, HttpContext context, ForwardedRequest request)
    {
        var queue = places!; // without it there is always a place
        var clientLeft = context.RequestAborted;
        var turn = request.Turn ??= queue.NewTurn(context.Connection.RemoteIpAddress);
        turn.Choice = request.Choice;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, stop.Passed);
        var began = time.GetTimestamp();
        var end = await queue.WaitAsync(turn, options.QueueTimeout - turn.Waited, over.Token);
        var ended = time.GetTimestamp();
        turn.Waited += time.GetElapsedTime(began, ended);
        request.OutageSince += ended - began; // the outage that it has met before is not longer for that
        placeMetrics.Waited(slot.App, end, time.GetElapsedTime(began, ended));
        if (!clientLeft.IsCancellationRequested && gate.TurnsAway(context) is null && end == PlaceEnd.Granted)
        {
            return true;
        }

        queue.Return(turn); // where it was granted in the last moment
        if (Left(context, request, clientLeft))
        {
            return false;
        }

        if (gate.TurnsAway(context) is { } begun)
        {
            await GatewayErrors.MaintenanceAsync(context, begun);
            return false;
        }

        if (end == PlaceEnd.TimedOut)
        {
            queue.StuckSlotOf(turn)?.Record(isError: true, latency: null, context.Request.Path.Value);
        }

        await GatewayErrors.BusyAsync(context, end, options);
        return false;
    }

    /// <summary>Waits until the slot takes requests again.</summary>
    /// <returns>Whether another try makes sense. False: the client has got its response, or has left.</returns>
    public async ValueTask<bool> UpstreamIsBackAsync(TryResult.WaitForUpstream failed, HttpContext context, ForwardedRequest request)
    {
        var now = time.GetTimestamp();
        var since = request.OutageSince ??= now;
        var clientLeft = context.RequestAborted;
        var end = await HoldAsync(failed, options.HoldTimeout - time.GetElapsedTime(since, now), clientLeft);
        request.InOutage = time.GetElapsedTime(since);
        metrics.Held(failed.Slot, end, time.GetElapsedTime(now));
        if (Left(context, request, clientLeft))
        {
            return false;
        }

        if (end != HoldResult.TryAgain)
        {
            failed.Slot.Record(isError: !failed.IsOwnFault);
            log.NotSent(context.TraceIdentifier, failed.Slot.Name, end, request.Tries, failed.Reason);
            await GatewayErrors.NotReachableAsync(context, failed.Slot.Name, end, options, stop.Passed.IsCancellationRequested);
        }

        return end == HoldResult.TryAgain;
    }

    private async ValueTask<HoldResult> HoldAsync(TryResult.WaitForUpstream failed, TimeSpan patience, CancellationToken clientLeft)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, stop.Passed);
        try
        {
            return failed.WasRefused
                ? await outage.WaitAsync(failed.Slot, patience, over.Token)
                : await outage.WaitForRestartAsync(failed.Slot, patience, over.Token);
        }
        catch (OperationCanceledException)
        {
            return stop.Passed.IsCancellationRequested ? HoldResult.Hopeless : HoldResult.TimedOut; // the proxy is being restarted, too
        }
    }

    private static bool Left(HttpContext context, ForwardedRequest request, CancellationToken clientLeft)
    {
        if (!clientLeft.IsCancellationRequested)
        {
            return false;
        }

        request.ClientLeft = true;
        GatewayErrors.ClientLeft(context);
        return true;
    }
}
