namespace EdgeProxy.Slots;

/// <summary>Where the requests of an app go. Immutable: a flip makes another one, which replaces this one in one reference write.</summary>
/// <param name="active">Gets new requests.</param>
/// <param name="previous">Got them before, and is where a rollback leads. At the start of the proxy: the slot that is not active.</param>
/// <param name="revision">Of the stored choice that this plan follows; null: nothing is stored yet, or it could not be.</param>
/// <param name="candidate">What the candidate of a switch gets before the flip; null: nothing, as nearly always.</param>
internal sealed class TrafficPlan(Slot active, Slot previous, string? revision, CandidateShare? candidate = null)
{
    public Slot Active { get; } = active;

    public Slot Previous { get; } = previous;

    public string? Revision { get; } = revision;

    public CandidateShare? Candidate { get; } = candidate;

    /// <summary>The slot that a client's next request goes to.</summary>
    /// <param name="client">Null: it was not decided, or the candidate could not take it.</param>
    public Slot SlotOf(CandidateClient? client) => client is not null && Candidate is { } candidate && candidate.Takes(client) ? candidate.Slot : Active;

    /// <summary>How many of a hundred clients get a slot.</summary>
    public double PercentOf(SlotName slot)
    {
        var candidates = Candidate is { } candidate ? 100d * candidate.Share / CandidateShare.Whole : 0;
        return slot == Active.Name ? 100 - candidates : candidates;
    }
}
