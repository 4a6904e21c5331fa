using System.Text.Json.Serialization;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary><c>pause.json</c>: the app is paused until somebody resumes it, also over a restart of the proxy.</summary>
internal sealed record PauseRecord : VersionedRecord
{
    public const string FileName = "pause.json";

    public required DateTimeOffset Since { get; init; }

    /// <summary>How long a request waits.</summary>
    public required TimeSpan MaxWait { get; init; }
}

/// <summary><c>maintenance.json</c>: clients are told to come back later, also over a restart of the proxy.</summary>
internal sealed record MaintenanceRecord : VersionedRecord
{
    public const string FileName = "maintenance.json";

    public required DateTimeOffset Since { get; init; }

    /// <summary>The text for clients; empty: the proxy's own words.</summary>
    public required string Message { get; init; }

    /// <summary>When it ends by itself; null: somebody ends it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Until { get; init; }
}
