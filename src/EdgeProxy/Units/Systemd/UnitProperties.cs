using Tmds.DBus.Protocol;

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

    public static UnitStatus ToStatus(string unit, IReadOnlyDictionary<string, VariantValue> properties)
    {
        var subState = Text("SubState");
        return new UnitStatus
        {
            Unit = unit,
            State = ToState(Text("ActiveState"), subState),
            LoadState = ToLoadState(Text("LoadState")),
            SubState = subState,
            MainPid = Number("MainPID") ?? 0,
            InvocationId = Value("InvocationID") is { ItemType: VariantValueType.Byte, Count: > 0 } id ? Convert.ToHexStringLower(id.GetArray<byte>()) : null,
            Result = Text("Result") is { Length: > 0 } result ? result : "success",
            // ExecMainCode is the SIGCHLD code (wait(2)); 0: the main process has not ended yet, and the status means nothing.
            ExitStatus = Number("ExecMainCode") is > 0 ? Number("ExecMainStatus") : null,
            Restarts = Number("NRestarts") ?? 0,
            // The largest number stands for "not known": not running, or no memory accounting.
            Memory = Value("MemoryCurrent") is { Type: VariantValueType.UInt64 } memory && memory.GetUInt64() is var bytes and not ulong.MaxValue
                ? (long)bytes
                : null,
            NeedsDaemonReload = Value("NeedDaemonReload") is { Type: VariantValueType.Bool } reload && reload.GetBool(),
            KillSignal = Number("KillSignal"),
            WorkingDirectory = Text("WorkingDirectory") is { Length: > 0 } directory ? directory : null,
        };

        // A unit that is no service has no process and not these properties: the value is then of no type.
        VariantValue Value(string name) => properties.GetValueOrDefault(name);
        string Text(string name) => Value(name) is { Type: VariantValueType.String } text ? text.GetString() : "";
        int? Number(string name) => Value(name) switch
        {
            { Type: VariantValueType.Int32 } number => number.GetInt32(),
            { Type: VariantValueType.UInt32 } number => (int)number.GetUInt32(),
            _ => null,
        };
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
