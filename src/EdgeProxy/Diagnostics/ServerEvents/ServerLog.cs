namespace EdgeProxy.Diagnostics.ServerEvents;

/// <summary>What Kestrel logs: which of its events a client can cause, and how many of those were left out.</summary>
/// <remarks>
/// Kestrel logs some of what a client does as Critical, or with a stack trace, once for each connection or stream (dotnet/aspnetcore#53377): a rapid
/// reset of HTTP/2 streams wrote 2 MB a second. Such events are Debug here, and only so many a second; <see cref="ServerLogReport"/> says once a minute
/// how many there were.
/// </remarks>
internal sealed class ServerLog(TimeProvider time)
{
    public const string Category = "Microsoft.AspNetCore.Server.Kestrel";
    private const string Http2Category = Category + ".Http2";

    // Kestrel's event ids, which are the same since .NET 6.
    private const int ApplicationError = 13;
    private const int Http2ConnectionError = 29;
    private const int Http2StreamError = 30;
    private const int HPackDecodingError = 31;
    private const int Http2StreamResetAbort = 35;

    /// <summary>A client has left in the middle of a body with a Content-Length: Kestrel forgets that its own read has failed, and cannot read the
    /// rest.</summary>
    private const int BodyReaderInvalidState = 67;

    private readonly LogThrottle _debug = new(burst: 20, perSecond: 10, time);
    private readonly LogThrottle _failures = new(burst: 10, perSecond: 1 / 6.0, time);
    private long _suppressed;
    private string? _example;

    /// <summary>Called for each HTTP/2 connection or stream that Kestrel ends for what the client has sent.</summary>
    /// <remarks>With the id of the connection (empty: Kestrel does not say), and whether all of it was ended.</remarks>
    public Action<string, bool>? Http2Failed { get; set; }

    /// <summary>Events that were left out since the start.</summary>
    public long Suppressed => Volatile.Read(ref _suppressed);

    public static bool IsHttp2(string category) => category == Http2Category;

    /// <summary>The text of one of those that were left out since the last call; null: there was none.</summary>
    public string? TakeExample() => Interlocked.Exchange(ref _example, null);

    /// <summary>Whether an event of Kestrel's is to be logged as it is. Otherwise it is counted.</summary>
    public bool Passes(string category, LogLevel level, int id, Exception? failure, string text) =>
        level < LogLevel.Warning || !IsClients(category, level, id, failure, text) || (id == ApplicationError && !IsBadRequest(failure) && _failures.TryTake());

    /// <summary>Counts an event that is left out.</summary>
    /// <returns>True: it may be logged for debugging.</returns>
    public bool Suppress(string text)
    {
        Interlocked.Increment(ref _suppressed);
        Interlocked.CompareExchange(ref _example, text, null);
        return _debug.TryTake();
    }

    /// <summary>Looks at an event of the general category: a connection that ended with an exception that nobody expected, as after a header field of index
    /// 0.</summary>
    /// <remarks>Other such clients are all of HTTP/2: where HTTP/1.1 cannot be read, Kestrel says so to
    /// <see cref="System.Diagnostics.DiagnosticSource"/>.</remarks>
    public void ObserveGeneral(LogLevel level, int id, Exception? failure)
    {
        // InvalidOperationException: the state of BodyReaderInvalidState again, over HTTP/1.1.
        if (level == LogLevel.Warning && id == 0 && failure is not (null or InvalidOperationException))
        {
            Http2Failed?.Invoke("", true);
        }
    }

    /// <summary>Looks at an event of the category of HTTP/2, whatever its level.</summary>
    public void Observe(int id, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        switch (id)
        {
            case Http2ConnectionError or HPackDecodingError:
                Http2Failed?.Invoke(Value(values, "ConnectionId"), true);
                break;
            case Http2StreamError:
                Http2Failed?.Invoke(Value(values, "ConnectionId"), false);
                break;
            // The trace identifier is that of the connection, a colon and the stream. Other codes: a response was broken off, which is in the access log.
            case Http2StreamResetAbort when Value(values, "error") == "PROTOCOL_ERROR":
                Http2Failed?.Invoke(Value(values, "TraceIdentifier").Split(':')[0], false);
                break;
        }
    }

    /// <summary>
    /// Whether a client can cause it. In Kestrel's general category only the text says so: the rest of it is of the server, a listener that fails, say.
    /// </summary>
    private static bool IsClients(string category, LogLevel level, int id, Exception? failure, string text) => category.Length > Category.Length
        ? category.AsSpan(Category.Length) is ".Http2" or ".Http3" or ".BadRequests" or ".Connections"
        : id is ApplicationError or BodyReaderInvalidState
        || (id == 0 && failure is not null && (level == LogLevel.Warning
            || text.StartsWith("Unhandled exception while processing ", StringComparison.Ordinal)
            || text.StartsWith("Unexpected exception in HttpConnection.", StringComparison.Ordinal)
            || text.StartsWith("Unexpected exception in TimingPipeFlusher.", StringComparison.Ordinal)));

    /// <summary>No bug of ours, but a client that sends nonsense or leaves.</summary>
    private static bool IsBadRequest(Exception? failure) => failure is BadHttpRequestException or OperationCanceledException or IOException;

    private static string Value(IReadOnlyList<KeyValuePair<string, object?>> values, string name)
    {
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i].Key == name)
            {
                return values[i].Value?.ToString() ?? "";
            }
        }

        return "";
    }
}
