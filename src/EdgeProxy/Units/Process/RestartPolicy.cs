namespace EdgeProxy.Units.Process;

/// <summary>When a child that ended is started again: as <c>Restart=on-failure</c> of systemd.service(5), with a delay that grows.</summary>
internal static class RestartPolicy
{
    /// <summary>systemd's RestartSec.</summary>
    public static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);

    public static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    /// <summary>After a run of this length the delay begins anew.</summary>
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(30);

    /// <summary>The delay before the next start.</summary>
    /// <param name="previous">The delay before the run that has ended; zero: it was the first one.</param>
    /// <param name="ran">How long that run lasted.</param>
    public static TimeSpan NextDelay(TimeSpan previous, TimeSpan ran) =>
        previous == TimeSpan.Zero || ran >= StableAfter ? FirstDelay
        : previous * 2 < MaxDelay ? previous * 2
        : MaxDelay;
}
