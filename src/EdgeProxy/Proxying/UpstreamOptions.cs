namespace EdgeProxy.Proxying;

/// <summary>How requests reach the active slot.</summary>
public sealed class UpstreamOptions
{
    /// <summary>How long a connection attempt to a slot may take. Default 2 s; 10 ms to 1 min.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long nothing may move in a request before it ends with 504. Above gunicorn's <c>--timeout</c>, so that the worker's own end is seen first. Default 2.25 min; 1 s to 24 h.</summary>
    public TimeSpan ActivityTimeout { get; set; } = TimeSpan.FromSeconds(135);

    /// <summary>The same for streams and WebSockets. Default 1 h; 1 s to 24 h.</summary>
    public TimeSpan StreamActivityTimeout { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a request waits for an active slot that refuses connections. Default 30 s; 0 (off) to 1 h.</summary>
    public TimeSpan HoldTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many requests may wait at a time; the next one gets 503. Default 1000; 0 to 1000000.</summary>
    public int MaxHeldRequests { get; set; } = 1000;

    /// <summary>How long an unused connection to a slot is kept. Default 30 s; 1 s to 1 h.</summary>
    public TimeSpan IdleConnectionTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The idle time after which the app server closes a connection (gunicorn's <c>--keep-alive</c>); null: unknown. Where it is at least twice
    /// <see cref="IdleConnectionTimeout"/>, requests with a body reuse connections too. 1 s to 24 h.
    /// </summary>
    public TimeSpan? ServerKeepAlive { get; set; }

    /// <summary>The largest request body in bytes, 0 or more; null: no limit, as in Caddy.</summary>
    public long? MaxRequestBodySize { get; set; }
}
