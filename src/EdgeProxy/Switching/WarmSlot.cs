using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>A slot that is kept running after its drain, and until when. <c>active.json</c> says so, so that the next process knows.</summary>
/// <remarks>
/// All code that changes units takes a turn first: the running switch for all of its time, <see cref="WarmStop"/> for a stop. So a slot that a switch has found
/// warm is not stopped under it, and one that is being stopped is waited for. <see cref="Reconciliation"/> takes it for each of its rounds.
/// </remarks>
internal sealed class WarmSlot(ActiveSlotRecord active, SlotPair slots, TimeProvider time) : IDisposable
{
    /// <summary>The clock may be set while one waits.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>The slot that is kept and the end of its time, also where that has passed; null: none.</summary>
    public (SlotName Slot, DateTimeOffset Until)? Kept
    {
        get
        {
            var plan = slots.Plan;
            return active.Current is { WarmUntil: { } until } current && current.Slot == plan.Active.Name ? (plan.Previous.Name, until) : null;
        }
    }

    /// <summary>The time until which a slot is kept warm; null: it is not.</summary>
    public DateTimeOffset? Until(SlotName slot) => Kept is { } kept && kept.Slot == slot && kept.Until > time.GetUtcNow() ? kept.Until : null;

    /// <summary>Waits for the turn to change units. It ends when the result is disposed.</summary>
    public async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        return new Turn(_turn);
    }

    /// <summary>Keeps the idle slot.</summary>
    /// <exception cref="StateException">It is kept, but the next process will not know.</exception>
    public ValueTask KeepAsync(DateTimeOffset until) => WriteAsync(until);

    /// <summary>The idle slot is not warm from now on: it is about to be started anew, or was stopped.</summary>
    /// <exception cref="StateException">That is so, but the next process will not know.</exception>
    public ValueTask ForgetAsync() => Kept is null ? ValueTask.CompletedTask : WriteAsync(null);

    /// <summary>Completes when the time of a kept slot is over.</summary>
    public async Task WhenOverAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var seen = active.Current; // before the look, so that no change is missed
            var left = Kept?.Until - time.GetUtcNow();
            if (left <= TimeSpan.Zero)
            {
                return;
            }

            var wait = left is { } some ? TimeSpan.FromTicks(Math.Min(some.Ticks, LongestWait.Ticks)) : Timeout.InfiniteTimeSpan;
            using var timeout = new Deadline(wait, time, cancellationToken);
            await active.WaitForChangeAsync(seen, timeout.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async ValueTask WriteAsync(DateTimeOffset? until)
    {
        var now = active.Current!;
        if (now.Slot != slots.Active.Name)
        {
            throw ActiveSlotRecord.ChangedElsewhere(new(now, Revision: null, Problem: null));
        }

        var next = now with { WarmUntil = until };
        try
        {
            await active.WriteAsync(now, next);
        }
        catch (StateException)
        {
            if (ReferenceEquals(active.Current, now)) // else another process has changed what is stored, and that stands
            {
                active.Assume(next);
            }

            throw;
        }
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
