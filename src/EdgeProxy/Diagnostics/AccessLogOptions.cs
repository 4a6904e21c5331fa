namespace EdgeProxy.Diagnostics;

/// <summary>One line a request.</summary>
public sealed class AccessLogOptions
{
    public AccessLogFormat Format { get; set; } = AccessLogFormat.Json;

    /// <summary>A file; null: standard output.</summary>
    public string? Path { get; set; }
}

public enum AccessLogFormat
{
    Json,
    Caddy,
    Common,
    None,
}
