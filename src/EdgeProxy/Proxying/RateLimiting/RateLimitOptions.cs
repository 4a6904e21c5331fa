namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>What happens to a request beyond a limit.</summary>
internal enum RateLimitMode
{
    /// <summary>It gets 429 with <c>Retry-After</c>.</summary>
    Enforce,

    /// <summary>It passes, and is counted and logged.</summary>
    Report,
}

/// <summary>How many requests of one client (an IPv4 address, or a /64 of IPv6) some paths take: a token bucket for each client.</summary>
internal sealed class RateLimitOptions
{
    /// <summary>What the limit is called in metrics and the log: at most 64 of a-z, A-Z, 0-9, <c>-</c> and <c>_</c>. Default null: its number in the list,
    /// from 0.</summary>
    public string? Name { get; set; }

    /// <summary>Path prefixes, by whole segments and without letter case; null or empty: all paths.</summary>
    public string[]? Paths { get; set; }

    /// <summary>How many requests are taken within <see cref="Period"/>, in the long run (nginx: <c>rate</c>). Required; 1 to a million.</summary>
    public int? Requests { get; set; }

    /// <summary>The time that <see cref="Requests"/> is counted for. Default 1 s; at least 1 s, at most 24 h.</summary>
    public TimeSpan Period { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How many may come at once, after a rest (nginx: <c>burst</c> with <c>nodelay</c>). Default null: as many as <see cref="Requests"/>; at most
    /// a million.</summary>
    public int? Burst { get; set; }

    /// <summary>Whether requests beyond it are refused. <c>Report</c> tells what a limit would do before it does.</summary>
    public RateLimitMode Mode { get; set; } = RateLimitMode.Enforce;
}
