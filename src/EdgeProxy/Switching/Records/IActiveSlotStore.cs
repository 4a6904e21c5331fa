namespace EdgeProxy.Switching.Records;

/// <summary>
/// Keeps which slot is active: the one thing that decides where traffic goes, for a flip, for a flip back and at the next start (docs/adr/0005).
/// </summary>
/// <remarks>
/// The seam for a store that several processes share. <see cref="ActiveSlotFile"/> is the one that is built in: the lock on its directory makes one process its
/// only writer. A store bounds its calls in time by itself.
/// </remarks>
internal interface IActiveSlotStore
{
    /// <summary>
    /// What is stored now. Throws nothing: a store that cannot be read, or holds what this version does not know, is a <see
    /// cref="StoredActiveSlot.Problem"/>.
    /// </summary>
    ValueTask<StoredActiveSlot> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Stores <paramref name="next"/> durably, if what is stored still has the revision that the caller has seen (compare and swap).</summary>
    /// <remarks>Takes no token: a caller that gave up would not know which slot is active.</remarks>
    /// <param name="seen">The revision that the caller has seen last; null: it has seen nothing stored.</param>
    /// <param name="next">What is to be stored.</param>
    /// <returns>The new revision; null: somebody else has stored another one, and nothing was changed.</returns>
    /// <exception cref="State.StateException">
    /// It could not, and the old content is there still. With <see cref="State.StateException.Replaced"/> it is not: the store names the new slot.
    /// </exception>
    ValueTask<string?> TryReplaceAsync(string? seen, ActiveSlot next);

    /// <summary>
    /// Watches: completes when what is stored has another revision than this one. It may complete too early, but not at once again and again.
    /// </summary>
    /// <exception cref="OperationCanceledException">By the token. It ends with no other exception: a store that is away is waited for.</exception>
    Task WaitForChangeAsync(string? seen, CancellationToken cancellationToken);
}

/// <summary>What <see cref="IActiveSlotStore"/> holds.</summary>
/// <param name="Value">Null: nothing that can be used.</param>
/// <param name="Revision">Differs from each earlier one; opaque. Null: nothing was stored yet.</param>
/// <param name="Problem">Why it cannot be used, for the log; null: it can, or nothing was stored.</param>
internal readonly record struct StoredActiveSlot(ActiveSlot? Value, string? Revision, string? Problem);
