using System.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>How many requests have ended, by slot, method and status code. Counted here and read when metrics are asked for: a tenth of what a <see cref="Counter{T}"/> with three labels costs.</summary>
/// <remarks>Any thread counts, any thread reads: each number is one that was true during the reading.</remarks>
internal sealed class RequestCounts
{
    /// <summary>Blue, green, and no slot.</summary>
    private const int Slots = 3;

    private readonly long[]?[] _byStatus = new long[]?[Slots * MetricTags.Methods]; // made when the first request of a kind ends
    private readonly long[] _bytes = new long[Slots];

    /// <summary>Counts one.</summary>
    /// <param name="slot">Null: the app was not asked.</param>
    /// <param name="bytes">Of its answer.</param>
    public void Add(SlotName? slot, string method, int status, long bytes)
    {
        var place = PlaceOf(slot);
        Interlocked.Add(ref _bytes[place], bytes);
        ref var byStatus = ref _byStatus[(place * MetricTags.Methods) + MetricTags.IndexOfMethod(method)];
        var counts = Volatile.Read(ref byStatus) ?? Make(ref byStatus);
        Interlocked.Increment(ref counts[status >= 0 && status < counts.Length ? status : 0]);
    }

    /// <summary>What is not 0.</summary>
    public IEnumerable<Measurement<long>> Requests()
    {
        for (var kind = 0; kind < _byStatus.Length; kind++)
        {
            var counts = Volatile.Read(ref _byStatus[kind]) ?? [];
            for (var status = 0; status < counts.Length; status++)
            {
                if (Interlocked.Read(ref counts[status]) is > 0 and var count)
                {
                    yield return new(count, SlotAt(kind / MetricTags.Methods), MetricTags.MethodAt(kind % MetricTags.Methods), MetricTags.Code(status));
                }
            }
        }
    }

    public IEnumerable<Measurement<long>> Bytes()
    {
        for (var place = 0; place < Slots; place++)
        {
            yield return new(Interlocked.Read(ref _bytes[place]), SlotAt(place));
        }
    }

    private static long[] Make(ref long[]? place)
    {
        var made = new long[MetricTags.Codes];
        return Interlocked.CompareExchange(ref place, made, null) ?? made;
    }

    private static int PlaceOf(SlotName? slot) => slot is { } name ? (int)name : Slots - 1;

    private static KeyValuePair<string, object?> SlotAt(int place) => place == Slots - 1 ? MetricTags.NoSlot : MetricTags.Of((SlotName)place);
}
