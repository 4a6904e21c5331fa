namespace EdgeProxy.Slots;

/// <summary>The ordinary requests that the app has had whole and has not responded to, by when they began: how many there are and how long they have waited, as
/// a lower bound.</summary>
/// <remarks>
/// A ring of counts, one for each <see cref="Width"/>, of fixed size: a request is one atomic addition when the app has it and one when its response begins,
/// and all of them are read without a lock. A wait that is longer than the ring looks shorter, never longer.
/// </remarks>
internal sealed class PendingRequests
{
    private const int Cells = 1024;

    /// <summary>How exact a wait is.</summary>
    internal static readonly TimeSpan Width = TimeSpan.FromMilliseconds(250);

    private readonly int[] _counts = new int[Cells];

    /// <param name="at">On the clock that all of them share.</param>
    public void Enter(TimeSpan at) => Interlocked.Increment(ref _counts[CellOf(at)]);

    /// <param name="at">As it was said to <see cref="Enter"/>.</param>
    public void Leave(TimeSpan at) => Interlocked.Decrement(ref _counts[CellOf(at)]);

    /// <summary>How many have waited for at least so long.</summary>
    public long Count(TimeSpan now, TimeSpan atLeast = default)
    {
        var count = 0L;
        for (var cell = 0; cell < Cells; cell++)
        {
            count += WaitOf(cell, now) >= atLeast ? InCell(cell) : 0;
        }

        return count;
    }

    /// <summary>Those that wait, each as if its response began now.</summary>
    /// <param name="now">As of <see cref="Enter"/>.</param>
    /// <param name="atMost">Only those that have waited for no longer; null: all.</param>
    public SlotFigures Read(TimeSpan now, TimeSpan? atMost = null)
    {
        var latencies = new long[LatencySketch.Buckets];
        var waiting = 0L;
        for (var cell = 0; cell < Cells; cell++)
        {
            var wait = WaitOf(cell, now);
            if (InCell(cell) is > 0 and var count && !(wait > atMost))
            {
                latencies[LatencySketch.BucketOf(wait)] += count;
                waiting += count;
            }
        }

        return new(0, 0, latencies) { Waiting = waiting };
    }

    /// <summary>A response may be counted off before its request is counted: the two are of different flows.</summary>
    private int InCell(int cell) => Math.Max(0, Volatile.Read(ref _counts[cell]));

    private static int CellOf(TimeSpan at) => (int)(at.Ticks / Width.Ticks % Cells);

    /// <summary>What is in a cell began before the end of the cell.</summary>
    private static TimeSpan WaitOf(int cell, TimeSpan now)
    {
        var cells = (CellOf(now) - cell + Cells) % Cells;
        return cells == 0 ? TimeSpan.Zero : new((now.Ticks % Width.Ticks) + ((cells - 1) * Width.Ticks));
    }
}
