using EdgeProxy.Json;
using EdgeProxy.Switching;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EdgeProxy.Admin;

/// <summary>Pause, resume and maintenance. Each answers with the status as it is then.</summary>
internal sealed class TrafficEndpoints(PauseControl pause, MaintenanceControl maintenance, StatusReader status)
{
    private const int MaxMessage = 1000;

    private static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/pause", PauseAsync);
        routes.MapPost("/resume", ResumeAsync);
        routes.MapPost("/maintenance", MaintainAsync);
    }

    /// <summary>Answers when no ordinary request is in the app any more; 504 when that took longer than the requests may wait.</summary>
    private async Task<IResult> PauseAsync(HttpContext context, CancellationToken callerLeft)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.PauseBody, """{"maxWait":"00:00:30"}""");
        if (body is null)
        {
            return problem!;
        }

        var maxWait = body.MaxWait ?? DefaultWait;
        if (maxWait < ShortestWait || maxWait > LongestWait)
        {
            return ApiProblem.Result(StatusCodes.Status422UnprocessableEntity, $"maxWait must be from {ShortestWait:hh\\:mm\\:ss\\.fff} to {LongestWait:hh\\:mm\\:ss}.");
        }

        return await pause.PauseAsync(maxWait, callerLeft) switch
        {
            PauseStart.Paused => await StatusAsync(context, callerLeft),
            PauseStart.NotQuiet { Left: var left } => ApiProblem.Result(
                StatusCodes.Status504GatewayTimeout, $"{left} requests were still in the app after {maxWait.TotalSeconds:0.###} s. It is resumed; pause again, or with a longer maxWait."),
            PauseStart.NotKept { Problem: var why } => ApiProblem.Result(StatusCodes.Status503ServiceUnavailable, $"It is resumed: a restart of EdgeProxy would end the pause unnoticed, as it cannot be kept: {why}"),
            _ => ApiProblem.Result(StatusCodes.Status409Conflict, "It was resumed meanwhile."),
        };
    }

    private async Task<IResult> ResumeAsync(HttpContext context, CancellationToken callerLeft)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.ResumeBody, "{}");
        return body is null ? problem!
            : await pause.ResumeAsync(callerLeft) is { } why ? NotKept($"The app is resumed, but the next start of EdgeProxy would pause it again: {why}")
            : await StatusAsync(context, callerLeft);
    }

    private async Task<IResult> MaintainAsync(HttpContext context, CancellationToken callerLeft)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.MaintenanceBody, """{"on":true,"message":"Back at noon"}""");
        if (body is null)
        {
            return problem!;
        }

        if (body.On is not { } on || body.Message?.Length > MaxMessage)
        {
            return ApiProblem.Result(
                StatusCodes.Status422UnprocessableEntity, body.On is null ? "Whether maintenance is on must be said: {\"on\":true} or {\"on\":false}." : $"The message is longer than {MaxMessage} characters.");
        }

        return (on ? maintenance.TurnOn(body.Message ?? "") : maintenance.TurnOff()) is { } why
            ? NotKept($"Maintenance is {(on ? "on" : "off")}, but the next start of EdgeProxy would not know: {why}")
            : await StatusAsync(context, callerLeft);
    }

    private static JsonHttpResult<ApiProblem> NotKept(string detail) => ApiProblem.Result(StatusCodes.Status500InternalServerError, detail);

    private async Task<IResult> StatusAsync(HttpContext context, CancellationToken callerLeft) =>
        TypedResults.Json(await status.ReadAsync(AdminCaller.Of(context), callerLeft), ApiJson.Default.StatusView);
}
