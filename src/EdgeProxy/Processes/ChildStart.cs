namespace EdgeProxy.Processes;

/// <summary>What a <see cref="Child"/> is started with.</summary>
/// <param name="Command">The program, looked up in PATH unless it is a path, and its arguments.</param>
internal sealed record ChildStart(IReadOnlyList<string> Command)
{
    /// <summary>Between systemd and the proxy.</summary>
    private static readonly string[] _ofSystemd = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

    /// <summary>
    /// What a program needs that is not told anything else. The last three find the .NET runtime where the proxy itself is not built natively.
    /// </summary>
    private static readonly string[] _harmless = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "DOTNET_ROOT", "DOTNET_ROOT_X64", "DOTNET_ROOT_ARM64"];

    /// <summary>The directory that it starts in; null: the proxy's own.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Added to the environment, or in place of what is there.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>The child gets nothing of the proxy's own environment, in which settings (and so secrets) may be, but what is harmless.</summary>
    public bool IsClean { get; init; }

    /// <summary>Whose rights it gets; null: the proxy's own.</summary>
    public string? User { get; init; }

    /// <summary>Its standard input.</summary>
    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>The id of this run: see <see cref="Invocation"/>.</summary>
    public string InvocationId { get; init; } = Invocation.NewId();

    public void SetEnvironment(IDictionary<string, string?> environment)
    {
        foreach (var name in IsClean ? [.. environment.Keys.Except(_harmless)] : _ofSystemd)
        {
            environment.Remove(name);
        }

        foreach (var (name, value) in Variables)
        {
            environment[name] = value;
        }

        environment[Invocation.Variable] = InvocationId;
    }
}
