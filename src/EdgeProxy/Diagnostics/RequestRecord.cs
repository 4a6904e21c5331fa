using EdgeProxy.Proxying;

namespace EdgeProxy.Diagnostics;

/// <summary>What became of a request, when it has ended.</summary>
/// <param name="Context">As the pipeline left it; not to be kept.</param>
/// <param name="EndedAt">When.</param>
/// <param name="Duration">From the request's headers to the end of the answer, or of the WebSocket.</param>
/// <param name="BytesSent">Of the answer's body, as sent: compressed where it was. What a WebSocket carries is not counted.</param>
internal readonly record struct RequestRecord(HttpContext Context, DateTimeOffset EndedAt, TimeSpan Duration, long BytesSent)
{
    /// <summary>Null: the app was not asked.</summary>
    public ForwardedRequest? Forwarded { get; } = Context.Features.Get<ForwardedRequest>();

    /// <summary>499 where the client left, also in the middle of an answer that had begun well.</summary>
    public int Status => Forwarded is { ClientLeft: true } ? GatewayErrors.ClientClosedRequest : Context.Response.StatusCode;
}
