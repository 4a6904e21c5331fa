using EdgeProxy.Admin.Dashboard;
using EdgeProxy.Api;
using EdgeProxy.Apps;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using Microsoft.AspNetCore.Http.HttpResults;
using OpenTelemetry.Metrics;

namespace EdgeProxy.Admin;

/// <summary>The endpoints of the admin API. <see cref="AdminAccess"/> has looked at the caller before.</summary>
internal sealed class AdminEndpoints(
    AppRegistry apps,
    AppCalls calls,
    StatusReader status,
    EventStream events,
    CertificateEndpoints certificates,
    MeterProvider metrics,
    DashboardPage dashboard)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(AdminApi.Dashboard, dashboard.WriteAsync);
        calls.MapPost(routes, AdminApi.Switch, SwitchAsync);
        calls.MapPost(routes, AdminApi.Rollback, RollBackAsync);
        calls.MapPost(routes, AdminApi.Preview, PreviewAsync);
        calls.MapPost(routes, AdminApi.Promote, (context, app) => EndWaitAsync(context, app, app.Switches.Promote, SwitchOutcome.Completed));
        calls.MapPost(
            routes,
            AdminApi.Abort,
            (context, app) => EndWaitAsync(context, app, app.Switches.Abort, SwitchOutcome.Aborted, SwitchOutcome.RolledBack));
        calls.MapGet(routes, AdminApi.Switches, (context, app) => Task.FromResult<IResult>(ListSwitches(context, app)));
        calls.MapGet(routes, AdminApi.Switches + "/{id}", (context, app) => Task.FromResult(FindSwitch(context, app)));
        calls.MapGet(routes, AdminApi.Health, (_, app) => Task.FromResult<IResult>(
            TypedResults.Json(new HealthView(SlotNameExtensions.All.ToDictionary(name => name, name => app.Health[name])), ApiJson.Relaxed.HealthView)));
        routes.MapPrometheusScrapingEndpoint(AdminApi.Metrics, metrics, configureBranchedPipeline: null, optionsName: null);
        certificates.Map(routes);
        routes.MapGet(AdminApi.Alive, () => TypedResults.Json(new ProbeView("alive"), ApiJson.Relaxed.ProbeView));
        MapOfAllApps(routes);
    }

    /// <summary>Calls that tell of all apps at the top, and of one below <c>/apps/NAME</c>.</summary>
    private void MapOfAllApps(IEndpointRouteBuilder routes)
    {
        routes.MapGet(AdminApi.Apps, async (HttpContext context, CancellationToken cancellationToken) =>
            TypedResults.Json(new AppsView(await status.ReadAppsAsync(one: null, AdminCaller.Of(context), cancellationToken)), ApiJson.Relaxed.AppsView));
        MapBoth(AdminApi.Status, async (context, app) =>
            await TypedResults.Json(await status.ReadAsync(app, AdminCaller.Of(context), context.RequestAborted), ApiJson.Relaxed.StatusView)
                .ExecuteAsync(context));
        MapBoth(AdminApi.Events, (context, app) => events.RunAsync(context, app, context.Request.Query[AdminApi.EventsOfSwitch]));
        MapBoth(AdminApi.Ready, async (context, app) => await (await ReadyAsync(app is null ? apps.All : [app], context.RequestAborted)).ExecuteAsync(context));

        void MapBoth(string path, Func<HttpContext, App?, Task> response)
        {
            routes.MapGet(path, context => response(context, null));
            routes.MapGet(
                AdminApi.Of("{app}", path),
                context => calls.TryFind(context, out var app, out var problem) ? response(context, app) : problem!.ExecuteAsync(context));
        }
    }

    /// <summary>Starts a switch and, unless <c>?wait=false</c>, waits for its end. It goes on when the caller leaves.</summary>
    private async Task<IResult> SwitchAsync(HttpContext context, App app)
    {
        var (body, problem) = await AdminBody.ReadAsync(
            context, ApiJson.Relaxed.SwitchBody, """{"to":"green","label":"a1b2c3","force":false,"canary":[{"share":5}],"preview":"00:15:00"}""");
        if (body is null)
        {
            return problem!;
        }

        SlotName? to = SlotNameExtensions.TryParse(body.To, out var slot) ? slot : null;
        var canary = body.Canary?.Select(step => new CanaryStep { Share = step.Share, For = step.For ?? app.Switches.DefaultCanaryStep }).ToArray();
        return body.To is not null && to is null ? SwitchResponse.Refused(app, body, $"There is no slot \"{body.To}\": it is blue or green.")
            : canary is not null && CanaryRules.WhyNot(canary) is { } why ? SwitchResponse.Refused(app, body, why)
            : CanaryRules.WhyNotPreview(body.Preview) is { } tooLong ? SwitchResponse.Refused(app, body, tooLong)
            : await SwitchResponse.OfAsync(context, app, body, () => app.Switches.BeginAsync(
                new SwitchRequest(to, body.Label, body.Force, Canary: canary, Preview: body.Preview), context.RequestAborted));
    }

    /// <summary>Brings traffic back to the previous slot; waits as a switch does.</summary>
    private async Task<IResult> RollBackAsync(HttpContext context, App app)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Relaxed.RollbackBody, """{"force":false}""");
        return body is null
            ? problem!
            : await SwitchResponse.OfAsync(
                context,
                app,
                new SwitchBody(Force: body.Force),
                () => app.Switches.BeginRollbackAsync(body.Force, context.RequestAborted),
                SwitchOutcome.RolledBack);
    }

    /// <summary>A link to the candidate of the running switch.</summary>
    private static async Task<IResult> PreviewAsync(HttpContext context, App app)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Relaxed.PreviewBody, """{"url":"https://shop.example.com/"}""");
        return body is null ? problem!
            : app.Switches.Invite() is not { } invitation
                ? Problem.Result(StatusCodes.Status422UnprocessableEntity, "No switch has a preview now; `edgeproxy switch --preview 15m` begins one.")
            : app.PreviewSite.LinkOf(body.Url, invitation.Token) is not { } link
                ? Problem.Result(
                    StatusCodes.Status422UnprocessableEntity,
                    body.Url is null
                        ? "The address of the site is not known: say it, {\"url\":\"https://shop.example.com/\"}."
                        : "The url must be an http or https URL.")
            : TypedResults.Json(new PreviewView(link, invitation.Until), ApiJson.Relaxed.PreviewView);
    }

    /// <summary>Lets the running switch go on, or go back, and waits for its end.</summary>
    private static async Task<IResult> EndWaitAsync(HttpContext context, App app, Func<SwitchStart> ask, params IReadOnlyList<SwitchOutcome> wanted)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Relaxed.EndWaitBody, "{}");
        return body is null ? problem! : await SwitchResponse.OfAsync(context, app, new SwitchBody(), () => ValueTask.FromResult(ask()), wanted);
    }

    private static JsonHttpResult<SwitchesView> ListSwitches(HttpContext context, App app)
    {
        var caller = AdminCaller.Of(context);
        var ended = app.History.Recent;
        // It ends in the history before it ceases to run.
        IEnumerable<Switch> running = app.Switches.Running is { } one && ended.All(other => other.Id != one.Id) ? [one] : [];
        return TypedResults.Json(new SwitchesView([.. running.Concat(ended).Select(caller.View)]), ApiJson.Relaxed.SwitchesView);
    }

    private static IResult FindSwitch(HttpContext context, App app)
    {
        var id = (string)context.GetRouteValue("id")!;
        var found = app.History.Find(id) ?? (app.Switches.Running is { } running && running.Id == id ? running : null);
        return found is null
            ? Problem.Result(StatusCodes.Status404NotFound, $"There is no switch \"{id}\"; GET /switches lists the last {SwitchHistory.Capacity}.")
            : SwitchResponse.Of(AdminCaller.Of(context).View(found), StatusCodes.Status200OK);
    }

    /// <summary>Ready while the active slot of each app responds, or its requests can be held until it does. Requests for a unit that is stopped are not
    /// held.</summary>
    private async Task<IResult> ReadyAsync(IReadOnlyList<App> asked, CancellationToken cancellationToken)
    {
        var faults = await Task.WhenAll(asked.Select(app => WhyNotReadyAsync(app, cancellationToken)));
        return faults.OfType<string>().ToArray() is { Length: > 0 } why
            ? Problem.Result(StatusCodes.Status503ServiceUnavailable, $"{string.Join("; ", why)}; GET /status says more.")
            : TypedResults.Json(new ProbeView("ready"), ApiJson.Relaxed.ProbeView);
    }

    /// <returns>Null: it is ready.</returns>
    private async Task<string?> WhyNotReadyAsync(App app, CancellationToken cancellationToken)
    {
        var active = app.Slots.Active.Name;
        var state = app.Health[active].State;
        return state is HealthState.Healthy or HealthState.Busy
            || (HasRoomToHold(app) && await status.ReadUnitAsync(app, active, cancellationToken) is null or { IsRunning: true })
            ? null
            : $"The active slot {active.ToKey()}{(apps.Only is null ? $" of {app.Name}" : "")} is {state} and its requests cannot be held";
    }

    private static bool HasRoomToHold(App app) =>
        app.Proxied.Options.Upstream is { } upstream && upstream.HoldTimeout > TimeSpan.Zero && app.Proxied.Room.Count < app.Proxied.Room.Limit;
}
