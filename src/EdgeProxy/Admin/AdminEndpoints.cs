using EdgeProxy.Admin.Dashboard;
using EdgeProxy.Json;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using OpenTelemetry.Metrics;

namespace EdgeProxy.Admin;

/// <summary>What the admin API answers. <see cref="AdminAccess"/> has looked at the caller before.</summary>
internal sealed class AdminEndpoints(
    SwitchCoordinator switches,
    SwitchHistory history,
    StatusReader status,
    HealthMonitor health,
    EventStream events,
    CertificateEndpoints certificates,
    SlotPair slots,
    OutageGate gate,
    UpstreamOptions upstream,
    MeterProvider metrics,
    DashboardPage dashboard)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", dashboard.WriteAsync);
        routes.MapPost("/switch", SwitchAsync);
        routes.MapPost("/rollback", RollBackAsync);
        routes.MapGet("/switches", ListSwitches);
        routes.MapGet("/switches/{id}", FindSwitch);
        routes.MapGet("/status", async (HttpContext context, CancellationToken cancellationToken) =>
            TypedResults.Json(await status.ReadAsync(AdminCaller.Of(context), cancellationToken), ApiJson.Default.StatusView));
        routes.MapGet("/health", () =>
            TypedResults.Json(new HealthView(SlotNameExtensions.All.ToDictionary(name => name, name => health[name])), ApiJson.Default.HealthView));
        routes.MapGet("/events", context => events.RunAsync(context, context.Request.Query["switch"]));
        routes.MapPrometheusScrapingEndpoint("/metrics", metrics, configureBranchedPipeline: null, optionsName: null);
        certificates.Map(routes);
        routes.MapGet("/livez", () => TypedResults.Json(new ProbeView("alive"), ApiJson.Default.ProbeView));
        routes.MapGet("/readyz", ReadyAsync);
    }

    /// <summary>Starts a switch and, unless <c>?wait=false</c>, waits for its end. It goes on when the caller leaves.</summary>
    private async Task<IResult> SwitchAsync(HttpContext context, [FromQuery(Name = "wait")] string? wait)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.SwitchBody, """{"to":"green","label":"a1b2c3","force":false}""");
        if (body is null)
        {
            return problem!;
        }

        SlotName? to = SlotNameExtensions.TryParse(body.To, out var slot) ? slot : null;
        return body.To is not null && to is null
            ? Refused(body, $"There is no slot \"{body.To}\": it is blue or green.")
            : await AnswerAsync(context, wait, body, () => switches.BeginAsync(new SwitchRequest(to, body.Label, body.Force), context.RequestAborted));
    }

    /// <summary>Brings traffic back to the previous slot; waits as a switch does.</summary>
    private async Task<IResult> RollBackAsync(HttpContext context, [FromQuery(Name = "wait")] string? wait)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.RollbackBody, """{"force":false}""");
        return body is null
            ? problem!
            : await AnswerAsync(context, wait, new SwitchBody(Force: body.Force), () => switches.BeginRollbackAsync(body.Force, context.RequestAborted));
    }

    private async Task<IResult> AnswerAsync(HttpContext context, string? waitText, SwitchBody asked, Func<ValueTask<SwitchStart>> begin)
    {
        var wait = true;
        if (waitText is not null && !bool.TryParse(waitText, out wait))
        {
            return ApiProblem.Result(StatusCodes.Status400BadRequest, "The query parameter wait must be true or false.");
        }

        var caller = AdminCaller.Of(context);
        return await begin() switch
        {
            SwitchStart.Started started when wait => Ended(caller.View(await started.Completion.WaitAsync(context.RequestAborted))),
            SwitchStart.Started started => Accepted(context, caller.View(started.Switch)),
            SwitchStart.Recalled recalled when wait => CalledBack(caller.View(await recalled.Completion.WaitAsync(context.RequestAborted))),
            SwitchStart.Recalled recalled => Accepted(context, caller.View(recalled.Switch)),
            SwitchStart.Busy busy => Answer(caller.View(busy.Running), StatusCodes.Status409Conflict),
            SwitchStart.Refused refused => Refused(asked, refused.Reason),
            var unknown => throw new InvalidOperationException(unknown.GetType().Name),
        };
    }

    /// <summary>For whoever wanted the rollback that is success, and a switch that stayed is not.</summary>
    private static JsonHttpResult<Switch> CalledBack(Switch ended) => Answer(ended, ended.Outcome switch
    {
        SwitchOutcome.RolledBack => StatusCodes.Status200OK,
        null => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status502BadGateway,
    });

    private static JsonHttpResult<Switch> Ended(Switch ended) => Answer(ended, ended.Outcome switch
    {
        SwitchOutcome.Completed or SwitchOutcome.CompletedWithWarnings => StatusCodes.Status200OK,
        SwitchOutcome.Aborted or SwitchOutcome.RolledBack => StatusCodes.Status502BadGateway,
        // EdgeProxy stops in the middle of it; its next process finishes or undoes it, and lists it under the same id.
        _ => StatusCodes.Status503ServiceUnavailable,
    });

    private static JsonHttpResult<Switch> Accepted(HttpContext context, Switch started)
    {
        context.Response.Headers.Location = $"/switches/{started.Id}";
        return Answer(started, StatusCodes.Status202Accepted);
    }

    private JsonHttpResult<RefusedSwitch> Refused(SwitchBody asked, string reason)
    {
        var active = slots.Active.Name;
        var refused = new RefusedSwitch
        {
            Title = "The switch is not possible",
            Status = StatusCodes.Status422UnprocessableEntity,
            Detail = reason,
            From = active,
            To = asked.To ?? active.Other().ToKey(),
            Label = asked.Label,
        };
        return TypedResults.Json(refused, ApiJson.Default.RefusedSwitch, ApiProblem.ContentType, refused.Status);
    }

    private JsonHttpResult<SwitchesView> ListSwitches(HttpContext context)
    {
        var caller = AdminCaller.Of(context);
        var ended = history.Recent;
        // It ends in the history before it ceases to run.
        IEnumerable<Switch> running = switches.Running is { } one && ended.All(other => other.Id != one.Id) ? [one] : [];
        return TypedResults.Json(new SwitchesView([.. running.Concat(ended).Select(caller.View)]), ApiJson.Default.SwitchesView);
    }

    private IResult FindSwitch(HttpContext context, string id)
    {
        var found = history.Find(id) ?? (switches.Running is { } running && running.Id == id ? running : null);
        return found is null
            ? ApiProblem.Result(StatusCodes.Status404NotFound, $"There is no switch \"{id}\"; GET /switches lists the last {SwitchHistory.Capacity}.")
            : Answer(AdminCaller.Of(context).View(found), StatusCodes.Status200OK);
    }

    /// <summary>Ready while the active slot answers, or its requests can be held until it does. Requests for a unit that is stopped are not held.</summary>
    private async Task<IResult> ReadyAsync(CancellationToken cancellationToken)
    {
        var active = slots.Active.Name;
        var state = health[active].State;
        return state == HealthState.Healthy || (HasRoomToHold && await status.ReadUnitAsync(active, cancellationToken) is null or { IsRunning: true })
            ? TypedResults.Json(new ProbeView("ready"), ApiJson.Default.ProbeView)
            : ApiProblem.Result(StatusCodes.Status503ServiceUnavailable, $"The active slot {active.ToKey()} is {state} and its requests cannot be held; GET /status says more.");
    }

    private bool HasRoomToHold => upstream.HoldTimeout > TimeSpan.Zero && gate.Held < upstream.MaxHeldRequests;

    private static JsonHttpResult<Switch> Answer(Switch @switch, int statusCode) =>
        TypedResults.Json(@switch, ApiJson.Default.Switch, contentType: null, statusCode);
}
