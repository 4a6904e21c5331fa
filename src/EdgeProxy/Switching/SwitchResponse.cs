using EdgeProxy.AdminCalls;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EdgeProxy.Switching;

/// <summary>The response to a request about a switch: the switch, at its end unless <c>?wait=false</c>. The switch goes on when the caller
/// disconnects.</summary>
internal static class SwitchResponse
{
    /// <param name="context">The request.</param>
    /// <param name="slots">Of the app whose switch it is.</param>
    /// <param name="asked">What is shown of it where it is refused.</param>
    /// <param name="begin">Asks.</param>
    /// <param name="wanted">How the switch is to end that ran before; others are failures.</param>
    public static async Task<IResult> OfAsync(
        HttpContext context, SlotPair slots, SwitchBody asked, Func<ValueTask<SwitchStart>> begin, params IReadOnlyList<SwitchOutcome> wanted)
    {
        var wait = true;
        var waitText = (string?)context.Request.Query[SwitchApi.Wait];
        if (waitText is not null && !bool.TryParse(waitText, out wait))
        {
            return Problem.Result(StatusCodes.Status400BadRequest, "The query parameter wait must be true or false.");
        }

        var caller = AdminCaller.Of(context);
        return await begin() switch
        {
            SwitchStart.Started started when wait => Ended(caller.View(await started.Completion.WaitAsync(context.RequestAborted))),
            SwitchStart.Started started => Accepted(context, caller.View(started.Switch)),
            SwitchStart.Joined joined when wait => Ended(caller.View(await joined.Completion.WaitAsync(context.RequestAborted)), wanted),
            SwitchStart.Joined joined => Accepted(context, caller.View(joined.Switch)),
            SwitchStart.Busy busy => Of(caller.View(busy.Running), StatusCodes.Status409Conflict),
            SwitchStart.Refused refused => Refused(slots, asked, refused.Reason),
            SwitchStart.Unavailable away => Problem.Result(StatusCodes.Status503ServiceUnavailable, away.Reason),
            var unknown => throw new InvalidOperationException(unknown.GetType().Name),
        };
    }

    public static JsonHttpResult<Switch> Of(Switch @switch, int statusCode) =>
        TypedResults.Json(@switch, SwitchingJson.Relaxed.Switch, contentType: null, statusCode);

    public static JsonHttpResult<RefusedSwitch> Refused(SlotPair slots, SwitchBody asked, string reason)
    {
        var plan = slots.Plan;
        var refused = new RefusedSwitch
        {
            Title = "The switch is not possible",
            Status = StatusCodes.Status422UnprocessableEntity,
            Detail = reason,
            From = plan.Active.Name,
            To = asked.To ?? plan.Previous.Name.ToKey(),
            Label = asked.Label,
        };
        return TypedResults.Json(refused, SwitchingJson.Relaxed.RefusedSwitch, ApiProblem.ContentType, refused.Status);
    }

    /// <summary>A switch that has completed, with whatever warnings, is a success for the caller.</summary>
    private static JsonHttpResult<Switch> Ended(Switch ended) => Ended(ended, [SwitchOutcome.Completed, SwitchOutcome.CompletedWithWarnings]);

    private static JsonHttpResult<Switch> Ended(Switch ended, IReadOnlyList<SwitchOutcome> wanted) => Of(ended, ended.Outcome switch
    {
        // EdgeProxy stops in the middle of it; its next process finishes or undoes it, and lists it under the same id.
        null => StatusCodes.Status503ServiceUnavailable,
        { } outcome => wanted.Contains(outcome) ? StatusCodes.Status200OK : StatusCodes.Status502BadGateway,
    });

    private static JsonHttpResult<Switch> Accepted(HttpContext context, Switch started)
    {
        context.Response.Headers.Location = context.GetRouteValue("app") is string app
            ? AppPaths.Of(app, SwitchApi.SwitchOf(started.Id))
            : SwitchApi.SwitchOf(started.Id);
        return Of(started, StatusCodes.Status202Accepted);
    }
}
