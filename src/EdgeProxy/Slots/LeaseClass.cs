namespace EdgeProxy.Slots;

/// <summary>What kind of request holds a slot.</summary>
public enum LeaseClass
{
    /// <summary>An ordinary request.</summary>
    Http,

    /// <summary>A response that goes on: an event stream, newline-delimited JSON, or a path under <c>Switch:StreamPaths</c>.</summary>
    Stream,

    /// <summary>An upgraded connection or an extended CONNECT (RFC 8441).</summary>
    WebSocket,
}

/// <summary>How many requests of each class are in flight, at one instant.</summary>
internal readonly record struct InFlight(int Http, int Stream, int WebSocket)
{
    public int Total => Http + Stream + WebSocket;
}
