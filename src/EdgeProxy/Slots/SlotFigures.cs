namespace EdgeProxy.Slots;

/// <summary>The responses of a slot up to an instant, or between two. Immutable.</summary>
/// <param name="Requests">Ended requests.</param>
/// <param name="Errors">Those that ended with a 5xx, the app's or the proxy's.</param>
/// <param name="Latencies">Of ordinary requests, until the response began or the client left: counts by bucket of <see cref="LatencySketch"/>.</param>
internal sealed record SlotFigures(long Requests, long Errors, IReadOnlyList<long> Latencies)
{
    public static SlotFigures None { get; } = new(0, 0, new long[LatencySketch.Buckets]);

    /// <summary>Those of <see cref="Latencies"/> that have not ended: the app has had them whole, and they count with the time that it has taken so far. Not
    /// among <see cref="Requests"/>.</summary>
    public long Waiting { get; init; }

    /// <summary>Those of <see cref="Requests"/> whose client has left, while the app had them whole.</summary>
    public long GivenUp { get; init; }

    /// <summary>Ended or waiting.</summary>
    public long Seen => Requests + Waiting;

    /// <summary>0 to 1; 0 where nothing has ended.</summary>
    public double ErrorRatio => Requests == 0 ? 0 : (double)Errors / Requests;

    /// <summary>How many <see cref="Latencies"/> there are.</summary>
    public long Timed => Latencies.Sum();

    public static SlotFigures operator -(SlotFigures now, SlotFigures before) =>
        new(now.Requests - before.Requests, now.Errors - before.Errors, [.. now.Latencies.Zip(before.Latencies, (a, b) => a - b)])
        {
            GivenUp = now.GivenUp - before.GivenUp,
        };

    public static SlotFigures operator +(SlotFigures one, SlotFigures other) =>
        new(one.Requests + other.Requests, one.Errors + other.Errors, [.. one.Latencies.Zip(other.Latencies, (a, b) => a + b)])
        {
            Waiting = one.Waiting + other.Waiting,
            GivenUp = one.GivenUp + other.GivenUp,
        };

    /// <summary>The bucket that holds a quantile (nearest rank).</summary>
    /// <param name="fraction">Above 0, to 1.</param>
    internal int BucketAt(double fraction)
    {
        var rank = (long)Math.Ceiling(fraction * Timed);
        var bucket = 0;
        for (var seen = Latencies[0]; seen < rank && bucket < Latencies.Count - 1; seen += Latencies[bucket])
        {
            bucket++;
        }

        return bucket;
    }

    /// <summary>What a fraction of them took less than, as if those of a bucket were spread evenly over it; zero without any.</summary>
    internal TimeSpan Quantile(double fraction)
    {
        if (Timed == 0)
        {
            return TimeSpan.Zero;
        }

        var bucket = BucketAt(fraction);
        var start = bucket == 0 ? TimeSpan.Zero : LatencySketch.EndOf(bucket - 1);
        var inside = (fraction * Timed) - (Timed - From(bucket));
        return start + ((LatencySketch.EndOf(bucket) - start) * Math.Clamp(inside / Latencies[bucket], 0, 1));
    }

    /// <summary>How many are in this bucket or behind it.</summary>
    internal long From(int bucket) => Latencies.Skip(bucket).Sum();
}
