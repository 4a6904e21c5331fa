using EdgeProxy.AdminCalls;
using EdgeProxy.Api;

namespace EdgeProxy.Admin;

/// <inheritdoc/>
internal sealed class StatusResult(AppCalls calls, StatusReader status) : IStatusResult
{
    public async Task<IResult> OfAsync(HttpContext context) =>
        TypedResults.Json(await status.ReadAsync(calls.Named(context), AdminCaller.Of(context), context.RequestAborted), ApiJson.Relaxed.StatusView);
}
