namespace EdgeProxy.Switching;

/// <summary>How a switch behaves.</summary>
public sealed class SwitchOptions
{
    /// <summary>Paths that the candidate must answer before it gets traffic, e.g. <c>["/", "/v1/items/"]</c>; null or empty: none.</summary>
    public string[]? WarmUp { get; set; }

    /// <summary>How long the new slot is watched after the flip. Default 10 s; 0 (off) to 1 h.</summary>
    public TimeSpan Observe { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Roll back when the new slot's 5xx ratio exceeds the old one's by more. Default 0.2; 0 to 1.</summary>
    public double MaxErrorRatio { get; set; } = 0.2;

    /// <summary>Fewer requests than this say nothing. Default 20; 1 to 1000000.</summary>
    public int MinObservedRequests { get; set; } = 20;

    /// <summary>How long a request may go on in the old slot after the flip. Default 2.5 min; 0 to 24 h.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>The same for streams and WebSockets, which are then closed in order where they can be. Default 5 min; 0 to 24 h.</summary>
    public TimeSpan StreamDrainTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Path prefixes whose requests are streams whatever their content type; null or empty: none.</summary>
    public string[]? StreamPaths { get; set; }

    /// <summary>How long the old slot is kept running after its drain, for an instant rollback. Default 0 (stop at once); 0 to 7 days.</summary>
    public TimeSpan KeepWarm { get; set; }

    /// <summary>Switch by itself when the active unit has failed for good for two seconds and the other slot is warm or can be started. Default off.</summary>
    public bool Rescue { get; set; }
}
