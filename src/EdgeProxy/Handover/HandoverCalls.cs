using EdgeProxy.AdminCalls;

namespace EdgeProxy.Handover;

/// <summary><c>POST /handover</c>: a new process takes the place of this one.</summary>
/// <remarks>What is asked for needs the server that this is a part of, so it is looked up with the call.</remarks>
internal sealed class HandoverCalls(IServiceProvider services) : IAdminCalls, IAdminGuard
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost(HandoverApi.Handover, async context => await (await RespondAsync(context)).ExecuteAsync(context));

    /// <summary>What changes something is not begun while another process takes the state.</summary>
    public Task GuardAsync(HttpContext context, RequestDelegate next) =>
        !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method)
        && services.GetService<ProcessHandover>() is { IsGivingAway: true }
            ? Problem.WriteAsync(context, StatusCodes.Status409Conflict, "A new process of EdgeProxy takes over just now; ask again.")
            : next(context);

    private async Task<IResult> RespondAsync(HttpContext context)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, HandoverApiJson.Relaxed.HandoverBody, "{}");
        if (body is null)
        {
            return problem!;
        }

        if (services.GetService<ProcessHandover>() is not { } handover)
        {
            return Problem.Result(StatusCodes.Status409Conflict, "This EdgeProxy is part of another program, which alone can replace it.");
        }

        var outcome = await handover.RunAsync();
        return outcome.Pid is { } pid
            ? TypedResults.Json(
                new HandoverView(pid, [.. outcome.Changes.Select(change => new SettingChangeView(change.Key, change.Old, change.New))]),
                HandoverApiJson.Relaxed.HandoverView)
            : Problem.Result(
                outcome.AreSettingsWrong ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status409Conflict,
                outcome.IsLate ? outcome.Problem! : $"The process goes on as it was: {outcome.Problem}");
    }
}
