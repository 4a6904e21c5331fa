using EdgeProxy.Proxying.Spooling;

namespace EdgeProxy.Proxying;

/// <summary>How requests reach the active slot.</summary>
internal sealed class UpstreamOptions
{
    /// <summary>How long a connection attempt to a slot may take. Default 2 s; 10 ms to 1 min.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long nothing may move in a request before it ends with 504, or 408 where its body does not come. Above gunicorn's <c>--timeout</c>, so that
    /// the worker's own end is seen first. Default 2.25 min; 1 s to 24 h.</summary>
    public TimeSpan ActivityTimeout { get; set; } = TimeSpan.FromSeconds(135);

    /// <summary>How long nothing may move in a stream or WebSocket before it ends. Default 1 h; 1 s to 24 h.</summary>
    public TimeSpan StreamActivityTimeout { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a request waits for an active slot that refuses connections. Default 30 s; 0 (off) to 1 h.</summary>
    public TimeSpan HoldTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many requests may wait at a time, for whatever they wait; the next one gets 503. Default 1000; 0 to 1000000.</summary>
    public int MaxHeldRequests { get; set; } = 1000;

    /// <summary>
    /// How many ordinary requests may be with a slot at a time (nginx: <c>max_conns</c>): for gunicorn <c>--workers</c> times <c>--threads</c>. The others wait
    /// in the order in which they came. Streams, WebSockets and probes are not counted. Default null: any number; 1 to 100000.
    /// </summary>
    public int? MaxConcurrent { get; set; }

    /// <summary>How long a request waits for its turn where <see cref="MaxConcurrent"/> or <see cref="MaxConcurrentPerClient"/> is set; then it gets 503.
    /// Default 30 s; 0 to 1 h.</summary>
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many ordinary requests of one client (an IPv4 address, or a /64 of IPv6) may be with the app at a time (nginx: <c>limit_conn</c>). Its others wait,
    /// and do not delay other clients. Default null: half of <see cref="MaxConcurrent"/>, rounded up, or any number where that is not set; 1 to 100000.
    /// </summary>
    public int? MaxConcurrentPerClient { get; set; }

    /// <summary>How long an unused connection to a slot is kept. Default 30 s; 1 s to 1 h.</summary>
    public TimeSpan IdleConnectionTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The idle time after which the app server closes a connection (gunicorn's <c>--keep-alive</c>); null: unknown. Where it is at least twice
    /// <see cref="IdleConnectionTimeout"/>, requests with a body reuse connections too. 1 s to 24 h.
    /// </summary>
    public TimeSpan? ServerKeepAlive { get; set; }

    /// <summary>The largest request body in bytes, 0 or more; null: no limit, as in Caddy.</summary>
    public long? MaxRequestBodySize { get; set; }

    public BufferingOptions Buffering { get; set; } = new();

    /// <summary>How many ordinary requests may be with a slot; null: nothing is counted.</summary>
    internal int? Places => MaxConcurrent ?? (MaxConcurrentPerClient is null ? null : int.MaxValue);

    /// <summary>How many ordinary requests of one client may be with a slot; null: clients are not told apart.</summary>
    internal int? PlacesPerClient => (MaxConcurrentPerClient ?? (MaxConcurrent + 1) / 2) is { } limit && limit < Places ? limit : null;
}
