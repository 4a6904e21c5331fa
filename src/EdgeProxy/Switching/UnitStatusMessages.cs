using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>What a unit's state means to a person.</summary>
internal static class UnitStatusMessages
{
    /// <summary>Why the unit does not run (any more), in one clause; null: it runs.</summary>
    public static string? WhyNotRunning(UnitStatus status) => status.State switch
    {
        UnitState.AutoRestart => $"{status.Unit} ended ({Ending(status)}) and is in auto-restart",
        UnitState.Failed => $"{status.Unit} failed ({Ending(status)}){Hint(status)}",
        UnitState.Inactive => $"{status.Unit} exited by itself ({Ending(status)})",
        UnitState.Deactivating => $"{status.Unit} is being stopped",
        _ => null,
    };

    /// <summary>Why it is not (any more) the run that was seen first; null: it is. A restart between two looks shows in the count and in the id only.</summary>
    public static string? WhyNotTheSame(UnitStatus first, UnitStatus now) =>
        WhyNotRunning(now)
        ?? (now.Restarts > first.Restarts || now.InvocationId != first.InvocationId
            ? $"{now.Unit} ended and was started again meanwhile: it flaps"
            : null);

    /// <summary>Why a start job did not end with <see cref="UnitJobResult.Done"/>.</summary>
    public static string WhyNotStarted(UnitJobResult result, UnitStatus status) => result switch
    {
        UnitJobResult.Timeout => $"{status.Unit} did not finish starting within its TimeoutStartSec",
        UnitJobResult.Canceled => $"the start of {status.Unit} was cancelled by another job: does somebody else start and stop it?",
        UnitJobResult.Dependency => $"a unit that {status.Unit} requires could not be started",
        UnitJobResult.Skipped => $"{status.Unit} was skipped: a Condition of its unit file does not hold",
        _ => WhyNotRunning(status) ?? $"{status.Unit} failed to start ({Ending(status)})",
    };

    /// <summary>The unit had to be killed at its last end, so that requests may have been cut.</summary>
    public static bool WasKilled(UnitStatus status) => status.Result is "timeout" or "signal" or "core-dump" or "watchdog" or "oom-kill";

    /// <summary>How it ended: systemd's Result with the exit status beside it.</summary>
    public static string Ending(UnitStatus status) => status.Result switch
    {
        "exit-code" when status.ExitStatus is { } code => $"exit code {code}",
        "signal" or "core-dump" when status.ExitStatus is { } signal => $"killed by signal {signal}",
        "success" => "exit code 0",
        var result => result,
    };

    private static string Hint(UnitStatus status) => status.Result == "start-limit-hit"
        ? $": it was started too often; `systemctl reset-failed {status.Unit}` allows it again"
        : "";
}
