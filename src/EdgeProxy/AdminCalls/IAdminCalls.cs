namespace EdgeProxy.AdminCalls;

/// <summary>The admin calls of a feature. It registers them with its services; the admin server maps all there are.</summary>
internal interface IAdminCalls
{
    void Map(IEndpointRouteBuilder routes);
}

/// <summary>Stands before all admin calls, behind the check of the caller.</summary>
internal interface IAdminGuard
{
    Task GuardAsync(HttpContext context, RequestDelegate next);
}

/// <summary>Maps calls that are about one app: at their own path for the app that is alone, and below <c>/apps/NAME</c> for any.</summary>
internal interface IAppRoutes
{
    /// <param name="response">Gets the services of the app.</param>
    void MapGet(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response);

    /// <param name="response">Gets the services of the app.</param>
    void MapPost(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response);

    /// <param name="response">Gets the services of the app.</param>
    void MapDelete(IEndpointRouteBuilder routes, string path, Func<HttpContext, IServiceProvider, Task<IResult>> response);
}

/// <summary>The status, as the response to a call that has changed something.</summary>
internal interface IStatusResult
{
    /// <summary>Of the app that the path names; of all where it names none.</summary>
    Task<IResult> OfAsync(HttpContext context);
}
