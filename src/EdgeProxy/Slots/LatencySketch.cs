using System.Numerics;

namespace EdgeProxy.Slots;

/// <summary>How long responses took, as counts in buckets whose width grows with the time: eight for each doubling, so that a bound is off by an eighth at
/// most.</summary>
/// <remarks>Of fixed size, and written by one atomic addition. From 0.125 ms to a quarter of an hour; what is longer counts as the longest.</remarks>
internal sealed class LatencySketch
{
    public const int Buckets = 176;

    private const int Fine = 3; // bits: eight buckets an octave
    private const long Unit = TimeSpan.TicksPerMillisecond / 8;

    private readonly long[] _counts = new long[Buckets];

    public void Add(TimeSpan latency) => Interlocked.Increment(ref _counts[BucketOf(latency)]);

    public long[] Read()
    {
        var counts = new long[Buckets];
        for (var i = 0; i < Buckets; i++)
        {
            counts[i] = Volatile.Read(ref _counts[i]);
        }

        return counts;
    }

    internal static int BucketOf(TimeSpan latency)
    {
        var units = Math.Max(0, latency.Ticks / Unit);
        if (units < 1 << Fine)
        {
            return (int)units;
        }

        var octave = BitOperations.Log2((ulong)units) - Fine;
        return Math.Min(Buckets - 1, ((octave + 1) << Fine) + (int)((units >> octave) & ((1 << Fine) - 1)));
    }

    /// <summary>What is in a bucket took less than this, and at least as long as <see cref="EndOf"/> the bucket before.</summary>
    internal static TimeSpan EndOf(int bucket)
    {
        var (octave, step) = ((bucket >> Fine) - 1, bucket & ((1 << Fine) - 1));
        return new(Unit * (octave < 0 ? bucket + 1 : (long)((1 << Fine) + step + 1) << octave));
    }
}
