namespace EdgeProxy.Diagnostics;

/// <summary>One line a request.</summary>
internal sealed class AccessLogOptions
{
    /// <summary>How a line looks, or none at all. Default <see cref="AccessLogFormat.Json"/>.</summary>
    public AccessLogFormat Format { get; set; } = AccessLogFormat.Json;

    /// <summary>A file; null: standard output. SIGHUP opens it anew, so that logrotate(8) may rename it.</summary>
    public string? Path { get; set; }

    /// <summary>
    /// Query parameters whose values are logged, by their names as they stand in the URL. Of all others only the name is, with
    /// <c>REDACTED</c> for the value: tokens, codes and e-mail addresses travel in queries. Null or empty: no value is logged.
    /// </summary>
    public string[]? QueryValues { get; set; }
}

/// <summary>What a line of the access log looks like.</summary>
public enum AccessLogFormat
{
    /// <summary>A JSON object of EdgeProxy's own, with the slot, the retries and the time that the request was held.</summary>
    Json,

    /// <summary>The JSON object that Caddy writes, for tools that read it, with our members behind its own.</summary>
    Caddy,

    /// <summary>The NCSA common log format, as Apache writes it.</summary>
    Common,

    /// <summary>No access log.</summary>
    None,
}
