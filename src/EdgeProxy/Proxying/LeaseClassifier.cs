using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>Tells the class of a request: from the request before it is forwarded, and once more from the answer's content type.</summary>
/// <param name="streamPaths">Path prefixes whose requests are streams (<c>Switch:StreamPaths</c>).</param>
internal sealed class LeaseClassifier(IEnumerable<string> streamPaths)
{
    private const string EventStream = "text/event-stream";
    private const string JsonLines = "application/x-ndjson";

    private readonly PathString[] _streamPaths = [.. streamPaths.Select(path => new PathString(path.TrimEnd('/')))];

    public LeaseClass Classify(HttpContext context)
    {
        if (IsWebSocket(context))
        {
            return LeaseClass.WebSocket;
        }

        foreach (var prefix in _streamPaths)
        {
            if (context.Request.Path.StartsWithSegments(prefix))
            {
                return LeaseClass.Stream;
            }
        }

        // What EventSource always sends (HTML standard, section 9.2).
        var accept = context.Request.Headers.Accept;
        return accept.Count == 1 && IsStream(accept[0]) ? LeaseClass.Stream : LeaseClass.Http;
    }

    /// <summary>Whether an answer of this type goes on.</summary>
    public static bool IsStream(string? mediaType) =>
        mediaType is not null
        && (mediaType.StartsWith(EventStream, StringComparison.OrdinalIgnoreCase) || mediaType.StartsWith(JsonLines, StringComparison.OrdinalIgnoreCase));

    private static bool IsWebSocket(HttpContext context) =>
        (context.Request.Headers.Upgrade is { Count: > 0 } protocol && "websocket".Equals(protocol.ToString(), StringComparison.OrdinalIgnoreCase)
            && context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true })
        || (HttpMethods.IsConnect(context.Request.Method) && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" });
}
