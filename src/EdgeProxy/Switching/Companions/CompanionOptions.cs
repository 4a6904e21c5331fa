namespace EdgeProxy.Switching.Companions;

/// <summary>A unit beside the app that runs the same code and follows a switch: a Celery worker, beat, a channels worker.</summary>
internal sealed class CompanionOptions
{
    /// <summary>What it is called in reports: 1 to 32 of a-z, 0-9 and <c>-</c>. Required.</summary>
    public string? Name { get; set; }

    /// <summary>The systemd service of a companion that both slots share: it is restarted, so that it runs the new code. Null: each slot has its own.</summary>
    public string? Unit { get; set; }

    /// <summary>The systemd service that runs it for blue; with <see cref="GreenUnit"/>.</summary>
    public string? BlueUnit { get; set; }

    /// <summary>The systemd service that runs it for green; with <see cref="BlueUnit"/>.</summary>
    public string? GreenUnit { get; set; }

    /// <summary>
    /// With <c>Units:Manager</c> = <c>Process</c>: its command line, as that of a slot. With <c>{slot}</c>, <c>{address}</c> or <c>{port}</c> in it each slot
    /// has its own, else both share one.
    /// </summary>
    public string? Command { get; set; }

    /// <summary>When that of the new slot is started, or a shared one restarted. Default <c>AfterFlip</c>.</summary>
    public CompanionStart When { get; set; }

    /// <summary>Whether there may never be two (Celery beat): that of the old slot has then stopped before that of the new one starts. Default false.</summary>
    public bool Singleton { get; set; }

    /// <summary>
    /// How long that of the new slot has to run on as it was started before that of the old one is stopped. Default 5 s; 0 to 10 min.
    /// </summary>
    public TimeSpan Settle { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long its stop is waited for, in which a worker ends its tasks; what kills it is the unit's own time-out. Default 10 min; 1 s to 24 h.
    /// </summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromMinutes(10);
}

/// <summary>The step of a switch at which a companion follows it.</summary>
public enum CompanionStart
{
    /// <summary>When new requests go to the new slot. If it does not start, or ends while the new slot is observed, the switch goes back.</summary>
    AfterFlip,

    /// <summary>When the new slot has been observed. If it does not start, or ends at once, that is a warning.</summary>
    AfterObserve,
}
