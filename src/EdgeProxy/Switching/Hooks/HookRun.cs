using System.Text.Json.Serialization;

namespace EdgeProxy.Switching.Hooks;

/// <summary>When a hook runs.</summary>
internal enum HookPoint
{
    BeforeFlip,
    AfterEnd,
}

/// <summary>One command that a switch has run.</summary>
internal sealed record HookRun
{
    public required HookPoint Hook { get; init; }

    /// <summary>The program and its arguments, with blanks in between.</summary>
    public required string Command { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>The exit code, or 128 + the signal that ended it; null: it was not started.</summary>
    public int? ExitStatus { get; init; }

    /// <summary>Why it failed, in a clause; null: it did not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Problem { get; init; }

    /// <summary>The last lines of its output, both of them together: at most 50, each of at most 500 characters.</summary>
    public IReadOnlyList<string> Output { get; init; } = [];
}
