namespace EdgeProxy.Switching;

/// <summary>How a phase ended.</summary>
/// <param name="Detail">What it did, for people; null: nothing to tell.</param>
/// <param name="Problem">What went wrong: before the flip it ends the switch, after it it is a warning. Null: all went well.</param>
internal readonly record struct PhaseResult(string? Detail, string? Problem = null)
{
    public static PhaseResult Failed(string problem) => new(null, problem);
}
