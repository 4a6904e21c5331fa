namespace EdgeProxy.Units;

/// <summary>What a unit is doing, at one instant. The words are systemd's (org.freedesktop.systemd1(5)).</summary>
public sealed record UnitStatus
{
    /// <summary>The name of the unit, for people and messages.</summary>
    public required string Unit { get; init; }

    public required UnitState State { get; init; }

    public UnitLoadState LoadState { get; init; } = UnitLoadState.Loaded;

    /// <summary>systemd's SubState, e.g. <c>running</c>, <c>start</c>, <c>auto-restart</c>, <c>dead</c>.</summary>
    public string SubState { get; init; } = "";

    /// <summary>The main process; 0: none.</summary>
    public int MainPid { get; init; }

    /// <summary>Identifies one run of the unit; null: it has not run.</summary>
    public string? InvocationId { get; init; }

    /// <summary>systemd's Result of the last run: <c>success</c>, <c>exit-code</c>, <c>signal</c>, <c>timeout</c>, <c>start-limit-hit</c> ...</summary>
    public string Result { get; init; } = "success";

    /// <summary>Exit code or signal number of the last main process; null: unknown.</summary>
    public int? ExitStatus { get; init; }

    /// <summary>Automatic restarts of the current run (NRestarts).</summary>
    public int Restarts { get; init; }

    /// <summary>Memory in bytes; null: not known.</summary>
    public long? Memory { get; init; }

    /// <summary>The unit's file has changed since it was loaded (<c>systemctl daemon-reload</c> is due).</summary>
    public bool NeedsDaemonReload { get; init; }

    /// <summary>The signal that stops it (KillSignal); null: not known.</summary>
    public int? KillSignal { get; init; }

    /// <summary>The directory that the app is run from (WorkingDirectory); null: it is not set, or not known.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Has a process, or is about to get one by itself.</summary>
    public bool IsRunning => State is UnitState.Active or UnitState.Activating or UnitState.AutoRestart or UnitState.Reloading;
}

public enum UnitState
{
    Inactive,
    Activating,
    Active,
    Reloading,
    Deactivating,
    Failed,

    /// <summary>ActiveState <c>activating</c> with SubState <c>auto-restart</c>: it ended and waits for RestartSec.</summary>
    AutoRestart,
}

public enum UnitLoadState
{
    Loaded,
    NotFound,
    Masked,

    /// <summary>Anything else that keeps it from being started (<c>bad-setting</c>, <c>error</c>).</summary>
    Error,
}

/// <summary>How a job ended (JobRemoved of org.freedesktop.systemd1(5)).</summary>
public enum UnitJobResult
{
    Done,
    Canceled,
    Timeout,
    Failed,
    Dependency,
    Skipped,
}
