using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching;

/// <summary>A slot that is kept running after its drain, and until when. <c>active.json</c> says so, so that the next process knows.</summary>
/// <remarks>
/// Whoever changes units takes its turn first: the running switch for all of its time, <see cref="WarmStop"/> for a stop. So a slot that a switch has found
/// warm is not stopped under it, and one that is being stopped is waited for. The start comes before either.
/// </remarks>
internal sealed class WarmSlot(ActiveSlotFile active, TimeProvider time) : IDisposable
{
    /// <summary>The clock may be set while one waits.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private TaskCompletionSource _changed = NewSignal();

    /// <summary>The slot that is kept and the end of its time, also where that has passed; null: none.</summary>
    public (SlotName Slot, DateTimeOffset Until)? Kept => active.Current is { WarmUntil: { } until } current ? (current.Slot.Other(), until) : null;

    /// <summary>Until when a slot is kept; null: it is not.</summary>
    public DateTimeOffset? Until(SlotName slot) => Kept is { } kept && kept.Slot == slot && kept.Until > time.GetUtcNow() ? kept.Until : null;

    /// <summary>Waits for the turn to change units. It ends when the result is disposed.</summary>
    public async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        return new Turn(_turn);
    }

    /// <summary>Keeps the idle slot.</summary>
    /// <exception cref="StateException">It is kept, but the next process will not know.</exception>
    public void Keep(DateTimeOffset until) => Write(until);

    /// <summary>The idle slot is not warm from now on: it is about to be started anew, or was stopped.</summary>
    /// <exception cref="StateException">That is so, but the next process will not know.</exception>
    public void Forget()
    {
        if (Kept is not null)
        {
            Write(null);
        }
    }

    /// <summary>Completes when the time of a kept slot is over.</summary>
    public async Task WhenOverAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task; // before the look, so that no change is missed
            var left = Kept is { } kept ? kept.Until - time.GetUtcNow() : Timeout.InfiniteTimeSpan;
            if (left <= TimeSpan.Zero && left != Timeout.InfiniteTimeSpan)
            {
                return;
            }

            var wait = left < LongestWait ? left : LongestWait;
            await changed.WaitAsync(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public void Dispose() => _turn.Dispose();

    private void Write(DateTimeOffset? until)
    {
        var next = active.Current! with { WarmUntil = until };
        try
        {
            active.Write(next);
        }
        catch (StateException)
        {
            active.Assume(next);
            throw;
        }
        finally
        {
            Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
