using EdgeProxy.Proxying.Places;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What keeps a request from the slot for now.</summary>
/// <param name="Slot">The slot that was tried.</param>
/// <param name="Reason">In the operating system's words.</param>
internal sealed record Obstacle(Slot Slot, string Reason)
{
    /// <summary>The app is paused, and nothing was tried; null: it is not.</summary>
    public Pause? Pause { get; init; }

    /// <summary>As many requests as may are with the slot, or those of the client with the app. Nothing was tried.</summary>
    public bool IsFull { get; init; }

    /// <summary>The slot refused the connection; otherwise it ended two of them without a response, or one behind the head of its response.</summary>
    public bool WasRefused { get; init; }

    /// <summary>The proxy could open no connection to anybody.</summary>
    public bool IsOwnFault { get; init; }
}

/// <summary>Where requests wait, without a lease, until what keeps them from the slot is over: a flip frees them, and no drain waits for them.</summary>
internal sealed class RequestWaits(
    UpstreamWaitQueue outage,
    MaintenanceGate app,
    PlaceQueue? places,
    UpstreamOptions options,
    TimeProvider time,
    IHostApplicationLifetime process,
    StopDeadline stop,
    ProxyingMetrics metrics,
    PlaceMetrics placeMetrics,
    FailedRequestLog log)
{
    /// <summary>Waits until another try makes sense.</summary>
    /// <returns>False: the client has got its response, or has left.</returns>
    public ValueTask<bool> OutlastAsync(Obstacle obstacle, HttpContext context, ForwardedRequest request) =>
        obstacle.Pause is { } pause ? OutlastPauseAsync(pause, context, request)
        : obstacle.IsFull ? TakeTurnAsync(obstacle, places!, context, request)
        : OutlastOutageAsync(obstacle, context, request);

    private async ValueTask<bool> OutlastPauseAsync(Pause pause, HttpContext context, ForwardedRequest request)
    {
        var since = time.GetTimestamp();
        var clientLeft = context.RequestAborted;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, process.ApplicationStopping);
        var end = HoldResult.TimedOut;
        try
        {
            end = await app.WaitAsync(pause, pause.MaxWait - request.InPause, over.Token);
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

    private async ValueTask<bool> TakeTurnAsync(Obstacle obstacle, PlaceQueue queue, HttpContext context, ForwardedRequest request)
    {
        var clientLeft = context.RequestAborted;
        var turn = request.Turn ??= queue.NewTurn(context.Connection.RemoteIpAddress);
        turn.Choice = request.Choice;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, stop.Passed);
        var began = time.GetTimestamp();
        var end = await queue.WaitAsync(turn, options.QueueTimeout - turn.Waited, over.Token);
        var ended = time.GetTimestamp();
        turn.Waited += time.GetElapsedTime(began, ended);
        request.OutageSince += ended - began; // the outage that it has met before is not longer for that
        placeMetrics.Waited(obstacle.Slot.App, end, time.GetElapsedTime(began, ended));
        if (!clientLeft.IsCancellationRequested && app.TurnsAway(context) is null && end == PlaceEnd.Granted)
        {
            return true;
        }

        queue.Return(turn); // where it was granted in the last moment
        if (Left(context, request, clientLeft))
        {
            return false;
        }

        if (app.TurnsAway(context) is { } begun)
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

    private async ValueTask<bool> OutlastOutageAsync(Obstacle obstacle, HttpContext context, ForwardedRequest request)
    {
        var now = time.GetTimestamp();
        var since = request.OutageSince ??= now;
        var clientLeft = context.RequestAborted;
        var end = await HoldAsync(obstacle, options.HoldTimeout - time.GetElapsedTime(since, now), clientLeft);
        request.InOutage = time.GetElapsedTime(since);
        metrics.Held(obstacle.Slot, end, time.GetElapsedTime(now));
        if (Left(context, request, clientLeft))
        {
            return false;
        }

        if (end != HoldResult.TryAgain)
        {
            obstacle.Slot.Record(isError: !obstacle.IsOwnFault);
            log.NotSent(context.TraceIdentifier, obstacle.Slot.Name, end, request.Tries, obstacle.Reason);
            await GatewayErrors.NotReachableAsync(context, obstacle.Slot.Name, end, options, stop.Passed.IsCancellationRequested);
        }

        return end == HoldResult.TryAgain;
    }

    private async ValueTask<HoldResult> HoldAsync(Obstacle obstacle, TimeSpan patience, CancellationToken clientLeft)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(clientLeft, stop.Passed);
        try
        {
            return obstacle.WasRefused
                ? await outage.WaitAsync(obstacle.Slot, patience, over.Token)
                : await outage.WaitForRestartAsync(obstacle.Slot, patience, over.Token);
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
