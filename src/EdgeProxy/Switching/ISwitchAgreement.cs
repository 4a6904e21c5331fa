using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>What others have to say of a switch: several machines go from step to step together. A switch of one machine has none.</summary>
/// <remarks>Used by the run alone, in this order. A wait ends when all have agreed, or by the token: the proxy stops.</remarks>
internal interface ISwitchAgreement
{
    /// <summary>Who takes part.</summary>
    SwitchFleet Fleet { get; }

    /// <summary>The candidate is ready here. Waits until it is ready everywhere, and the flip is decided.</summary>
    /// <returns>A problem: it is decided against it.</returns>
    Task<PhaseResult> PreparedAsync(SwitchRun run, CancellationToken cancellationToken);

    /// <summary>What is stored when traffic moves, with what the decision was.</summary>
    ActiveSlot Stamp(ActiveSlot next);

    /// <summary>Traffic has moved here.</summary>
    void Moved();

    /// <summary>The new slot was watched here. Waits until it was everywhere.</summary>
    /// <param name="run">The run.</param>
    /// <param name="problem">What was wrong here; null: nothing.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A problem: traffic is to go back.</returns>
    Task<PhaseResult> ObservedAsync(SwitchRun run, string? problem, CancellationToken cancellationToken);

    /// <summary>The old slot was probed here. Waits until it is decided whether traffic goes back.</summary>
    /// <param name="run">The run.</param>
    /// <param name="problem">Why it cannot; null: it can.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Why it does not; null: it does.</returns>
    Task<string?> WhyNotBackAsync(SwitchRun run, string? problem, CancellationToken cancellationToken);

    /// <summary>The slot that traffic has left is drained here. Waits until it is everywhere: until then traffic may go back.</summary>
    Task<PhaseResult> DrainedAsync(SwitchRun run, CancellationToken cancellationToken);

    /// <summary>The unit that traffic has left is stopped here. Waits for the end.</summary>
    /// <returns>A problem: what went wrong elsewhere.</returns>
    Task<PhaseResult> StoppedAsync(SwitchRun run, CancellationToken cancellationToken);
}
