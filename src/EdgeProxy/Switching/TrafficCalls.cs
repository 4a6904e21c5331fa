using System.Globalization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EdgeProxy.Switching;

/// <summary>Pause, resume and maintenance, which respond with the status as it is then; and the requests of the last hour.</summary>
internal sealed class TrafficCalls(IAppRoutes apps, IStatusResult status) : IAdminCalls
{
    private const int MaxMessage = 1000;

    private static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private static readonly TimeSpan ShortestMaintenance = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestMaintenance = TimeSpan.FromDays(7);

    public void Map(IEndpointRouteBuilder routes)
    {
        apps.MapPost(routes, TrafficApi.Pause, PauseAsync);
        apps.MapPost(routes, TrafficApi.Resume, ResumeAsync);
        apps.MapPost(routes, TrafficApi.Maintenance, MaintainAsync);
        apps.MapGet(routes, TrafficApi.Traffic, (context, app) => Task.FromResult(Read(context, app)));
    }

    /// <summary>Responds when no ordinary request is in the app any more; 504 when that took longer than the requests may wait.</summary>
    private async Task<IResult> PauseAsync(HttpContext context, IServiceProvider app)
    {
        var callerLeft = context.RequestAborted;
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.PauseBody, """{"maxWait":"00:00:30"}""");
        if (body is null)
        {
            return problem!;
        }

        var maxWait = body.MaxWait ?? DefaultWait;
        if (maxWait < ShortestWait || maxWait > LongestWait)
        {
            return Problem.Result(
                StatusCodes.Status422UnprocessableEntity, $"maxWait must be from {ShortestWait:hh\\:mm\\:ss\\.fff} to {LongestWait:hh\\:mm\\:ss}.");
        }

        return await app.GetRequiredService<PauseControl>().PauseAsync(maxWait, callerLeft) switch
        {
            PauseStart.Paused => await status.OfAsync(context),
            PauseStart.NotQuiet { Left: var left } => Problem.Result(
                StatusCodes.Status504GatewayTimeout,
                $"{left} requests were still in the app after {maxWait.TotalSeconds:0.###} s. It is resumed; pause again, or with a longer maxWait."),
            PauseStart.NotKept { Problem: var why } =>
                Problem.Result(
                    StatusCodes.Status503ServiceUnavailable,
                    $"It is resumed: a restart of EdgeProxy would end the pause unnoticed, as it cannot be kept: {why}"),
            _ => Problem.Result(StatusCodes.Status409Conflict, "It was resumed meanwhile."),
        };
    }

    private async Task<IResult> ResumeAsync(HttpContext context, IServiceProvider app)
    {
        var callerLeft = context.RequestAborted;
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.ResumeBody, "{}");
        return body is null ? problem!
            : await app.GetRequiredService<PauseControl>().ResumeAsync(callerLeft) is { } why
                ? NotKept($"The app is resumed, but the next start of EdgeProxy would pause it again: {why}")
            : await status.OfAsync(context);
    }

    private async Task<IResult> MaintainAsync(HttpContext context, IServiceProvider app)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, SwitchingJson.Relaxed.MaintenanceBody, """{"on":true,"message":"Back at noon"}""");
        if (body is null)
        {
            return problem!;
        }

        if (body.On is not { } on || body.Message?.Length > MaxMessage)
        {
            return Problem.Result(
                StatusCodes.Status422UnprocessableEntity,
                body.On is null
                    ? "Whether maintenance is on must be said: {\"on\":true} or {\"on\":false}."
                    : $"The message is longer than {MaxMessage} characters.");
        }

        if (body.For is { } length && (!on || length < ShortestMaintenance || length > LongestMaintenance))
        {
            return Problem.Result(
                StatusCodes.Status422UnprocessableEntity,
                on ? "for must be from 00:00:01 to 168:00:00." : "for says when maintenance ends automatically; it goes with {\"on\":true}.");
        }

        var maintenance = app.GetRequiredService<MaintenanceControl>();
        return (on ? maintenance.TurnOn(body.Message ?? "", body.For) : maintenance.TurnOff()) is { } why
            ? NotKept($"Maintenance is {(on ? "on" : "off")}, but the next start of EdgeProxy would not know: {why}")
            : await status.OfAsync(context);
    }

    private static IResult Read(HttpContext context, IServiceProvider app)
    {
        var after = DateTimeOffset.MinValue;
        if ((string?)context.Request.Query[TrafficApi.After] is { } text
            && !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out after))
        {
            return Problem.Result(
                StatusCodes.Status400BadRequest, $"The query parameter {TrafficApi.After} must be a time such as 2026-01-31T23:59:59Z.");
        }

        var samples = app.GetRequiredService<TrafficHistory>().After(after).Select(sample => new TrafficSampleView(
            sample.At,
            SlotNameExtensions.All.Where(slot => sample[slot].Requests > 0).ToDictionary(slot => slot, slot => View(sample[slot]))));
        return TypedResults.Json(new TrafficView(TrafficHistory.Every, [.. samples]), SwitchingJson.Relaxed.TrafficView);
    }

    private static SlotTrafficView View(SlotSample slot)
    {
        return new(slot.Requests, slot.Errors, Milliseconds(slot.Median), Milliseconds(slot.P99));

        static double? Milliseconds(TimeSpan time) => time > TimeSpan.Zero ? Math.Round(time.TotalMilliseconds, 2) : null;
    }

    private static JsonHttpResult<ApiProblem> NotKept(string detail) => Problem.Result(StatusCodes.Status500InternalServerError, detail);
}
