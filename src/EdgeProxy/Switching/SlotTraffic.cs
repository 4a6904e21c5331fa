using System.Globalization;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>
/// The responses of each slot since traffic moved to it, and in the last hour: what a slot did in an earlier version says nothing of this one.
/// </summary>
/// <remarks>
/// Begun by the flip and by a canary only, one at a time; a slot that was active when the proxy started counts from then on. The loop remembers the figures of
/// the active slot every few minutes; it belongs to the host and ends with it.
/// </remarks>
internal sealed class SlotTraffic(SlotPair slots, TimeProvider time) : BackgroundService
{
    private const int Remembered = 12;

    /// <summary>Of a request that waits for a shorter time nobody needs to be told.</summary>
    private static readonly TimeSpan Worth = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BetweenMarks = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private readonly SlotFigures[] _begun = [SlotFigures.None, SlotFigures.None]; // guarded by _lock
    private readonly Queue<SlotFigures>[] _marks = [new(), new()]; // guarded by _lock

    /// <summary>Traffic is about to move to the slot, or a part of it.</summary>
    public void Begin(SlotName slot)
    {
        lock (_lock)
        {
            _begun[(int)slot] = slots[slot].Figures;
            _marks[(int)slot].Clear();
        }
    }

    /// <summary>The responses of the slot since <see cref="Begin"/>.</summary>
    public SlotFigures Since(SlotName slot)
    {
        lock (_lock)
        {
            return slots[slot].Figures - _begun[(int)slot];
        }
    }

    /// <summary>For people, behind a count of requests: what the slot has not responded to for a second; empty: nothing.</summary>
    public string WaitingWords(SlotName slot) => Waiting(slot) is > 0 and var waiting
        ? string.Create(CultureInfo.InvariantCulture, $", {waiting} more without a response yet")
        : "";

    private long Waiting(SlotName slot) => slots[slot].Pending.Count(time.GetElapsedTime(0, time.GetTimestamp()), Worth);

    /// <summary>What it has responded before an instant: in the hour before, or since <see cref="Begin"/> where that is later.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="end">Its figures at that instant.</param>
    public SlotFigures Before(SlotName slot, SlotFigures end)
    {
        lock (_lock)
        {
            return end - (_marks[(int)slot].TryPeek(out var first) ? first : _begun[(int)slot]);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(BetweenMarks, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Mark(slots.Active.Name);
        }
    }

    /// <summary>An hour is kept: the oldest figures are forgotten.</summary>
    internal void Mark(SlotName slot)
    {
        lock (_lock)
        {
            var marks = _marks[(int)slot];
            if (marks.Count == 0)
            {
                marks.Enqueue(_begun[(int)slot]);
            }

            marks.Enqueue(slots[slot].Figures);
            while (marks.Count > Remembered)
            {
                marks.Dequeue();
            }
        }
    }
}
