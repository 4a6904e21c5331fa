namespace EdgeProxy.Units.Systemd;

/// <summary>Makes a <see cref="UnitStatus"/> of systemd's properties (org.freedesktop.systemd1(5)).</summary>
internal static class UnitProperties
{
    /// <summary>The properties that <see cref="ToStatus"/> reads.</summary>
    public static IReadOnlySet<string> Wanted { get; } = new HashSet<string>
    {
        "LoadState", "ActiveState", "SubState", "InvocationID", "NeedDaemonReload",
        "MainPID", "NRestarts", "Result", "ExecMainCode", "ExecMainStatus", "MemoryCurrent", "KillSignal", "WorkingDirectory",
    };

    public static UnitStatus ToStatus(string unit, IReadOnlyDictionary<string, object> properties)
    {
        var subState = Text("SubState");
        return new UnitStatus
        {
            Unit = unit,
            State = ToState(Text("ActiveState"), subState),
            LoadState = ToLoadState(Text("LoadState")),
            SubState = subState,
            MainPid = (int)(Number("MainPID") ?? 0),
            InvocationId = properties.GetValueOrDefault("InvocationID") is byte[] { Length: > 0 } id ? Convert.ToHexStringLower(id) : null,
            Result = Text("Result") is { Length: > 0 } result ? result : "success",
            // ExecMainCode is the SIGCHLD code (wait(2)); 0: the main process has not ended yet, and the status means nothing.
            ExitStatus = Number("ExecMainCode") is > 0 ? (int?)Number("ExecMainStatus") : null,
            Restarts = (int)(Number("NRestarts") ?? 0),
            // The largest number stands for "not known": not running, or no memory accounting.
            Memory = properties.GetValueOrDefault("MemoryCurrent") is ulong bytes and not ulong.MaxValue ? (long)bytes : null,
            NeedsDaemonReload = properties.GetValueOrDefault("NeedDaemonReload") is true,
            KillSignal = (int?)Number("KillSignal"),
            WorkingDirectory = Text("WorkingDirectory") is { Length: > 0 } directory ? directory : null,
        };

        string Text(string name) => properties.GetValueOrDefault(name) as string ?? "";
        long? Number(string name) => properties.GetValueOrDefault(name) as long?;
    }

    private static UnitState ToState(string active, string sub) => active switch
    {
        "active" => UnitState.Active,
        "reloading" or "refreshing" => UnitState.Reloading,
        // "auto-restart-queued" is a word of its own since systemd 254.
        "activating" when sub.StartsWith("auto-restart", StringComparison.Ordinal) => UnitState.AutoRestart,
        "activating" => UnitState.Activating,
        "deactivating" => UnitState.Deactivating,
        "failed" => UnitState.Failed,
        _ => UnitState.Inactive, // "inactive", and "maintenance": its directories are being cleaned
    };

    private static UnitLoadState ToLoadState(string load) => load switch
    {
        "loaded" => UnitLoadState.Loaded,
        "not-found" => UnitLoadState.NotFound,
        "masked" => UnitLoadState.Masked,
        _ => UnitLoadState.Error,
    };
}
