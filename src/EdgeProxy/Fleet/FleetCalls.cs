using EdgeProxy.AdminCalls;
using EdgeProxy.Switching;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EdgeProxy.Fleet;

/// <summary>The admin calls that say what the fleet is like, and that ask for something beside switches. A proxy that is in no fleet has them, too: there
/// they say so.</summary>
internal sealed class FleetCalls(IAppRoutes apps) : IAdminCalls
{
    public void Map(IEndpointRouteBuilder routes)
    {
        apps.MapGet(routes, FleetApi.Fleet, (_, app) => Task.FromResult<IResult>(
            app.GetService<FleetSwitches>() is { } fleet ? View(fleet) : NoFleet()));
        apps.MapPost(routes, FleetApi.Restore, (context, app) => AskAsync(context, app, fleet => fleet.RestoreAsync(context.RequestAborted)));
        apps.MapPost(routes, FleetApi.Adopt, (context, app) => AskAsync(context, app, fleet =>
        {
            fleet.Member.Adopt();
            return Task.FromResult<SwitchStart?>(null);
        }));
        apps.MapPost(routes, FleetApi.Stage, async (context, app) =>
        {
            var (body, problem) = await AdminBody.ReadAsync(context, FleetApiJson.Relaxed.FleetStageBody, """{"label":"a1b2c3"}""");
            return body is null ? problem! : app.GetService<FleetSwitches>() is { } fleet ? ResultOf(fleet, fleet.Stage(body.Label)) : NoFleet();
        });
        apps.MapDelete(routes, FleetApi.Members + "/{node}", async (context, app) => app.GetService<FleetSwitches>() is { } fleet
            ? ResultOf(fleet, await fleet.RemoveAsync((string)context.GetRouteValue("node")!, context.RequestAborted))
            : NoFleet());
    }

    private static async Task<IResult> AskAsync(HttpContext context, IServiceProvider app, Func<FleetSwitches, Task<SwitchStart?>> ask)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, FleetApiJson.Relaxed.FleetBody, "{}");
        return body is null ? problem! : app.GetService<FleetSwitches>() is { } fleet ? ResultOf(fleet, await ask(fleet)) : NoFleet();
    }

    private static IResult ResultOf(FleetSwitches fleet, SwitchStart? why) => why switch
    {
        null => View(fleet),
        SwitchStart.Unavailable away => Problem.Result(StatusCodes.Status503ServiceUnavailable, away.Reason),
        SwitchStart.Refused refused => Problem.Result(StatusCodes.Status422UnprocessableEntity, refused.Reason),
        _ => throw new InvalidOperationException(why.GetType().Name),
    };

    private static JsonHttpResult<FleetView> View(FleetSwitches fleet) =>
        TypedResults.Json(fleet.View(withNodes: true), FleetApiJson.Relaxed.FleetView);

    private static JsonHttpResult<ApiProblem> NoFleet() =>
        Problem.Result(StatusCodes.Status422UnprocessableEntity, "This proxy is in no fleet: EdgeProxy:Fleet is not set.");
}
