using EdgeProxy.AdminCalls;
using EdgeProxy.Api;
using EdgeProxy.Apps;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using OpenTelemetry.Metrics;

namespace EdgeProxy.Admin;

/// <summary>The calls about the whole process; features bring their own (<see cref="IAdminCalls"/>). <see cref="AdminAccess"/> has looked at the caller
/// before.</summary>
internal sealed class AdminEndpoints(
    AppRegistry apps,
    AppCalls calls,
    StatusReader status,
    EventStream events,
    MeterProvider metrics)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPrometheusScrapingEndpoint(AdminApi.Metrics, metrics, configureBranchedPipeline: null, optionsName: null);
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
                AppPaths.Of("{app}", path),
                context => calls.TryFind(context, out var app, out var problem) ? response(context, app) : problem!.ExecuteAsync(context));
        }
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
        if (app.Services.GetServices<IAppReadiness>().Select(part => part.WhyNotReady()).FirstOrDefault(why => why is not null) is { } notReady)
        {
            return notReady;
        }

        return state is HealthState.Healthy or HealthState.Busy
            || (HasRoomToHold(app) && await status.ReadUnitAsync(app, active, cancellationToken) is null or { IsRunning: true })
            ? null
            : $"The active slot {active.ToKey()}{(apps.Only is null ? $" of {app.Name}" : "")} is {state} and its requests cannot be held";
    }

    private static bool HasRoomToHold(App app) =>
        app.Proxied.Options.Upstream is { } upstream && upstream.HoldTimeout > TimeSpan.Zero && app.Proxied.Room.Count < app.Proxied.Room.Limit;
}
