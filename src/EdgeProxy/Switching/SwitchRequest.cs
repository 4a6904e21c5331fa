using EdgeProxy.Slots;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching;

/// <summary>What is asked of a switch.</summary>
/// <param name="To">The slot to move to; null: the idle one.</param>
/// <param name="Label">What is deployed, for people (a commit, a branch); null: nothing is said.</param>
/// <param name="Force">Ends what still drains in the target and skips the memory check. Nothing skips the probe.</param>
/// <param name="RescueOf">Nobody has asked: the proxy does it because of this; null: somebody has.</param>
/// <param name="Preview">How long the candidate waits to be looked at and promoted; null: not at all.</param>
/// <param name="Canary">Steps before everybody gets the candidate; null: those of the settings; empty: none.</param>
/// <param name="Id">Null: a new one.</param>
/// <param name="Agreement">With others; null: the switch is this machine's own.</param>
/// <param name="WarmUse">What is done with a candidate that is warm; null: as the request says by what it names.</param>
internal sealed record SwitchRequest(
    SlotName? To = null, string? Label = null, bool Force = false, string? RescueOf = null, IReadOnlyList<CanaryStep>? Canary = null,
    TimeSpan? Preview = null, string? Id = null, ISwitchAgreement? Agreement = null, WarmUse? WarmUse = null);

/// <summary>What a switch does with a target that is warm.</summary>
internal enum WarmUse
{
    /// <summary>A deploy: the unit is restarted, so that it runs the new code.</summary>
    Restart,

    /// <summary>The version that runs there is meant: it is proved and flipped to. One that is not warm any more is started.</summary>
    Reuse,

    /// <summary>As <see cref="Reuse"/>, but started anew it could be another version: then the switch is aborted.</summary>
    ReuseOnly,
}

/// <summary>What became of the request.</summary>
internal abstract record SwitchStart
{
    private SwitchStart()
    {
    }

    /// <summary>It runs.</summary>
    /// <param name="Switch">As it began.</param>
    /// <param name="Completion">
    /// Completes when it has ended, and never fails. Where the proxy stopped before that, the <see cref="Switch.Outcome"/> is still null: the next
    /// process finishes or undoes it.
    /// </param>
    public sealed record Started(Switch Switch, Task<Switch> Completion) : SwitchStart;

    /// <summary>The running one does what is asked for: it goes back to its old slot (and ends <see cref="SwitchOutcome.RolledBack"/> unless that slot is
    /// gone), or on to its next phase.</summary>
    /// <param name="Switch">As it was when it was told.</param>
    /// <param name="Completion">As that of <see cref="Started"/>.</param>
    public sealed record Joined(Switch Switch, Task<Switch> Completion) : SwitchStart;

    /// <summary>Another one runs.</summary>
    public sealed record Busy(Switch Running) : SwitchStart;

    /// <summary>It cannot be done; nothing was touched.</summary>
    public sealed record Refused(string Reason) : SwitchStart;

    /// <summary>It cannot be done now, as what decides it is out of reach.</summary>
    public sealed record Unavailable(string Reason) : SwitchStart;
}
