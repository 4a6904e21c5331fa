using EdgeProxy.Proxying.Upgrades;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>Tells the class of a request: by its path or its upgrade before it is forwarded, and once more by the content type of the response.</summary>
/// <remarks>A client's wish for a stream makes none: a request that says so takes a place and waits for its body as any other, until the app begins a
/// stream.</remarks>
/// <param name="streamPaths">Path prefixes whose requests are streams (<c>Switch:StreamPaths</c>).</param>
internal sealed class LeaseClassifier(IEnumerable<string> streamPaths)
{
    private const string EventStream = "text/event-stream";
    private const string JsonLines = "application/x-ndjson";

    private readonly PathPrefixes _streamPaths = new(streamPaths);

    public LeaseClass Classify(HttpContext context)
    {
        if (UpgradeProtocols.IsWebSocketUpgrade(context) || UpgradeProtocols.IsExtendedConnect(context))
        {
            return LeaseClass.WebSocket;
        }

        return _streamPaths.Cover(context.Request.Path) ? LeaseClass.Stream : LeaseClass.Http;
    }

    /// <summary>Whether the client expects a response that goes on, as EventSource always says (HTML standard, section 9.2).</summary>
    public static bool ExpectsStream(HttpContext context) => context.Request.Headers.Accept is [var accept] && IsStream(accept);

    /// <summary>Whether a response of this type goes on.</summary>
    public static bool IsStream(string? mediaType) =>
        mediaType is not null
        && (mediaType.StartsWith(EventStream, StringComparison.OrdinalIgnoreCase) || mediaType.StartsWith(JsonLines, StringComparison.OrdinalIgnoreCase));
}
