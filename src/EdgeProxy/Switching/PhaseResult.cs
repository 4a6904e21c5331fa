using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching;

/// <summary>How a phase ended.</summary>
/// <param name="Detail">What it did, for people; null: nothing to tell.</param>
/// <param name="Problem">What went wrong: before the flip it ends the switch, after it it is a warning. Null: all went well.</param>
/// <param name="Judgement">The figure that was bad; null: none was.</param>
/// <param name="UnitLog">The last lines of the unit that is to blame, where that is none of the app's own; null: it is, or nobody is.</param>
internal readonly record struct PhaseResult(
    string? Detail, string? Problem = null, Judgement? Judgement = null, IReadOnlyList<string>? UnitLog = null)
{
    public static PhaseResult Failed(string problem) => new(null, problem);
}
