namespace EdgeProxy.Switching;

/// <summary>How a slot proves that it is healthy.</summary>
internal sealed class HealthOptions
{
    /// <summary>Path and query of the probe, which the app responds to well only when it is well; null: the first of <c>/v1/config/feature-flags/</c>,
    /// <c>/healthz</c>, <c>/health</c>, <c>/up</c> and <c>/</c> that responds well, and that one until EdgeProxy starts again.</summary>
    public string? Path { get; set; }

    /// <summary>What is tried where no path is set. The first was the default once, and settings of that time count on it: docs/adr/0050.</summary>
    internal static IReadOnlyList<string> UsualPaths { get; } = ["/v1/config/feature-flags/", "/healthz", "/health", "/up", "/"];

    /// <summary>The <c>Host</c> header of the probe; null: the first ACME domain, else the first <c>AllowedHosts</c> entry without <c>*</c>, else the slot's
    /// own address.</summary>
    public string? Host { get; set; }

    /// <summary>Status codes and ranges that count as good, e.g. <c>200-299,304</c>. Default <c>200-299</c>. Redirects are not followed.</summary>
    public string ExpectedStatus { get; set; } = "200-299";

    /// <summary>A text that the body must contain; null: any body.</summary>
    public string? ExpectedBody { get; set; }

    /// <summary>With <see cref="Interval"/> the bound of StartIdle and Probe together: <c>Attempts</c> x <c>Interval</c>. Default 30; 1 to 1000.</summary>
    public int Attempts { get; set; } = 30;

    /// <summary>See <see cref="Attempts"/>; a candidate is probed ten times a second. Also how long it may respond with 404 at its health path before the
    /// switch ends. Default 2 s; 100 ms to 10 min.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one probe may take. Default 5 s; 100 ms to 10 min.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Good responses in a row, from one main process, that admit a candidate. Default 3; 1 to 100.</summary>
    public int Successes { get; set; } = 3;

    /// <summary>How often the running slots are probed for the health view. It only observes. Default 10 s; 1 s to 1 h.</summary>
    public TimeSpan MonitorInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The longest time that StartIdle and Probe may take together.</summary>
    internal TimeSpan StartBudget => Attempts * Interval;
}
