namespace EdgeProxy.Units.Systemd;

/// <summary>What a unit is told to do.</summary>
internal enum UnitJob
{
    Start,
    Stop,
    Restart,
}

internal static class UnitJobs
{
    /// <summary>The method of systemd's manager that queues the job.</summary>
    /// <remarks>
    /// A start job of a unit in auto-restart waits until RestartSec has passed (systemd's service_start says "manually restarted, not
    /// started" of a caller that cannot wait); a restart job starts it at once.
    /// </remarks>
    public static string MethodFor(UnitJob job, UnitState state) => job switch
    {
        UnitJob.Stop => "StopUnit",
        UnitJob.Start when state is not UnitState.AutoRestart => "StartUnit",
        _ => "RestartUnit",
    };

    /// <summary>The word of the JobRemoved signal.</summary>
    public static UnitJobResult ToResult(string word) => word switch
    {
        "done" => UnitJobResult.Done,
        "canceled" => UnitJobResult.Canceled,
        "timeout" => UnitJobResult.Timeout,
        "dependency" => UnitJobResult.Dependency,
        "skipped" => UnitJobResult.Skipped,
        _ => UnitJobResult.Failed, // "failed", and the rare "invalid", "assert", "unsupported", "collected", "once"
    };

    /// <summary>How a job must have ended that ended while nobody could hear it, by what the unit is now.</summary>
    /// <returns>Null: it cannot be told.</returns>
    public static UnitJobResult? Settle(UnitJob job, UnitStatus before, UnitStatus now) => (job, now.State) switch
    {
        (UnitJob.Stop, UnitState.Inactive or UnitState.Failed) => UnitJobResult.Done,
        (UnitJob.Stop, _) => null,
        (UnitJob.Start, UnitState.Active) => UnitJobResult.Done,
        (UnitJob.Restart, UnitState.Active) when now.InvocationId != before.InvocationId => UnitJobResult.Done,
        (_, UnitState.Failed or UnitState.AutoRestart) => UnitJobResult.Failed,
        _ => null,
    };
}
