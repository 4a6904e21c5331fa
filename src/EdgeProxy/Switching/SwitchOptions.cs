using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching;

/// <summary>How a switch behaves.</summary>
internal sealed class SwitchOptions
{
    /// <summary>Paths that the candidate must serve without an error before it gets traffic, e.g. <c>["/", "/v1/items/"]</c>; null or empty: none.</summary>
    public string[]? WarmUp { get; set; }

    /// <summary>Parts of the clients that get the candidate before everybody, step by step; null or empty: everybody at once.</summary>
    public CanaryStep[]? Canary { get; set; }

    /// <summary>
    /// Addresses and networks of clients that may choose a slot by the header <c>X-EdgeProxy-Slot</c> while a candidate has a share of the traffic; null or
    /// empty: nobody.
    /// </summary>
    public string[]? TestClients { get; set; }

    /// <summary>How long the new slot is watched after the flip. Default 10 s; 0 (off) to 1 h.</summary>
    public TimeSpan Observe { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Roll back when the new slot's 5xx ratio exceeds the old one's by more. Default 0.2; 0 to 1.</summary>
    public double MaxErrorRatio { get; set; } = 0.2;

    /// <summary>
    /// Roll back when the new slot's 5xx ratio is higher by more than this and that is no chance: fewer errors than <c>MaxErrorRatio</c> allows need more
    /// requests to be told from bad luck. Default 0.02; 0 to 1.
    /// </summary>
    public double MaxErrorIncrease { get; set; } = 0.02;

    /// <summary>
    /// Roll back when the p95 or p99 latency of ordinary requests is more than this many times the old slot's, by at least 10 ms (100 ms, where it is compared
    /// with the past), and that is no chance. Default 1.4; 0 (off) to 100.
    /// </summary>
    public double MaxLatencyFactor { get; set; } = 1.4;

    /// <summary>How many requests of a slot are needed before its figures are compared: fewer say nothing. Default 20; 1 to 1000000.</summary>
    public int MinObservedRequests { get; set; } = 20;

    /// <summary>How long a request may go on in the old slot after the flip. Default 2.5 min; 0 to 24 h.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>The same for streams and WebSockets, which are then closed in order where they can be; connections of other upgraded protocols are cut. Default
    /// 5 min; 0 to 24 h.</summary>
    public TimeSpan StreamDrainTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Path prefixes whose requests are streams whatever their content type; null or empty: none.</summary>
    public string[]? StreamPaths { get; set; }

    /// <summary>How long the old slot is kept running after its drain, for an instant rollback. Default 0 (stop at once); 0 to 7 days.</summary>
    public TimeSpan KeepWarm { get; set; }

    /// <summary>Switch by itself when the active unit has failed for good for two seconds and the other slot is warm or can be started. Default off.</summary>
    public bool Rescue { get; set; }

    /// <summary>Commands that a switch runs.</summary>
    public HooksOptions Hooks { get; set; } = new();
}
