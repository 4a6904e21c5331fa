using System.Text.Json.Serialization;
using EdgeProxy.Slots;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching;

/// <summary>The phases of a switch, in the order in which they run.</summary>
public enum SwitchPhase
{
    StartIdle,
    Probe,
    WarmUp,

    /// <summary>The candidate waits until somebody has looked at it and promoted it. Only where that was asked for.</summary>
    Preview,

    /// <summary>The commands of <c>Switch:Hooks:BeforeFlip</c> run. Only where there are some.</summary>
    BeforeFlip,
    /// <summary>A part of the clients gets the candidate. Once for each step of <c>Switch:Canary</c>; only where there are some.</summary>
    Canary,

    /// <summary>The other nodes are waited for, before the flip and after each later step. Only in a fleet.</summary>
    Agree,
    Flip,

    /// <summary>The companions of the new slot are started. Only where there are some.</summary>
    Companions,
    Observe,

    /// <summary>The companions of the other slot are stopped, and those that wait for the observation started. Only where there are some.</summary>
    MoveCompanions,
    Drain,
    StopOld,

    /// <summary>The commands of <c>Switch:Hooks:AfterEnd</c> run. Only where there are some.</summary>
    AfterEnd,
}

/// <summary>How a switch ended.</summary>
public enum SwitchOutcome
{
    Completed,

    /// <summary>Traffic never moved.</summary>
    Aborted,

    /// <summary>Traffic moved and was moved back.</summary>
    RolledBack,

    /// <summary>Traffic moved; something after that ended badly.</summary>
    CompletedWithWarnings,
}

/// <summary>One run of the phases, as the admin API, the history and the command line show it. Immutable: each change is a new one.</summary>
internal sealed record Switch
{
    public required string Id { get; init; }

    public required SlotName From { get; init; }

    public required SlotName To { get; init; }

    public string? Label { get; init; }

    /// <summary>Whether EdgeProxy has begun it by itself (<c>Switch:Rescue</c>).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ByRescue { get; init; }

    /// <summary>How it ended; null while it runs.</summary>
    public SwitchOutcome? Outcome { get; init; }

    /// <summary>The phase that runs, or the last one that did.</summary>
    public SwitchPhase Phase { get; init; }

    /// <summary>Why it ended as it did: what happened, where traffic is now, what to do. Null while it runs and when all went well.</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public TimeSpan Duration { get; init; }

    public IReadOnlyList<PhaseRun> Phases { get; init; } = [];

    public ProbeSummary? LastProbe { get; init; }

    /// <summary>The last lines of the unit that is to blame; empty when all went well.</summary>
    public IReadOnlyList<string> UnitLog { get; init; } = [];

    /// <summary>The machines that it was agreed with; null: it is this one's own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SwitchFleet? Fleet { get; init; }

    /// <summary>The commands that it has run; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<HookRun>? Hooks { get; init; }
}

/// <summary>One phase of a switch.</summary>
internal sealed record PhaseRun
{
    public required SwitchPhase Phase { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>What it did or found; null while it runs.</summary>
    public string? Detail { get; init; }

    /// <summary>Whether it ended badly; <see cref="Detail"/> then says how.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Failed { get; init; }

    /// <summary>The figure of the candidate that was worse than the old slot's; null: none was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Judgement? Judgement { get; init; }
}

/// <summary>What the last probe of a switch saw.</summary>
/// <param name="Status">The status code; null: there was no response.</param>
/// <param name="Latency">The time until the response, or the error.</param>
/// <param name="Body">The start of the body, at most 512 characters.</param>
/// <param name="Error">What was wrong with the response, or why there was none; null: the response was good.</param>
internal sealed record ProbeSummary(int? Status, TimeSpan Latency, string? Body, string? Error)
{
    [JsonIgnore]
    public bool IsGood => Error is null;

    /// <summary>Whether the connection was accepted and no response came in time.</summary>
    [JsonIgnore]
    public bool IsLate { get; init; }

    /// <summary>The app responds, and has no such path.</summary>
    [JsonIgnore]
    public bool IsNotFound { get; init; }
}
