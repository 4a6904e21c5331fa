namespace EdgeProxy.Units;

/// <summary>What runs the slots.</summary>
internal sealed class UnitsOptions
{
    /// <summary><see cref="UnitManagerKind.Systemd"/> (default) on a server, <see cref="UnitManagerKind.Process"/> for development and containers.</summary>
    public UnitManagerKind Manager { get; set; } = UnitManagerKind.Systemd;

    /// <summary>A D-Bus address, e.g. <c>unix:path=/run/dbus/system_bus_socket</c>; null: the system bus.</summary>
    public string? Bus { get; set; }

    public ProcessUnitsOptions Process { get; set; } = new();
}

internal enum UnitManagerKind
{
    Systemd,
    Process,
}

/// <summary>How child processes are run when <see cref="UnitsOptions.Manager"/> is <see cref="UnitManagerKind.Process"/>.</summary>
internal sealed class ProcessUnitsOptions
{
    /// <summary>
    /// The command line of a slot, split at blanks, with single and double quotes as in a shell but no other expansion.
    /// <c>{port}</c>, <c>{address}</c> (<c>HOST:PORT</c> or <c>unix:/path</c>, as gunicorn's <c>--bind</c> takes it) and <c>{slot}</c> are
    /// replaced. Required with the process manager.
    /// </summary>
    public string? Command { get; set; }

    /// <summary>Null: the directory in which the proxy was started.</summary>
    public string? WorkingDirectory { get; set; }

    /// <summary>Variables added to the proxy's own environment; null: none.</summary>
    public Dictionary<string, string>? Environment { get; set; }

    /// <summary>How long a child may take after SIGTERM before SIGKILL. Default 30 s; 1 s to 1 h.</summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
