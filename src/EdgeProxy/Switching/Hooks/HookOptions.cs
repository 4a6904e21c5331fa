namespace EdgeProxy.Switching.Hooks;

/// <summary>Commands that a switch runs, one after the other in their order.</summary>
internal sealed class HooksOptions
{
    /// <summary>Run when the candidate is proved, before traffic moves; one that fails aborts the switch. Null or empty: none.</summary>
    public HookOptions[]? BeforeFlip { get; set; }

    /// <summary>Run when a switch has ended, however it did; one that fails is a warning. Null or empty: none.</summary>
    public HookOptions[]? AfterEnd { get; set; }
}

/// <summary>One command of a switch.</summary>
internal sealed class HookOptions
{
    /// <summary>The program, by its whole path, and its arguments: <c>["/srv/app/hooks/smoke-test", "--quick"]</c>. No shell runs. Required.</summary>
    public string[]? Command { get; set; }

    /// <summary>Whose rights it gets. Null: those of EdgeProxy's own user. Another user can be named where EdgeProxy runs as root.</summary>
    public string? User { get; set; }

    /// <summary>How long it may take before it is ended with its process group. Default 30 s; 1 s to 10 min.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);
}
