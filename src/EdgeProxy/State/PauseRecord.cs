namespace EdgeProxy.State;

/// <summary><c>pause.json</c>: the app is paused until somebody resumes it, also over a restart of the proxy.</summary>
public sealed record PauseRecord : VersionedRecord
{
    public const string FileName = "pause.json";

    public required DateTimeOffset Since { get; init; }

    /// <summary>How long a request waits.</summary>
    public required TimeSpan MaxWait { get; init; }
}

/// <summary><c>maintenance.json</c>: visitors are told to come back later, also over a restart of the proxy.</summary>
public sealed record MaintenanceRecord : VersionedRecord
{
    public const string FileName = "maintenance.json";

    public required DateTimeOffset Since { get; init; }

    /// <summary>For the visitors; empty: the proxy's own words.</summary>
    public required string Message { get; init; }
}
