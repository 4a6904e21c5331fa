using EdgeProxy.AdminCalls;
using EdgeProxy.Slots;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EdgeProxy.Switching;

/// <summary>Switches, rollbacks, previews and canaries, the list of switches, and the health of the slots.</summary>
internal sealed class SwitchCalls(IAppRoutes apps) : IAdminCalls
{
    public void Map(IEndpointRouteBuilder routes)
    {
        apps.MapPost(routes, SwitchApi.Switch, SwitchAsync);
        apps.MapPost(routes, SwitchApi.Rollback, RollBackAsync);
        apps.MapPost(routes, SwitchApi.Preview, PreviewAsync);
        apps.MapPost(routes, SwitchApi.Promote, (context, app) => EndWaitAsync(
            context, app, () => ValueTask.FromResult(app.GetRequiredService<SwitchCoordinator>().Promote()), SwitchOutcome.Completed));
        apps.MapPost(
            routes,
            SwitchApi.Abort,
            (context, app) => EndWaitAsync(
                context, app, () => app.GetRequiredService<ISwitchDoor>().AbortAsync(context.RequestAborted), SwitchOutcome.Aborted, SwitchOutcome.RolledBack));
        apps.MapGet(routes, SwitchApi.Switches, (context, app) => Task.FromResult<IResult>(ListSwitches(context, app)));
        apps.MapGet(routes, SwitchApi.Switches + "/{id}", (context, app) => Task.FromResult(FindSwitch(context, app)));
        apps.MapGet(routes, SwitchApi.Health, (_, app) => Task.FromResult<IResult>(ReadHealth(app.GetRequiredService<HealthMonitor>())));
    }

    /// <summary>Starts a switch and, unless <c>?wait=false</c>, waits for its end. It goes on when the caller leaves.</summary>
    private static async Task<IResult> SwitchAsync(HttpContext context, IServiceProvider app)
    {
        var (body, problem) = await AdminBody.ReadAsync(
            context, SwitchingJson.Relaxed.SwitchBody, """{"to":"green","label":"a1b2c3","force":false,"canary":[{"share":5}],"preview":"00:15:00"}""");
        if (body is null)
        {
            return problem!;
        }

        var switches = app.GetRequiredService<SwitchCoordinator>();
        var slots = app.GetRequiredService<SlotPair>();
        SlotName? to = SlotNameExtensions.TryParse(body.To, out var slot) ? slot : null;
        var canary = body.Canary?.Select(step => new CanaryStep { Share = step.Share, For = step.For ?? switches.DefaultCanaryStep }).ToArray();
        return body.To is not null && to is null ? SwitchResponse.Refused(slots, body, $"There is no slot \"{body.To}\": it is blue or green.")
            : canary is not null && CanaryRules.WhyNot(canary) is { } why ? SwitchResponse.Refused(slots, body, why)
            : CanaryRules.WhyNotPreview(body.Preview) is { } tooLong ? SwitchResponse.Refused(slots, body, tooLong)
            : await SwitchResponse.OfAsync(context, slots, body, () => app.GetRequiredService<ISwitchDoor>().BeginAsync(
                new SwitchRequest(to, body.Label, body.Force, Canary: canary, Preview: body.Preview),
                new LeftOut(body.Without ?? [], body.WithoutLost),
                context.RequestAborted));
    }

    /// <summary>Brings traffic back to the previous slot; waits as a switch does.</summary>
    private static async Task<IResult> RollBackAsync(HttpContext context, IServiceProvider app)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.RollbackBody, """{"force":false}""");
        return body is null
            ? problem!
            : await SwitchResponse.OfAsync(
                context,
                app.GetRequiredService<SlotPair>(),
                new SwitchBody(Force: body.Force),
                () => app.GetRequiredService<ISwitchDoor>().RollBackAsync(
                    body.Force, new LeftOut(body.Without ?? [], body.WithoutLost), context.RequestAborted),
                SwitchOutcome.RolledBack);
    }

    /// <summary>A link to the candidate of the running switch.</summary>
    private static async Task<IResult> PreviewAsync(HttpContext context, IServiceProvider app)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.PreviewBody, """{"url":"https://shop.example.com/"}""");
        return body is null ? problem!
            : app.GetRequiredService<SwitchCoordinator>().Invite() is not { } invitation
                ? Problem.Result(StatusCodes.Status422UnprocessableEntity, "No switch has a preview now; `edgeproxy switch --preview 15m` begins one.")
            : app.GetRequiredService<PreviewSite>().LinkOf(body.Url, invitation.Token) is not { } link
                ? Problem.Result(
                    StatusCodes.Status422UnprocessableEntity,
                    body.Url is null
                        ? "The address of the site is not known: say it, {\"url\":\"https://shop.example.com/\"}."
                        : "The url must be an http or https URL.")
            : TypedResults.Json(new PreviewView(link, invitation.Until), SwitchingJson.Relaxed.PreviewView);
    }

    /// <summary>Lets the running switch go on, or go back, and waits for its end.</summary>
    private static async Task<IResult> EndWaitAsync(
        HttpContext context, IServiceProvider app, Func<ValueTask<SwitchStart>> ask, params IReadOnlyList<SwitchOutcome> wanted)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.EndWaitBody, "{}");
        return body is null
            ? problem!
            : await SwitchResponse.OfAsync(context, app.GetRequiredService<SlotPair>(), new SwitchBody(), ask, wanted);
    }

    private static JsonHttpResult<SwitchesView> ListSwitches(HttpContext context, IServiceProvider app)
    {
        var caller = AdminCaller.Of(context);
        var ended = app.GetRequiredService<SwitchHistory>().Recent;
        // It ends in the history before it ceases to run.
        IEnumerable<Switch> running = app.GetRequiredService<SwitchCoordinator>().Running is { } one && ended.All(other => other.Id != one.Id) ? [one] : [];
        return TypedResults.Json(new SwitchesView([.. running.Concat(ended).Select(caller.View)]), SwitchingJson.Relaxed.SwitchesView);
    }

    private static IResult FindSwitch(HttpContext context, IServiceProvider app)
    {
        var id = (string)context.GetRouteValue("id")!;
        var switches = app.GetRequiredService<SwitchCoordinator>();
        var found = app.GetRequiredService<SwitchHistory>().Find(id) ?? (switches.Running is { } running && running.Id == id ? running : null);
        return found is null
            ? Problem.Result(StatusCodes.Status404NotFound, $"There is no switch \"{id}\"; GET /switches lists the last {SwitchHistory.Capacity}.")
            : SwitchResponse.Of(AdminCaller.Of(context).View(found), StatusCodes.Status200OK);
    }

    private static JsonHttpResult<HealthView> ReadHealth(HealthMonitor health) =>
        TypedResults.Json(new HealthView(SlotNameExtensions.All.ToDictionary(name => name, name => health[name])), SwitchingJson.Relaxed.HealthView);
}
