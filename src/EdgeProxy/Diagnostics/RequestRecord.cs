using EdgeProxy.Http;

namespace EdgeProxy.Diagnostics;

/// <summary>What became of a request, when it has ended.</summary>
/// <param name="Context">As the pipeline left it; not to be kept.</param>
/// <param name="EndedAt">When.</param>
/// <param name="Duration">From the request's headers to the end of the response, or of the WebSocket.</param>
/// <param name="BytesSent">Of the response's body, as sent: compressed where it was. What a WebSocket carries is not counted.</param>
internal readonly record struct RequestRecord(HttpContext Context, DateTimeOffset EndedAt, TimeSpan Duration, long BytesSent)
{
    /// <summary>What is known of the forwarded request; null: the app was not asked.</summary>
    public IForwardedRequest? Forwarded { get; } = Context.Features.Get<IForwardedRequest>();

    /// <summary>499 where the client left, also in the middle of a response that had begun well.</summary>
    public int Status => Forwarded is { ClientLeft: true } ? ProxyStatusCodes.ClientClosedRequest : Context.Response.StatusCode;

    /// <summary>It was refused for what the client has sent, or its client did not wait for the end: what a client can make many of at no cost.</summary>
    public bool IsRefusedOrAborted =>
        Status == ProxyStatusCodes.ClientClosedRequest || (Forwarded is null && Context.Features.Get<RefusedRequest>() is not null)
        || Context.RequestAborted.IsCancellationRequested;
}
