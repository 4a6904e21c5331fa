using EdgeProxy.AdminCalls;
using EdgeProxy.Api;
using EdgeProxy.Apps;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Admin;

/// <summary>Calls that are about one app: at their own path for the app that is alone, and below <c>/apps/NAME</c> for any.</summary>
internal sealed class AppCalls(AppRegistry apps) : IAppRoutes
{
    private const string Name = "app";

    public void MapGet(IEndpointRouteBuilder routes, string path, Func<HttpContext, App, Task<IResult>> response) =>
        Map(path, pattern => routes.MapGet(pattern, context => RespondAsync(context, response)));

    public void MapPost(IEndpointRouteBuilder routes, string path, Func<HttpContext, App, Task<IResult>> response) =>
        Map(path, pattern => routes.MapPost(pattern, context => RespondAsync(context, response)));

    private void MapDelete(IEndpointRouteBuilder routes, string path, Func<HttpContext, App, Task<IResult>> response) =>
        Map(path, pattern => routes.MapDelete(pattern, context => RespondAsync(context, response)));

    void IAppRoutes.MapGet(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response) =>
        MapGet(routes, path, (context, app) => response(context, app.Services));

    void IAppRoutes.MapPost(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response) =>
        MapPost(routes, path, (context, app) => response(context, app.Services));

    void IAppRoutes.MapDelete(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response) =>
        MapDelete(routes, path, (context, app) => response(context, app.Services));

    /// <summary>The app that a path names.</summary>
    /// <returns>Null: none.</returns>
    public App? Named(HttpContext context) => context.GetRouteValue(Name) is string name ? apps.Find(name) : null;

    /// <summary>The app of a call.</summary>
    /// <returns>False: there is none, or the call does not say which; the result says so.</returns>
    public bool TryFind(HttpContext context, out App? app, out IResult? problem)
    {
        var name = context.GetRouteValue(Name) as string;
        app = name is null ? apps.Only : apps.Find(name);
        problem = app is not null ? null : name is null
            ? Problem.Result(
                StatusCodes.Status422UnprocessableEntity,
                $"There are several apps: {Names}. Say which one: {AppPaths.Of("NAME", context.Request.Path)}, or --app NAME.")
            : Unknown(name);
        return app is not null;
    }

    private JsonHttpResult<UnknownApp> Unknown(string name)
    {
        const int Status = StatusCodes.Status404NotFound;
        var problem = new UnknownApp
        {
            Title = ReasonPhrases.GetReasonPhrase(Status),
            Status = Status,
            Detail = $"There is no app \"{name}\"; there is: {Names}.",
            Apps = [.. apps.All.Select(app => app.Name)],
        };
        return TypedResults.Json(problem, ApiJson.Relaxed.UnknownApp, ApiProblem.ContentType, Status);
    }

    private string Names => string.Join(", ", apps.All.Select(app => app.Name));

    private static void Map(string path, Action<string> map)
    {
        map(path);
        map(AppPaths.Of($"{{{Name}}}", path));
    }

    private async Task RespondAsync(HttpContext context, Func<HttpContext, App, Task<IResult>> response)
    {
        var result = TryFind(context, out var app, out var problem) ? await response(context, app!) : problem!;
        await result.ExecuteAsync(context);
    }
}
