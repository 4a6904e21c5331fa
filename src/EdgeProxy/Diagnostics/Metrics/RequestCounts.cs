using System.Diagnostics.Metrics;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>How many requests have ended, by slot, method and status code. Counted here and read when metrics are asked for: a tenth of what a
/// <see cref="Counter{T}"/> with three labels costs.</summary>
/// <remarks>Any thread counts, any thread reads: each number is one that was true during the reading.</remarks>
/// <param name="apps">All of them.</param>
internal sealed class RequestCounts(IReadOnlyList<AppIdentity> apps)
{
    private static readonly int _slotsOfApp = SlotNameExtensions.All.Count;

    private readonly long[]?[] _byStatus = new long[]?[PlacesOf(apps) * MetricTags.Methods]; // made when the first request of a kind ends
    private readonly long[] _bytes = new long[PlacesOf(apps)];

    /// <summary>Counts one.</summary>
    /// <param name="slot">Null: the app was not asked.</param>
    /// <param name="bytes">Of its response.</param>
    public void Add(Slot? slot, string method, int status, long bytes)
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
                    yield return new(
                        count,
                        AppAt(kind / MetricTags.Methods),
                        SlotAt(kind / MetricTags.Methods),
                        MetricTags.MethodAt(kind % MetricTags.Methods),
                        MetricTags.Code(status));
                }
            }
        }
    }

    public IEnumerable<Measurement<long>> Bytes()
    {
        for (var place = 0; place < _bytes.Length; place++)
        {
            yield return new(Interlocked.Read(ref _bytes[place]), AppAt(place), SlotAt(place));
        }
    }

    private static long[] Make(ref long[]? place)
    {
        var made = new long[MetricTags.Codes];
        return Interlocked.CompareExchange(ref place, made, null) ?? made;
    }

    /// <summary>The slots of all apps, and no slot.</summary>
    private static int PlacesOf(IReadOnlyList<AppIdentity> apps) => (apps.Count * _slotsOfApp) + 1;

    private int PlaceOf(Slot? slot) => slot?.Index ?? _bytes.Length - 1;

    private KeyValuePair<string, object?> AppAt(int place) => place == _bytes.Length - 1 ? MetricTags.NoApp : MetricTags.Of(apps[place / _slotsOfApp]);

    private KeyValuePair<string, object?> SlotAt(int place) => place == _bytes.Length - 1 ? MetricTags.NoSlot : MetricTags.Of((SlotName)(place % _slotsOfApp));
}
