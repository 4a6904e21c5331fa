using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary>Which slot is active, as this process knows it: what its store says, in memory.</summary>
/// <remarks>Written by the start, by the running switch and by the end of a warm slot, one at a time; read by anyone.</remarks>
internal sealed class ActiveSlotRecord(IActiveSlotStore store)
{
    /// <summary>One call of the store at a time, so that what is known never goes back to an older revision.</summary>
    private readonly SemaphoreSlim _oneCall = new(1, 1);

    private Known _known = new(null, null);

    /// <summary>What was read or written last; null: nothing yet.</summary>
    public ActiveSlot? Current => Volatile.Read(ref _known).Value;

    /// <summary>The revision of the store that was read or written last; null: nothing is stored.</summary>
    public string? Revision => Volatile.Read(ref _known).Revision;

    /// <summary>Reads the store. What cannot be used leaves <see cref="Current"/> as it is.</summary>
    public async Task<StoredActiveSlot> ReadAsync(CancellationToken cancellationToken)
    {
        await _oneCall.WaitAsync(cancellationToken);
        try
        {
            return await RefreshAsync(cancellationToken);
        }
        finally
        {
            _oneCall.Release();
        }
    }

    /// <summary>Makes it durable, or leaves the store and <see cref="Current"/> as they were.</summary>
    /// <param name="seen">What the caller looked at when it made <paramref name="next"/>: nothing newer is overwritten.</param>
    /// <param name="next">What is to be stored.</param>
    /// <returns>Its revision.</returns>
    /// <exception cref="StateException">
    /// It could not, or another process has changed the store: then <see cref="Current"/> is what that one says. With <see cref="StateException.Replaced"/>
    /// the old content could not be put back: the store names the new slot.
    /// </exception>
    public async Task<string> WriteAsync(ActiveSlot? seen, ActiveSlot next)
    {
        await _oneCall.WaitAsync();
        try
        {
            if (ReferenceEquals(_known.Value, seen) && await store.TryReplaceAsync(_known.Revision, next) is { } revision)
            {
                Become(next, revision);
                return revision;
            }

            throw ChangedElsewhere(await RefreshAsync(CancellationToken.None));
        }
        finally
        {
            _oneCall.Release();
        }
    }

    /// <summary>Another process, or another part of this one, has stored what the caller had not seen.</summary>
    public static StateException ChangedElsewhere(StoredActiveSlot now)
    {
        var since = now.Value?.Since.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        return new("another process has changed which slot is active: "
            + (now.Value is { } active ? $"{active.Slot.ToKey()} since {since} UTC, by switch {active.Switch ?? "none"}" : now.Problem ?? "none is stored"));
    }

    /// <summary>Takes what is not in the store, so that a proxy whose store is unusable knows what it serves.</summary>
    public void Assume(ActiveSlot active) => Become(active, Volatile.Read(ref _known).Revision);

    /// <summary>Completes when <see cref="Current"/> is another than <paramref name="seen"/>, or has been read anew because the store has changed.</summary>
    /// <exception cref="OperationCanceledException">By the token.</exception>
    public async Task WaitForChangeAsync(ActiveSlot? seen, CancellationToken cancellationToken)
    {
        var known = Volatile.Read(ref _known);
        if (!ReferenceEquals(known.Value, seen))
        {
            return;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(known.Replaced.Task, store.WaitForChangeAsync(known.Revision, either.Token));
        await either.CancelAsync(); // the one that still waits
        await _oneCall.WaitAsync(cancellationToken); // also for a write of our own, which the store tells before it returns
        try
        {
            if (ReferenceEquals(known, _known))
            {
                await RefreshAsync(cancellationToken);
            }
        }
        finally
        {
            _oneCall.Release();
        }
    }

    private async Task<StoredActiveSlot> RefreshAsync(CancellationToken cancellationToken)
    {
        var read = await store.ReadAsync(cancellationToken);
        Become(read.Value ?? Current, read.Revision);
        return read;
    }

    private void Become(ActiveSlot? value, string? revision)
    {
        var before = Interlocked.Exchange(ref _known, new Known(value, revision));
        before.Replaced.TrySetResult();
    }

    private sealed record Known(ActiveSlot? Value, string? Revision)
    {
        public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
