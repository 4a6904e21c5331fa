using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Switching;

public sealed class TrafficHistoryTests : IDisposable
{
    private static readonly DateTimeOffset _start = new(2026, 1, 31, 23, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider _time = new(_start);
    private readonly SlotPair _slots =
        new(new() { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } }, SlotName.Blue);

    private readonly TrafficHistory _history;

    public TrafficHistoryTests() => _history = new TrafficHistory(_slots, _time);

    [Fact]
    public void A_sample_has_what_each_slot_has_served_within_it()
    {
        for (var i = 0; i < 100; i++)
        {
            _slots[SlotName.Blue].Record(isError: i < 3, TimeSpan.FromMilliseconds(i < 90 ? 4 : 80));
        }

        Next();
        _slots[SlotName.Green].Record(isError: false);
        Next();

        var samples = _history.After(DateTimeOffset.MinValue);
        Assert.Equal([_start + TrafficHistory.Every, _start + (2 * TrafficHistory.Every)], samples.Select(sample => sample.At));
        var blue = samples[0][SlotName.Blue];
        Assert.Equal((100, 3), (blue.Requests, blue.Errors));
        Assert.InRange(blue.Median.TotalMilliseconds, 3.5, 4.5);
        Assert.InRange(blue.P99.TotalMilliseconds, 70, 90);
        Assert.Equal(default, samples[0][SlotName.Green]);
        Assert.Equal((default, new SlotSample(1, 0, TimeSpan.Zero, TimeSpan.Zero)), (samples[1][SlotName.Blue], samples[1][SlotName.Green]));
    }

    [Fact]
    public void An_hour_is_kept()
    {
        for (var i = 0; i <= TrafficHistory.Kept; i++)
        {
            Next();
        }

        var samples = _history.After(DateTimeOffset.MinValue);
        Assert.Equal(TrafficHistory.Kept, samples.Count);
        Assert.Equal(TimeSpan.FromHours(1), samples[^1].At - samples[0].At + TrafficHistory.Every);
        Assert.Equal([samples[^1]], _history.After(samples[^2].At));
        Assert.Empty(_history.After(samples[^1].At));
    }

    /// <summary>JSON has whole milliseconds: a reader who asks for what came after the last sample must not get it again.</summary>
    [Fact]
    public void Its_times_are_whole_milliseconds()
    {
        _time.Advance(TimeSpan.FromTicks(12_345));
        Next();

        Assert.Equal(0, Assert.Single(_history.After(DateTimeOffset.MinValue)).At.Ticks % TimeSpan.TicksPerMillisecond);
    }

    [Fact]
    public async Task It_takes_samples_by_itself_until_it_is_stopped()
    {
        await _history.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TrafficHistory.Every);
                return _history.After(DateTimeOffset.MinValue).Count >= 2;
            },
            "samples are taken");
        await _history.StopAsync(TestContext.Current.CancellationToken);
        var count = _history.After(DateTimeOffset.MinValue).Count;

        _time.Advance(10 * TrafficHistory.Every);

        Assert.Equal(count, _history.After(DateTimeOffset.MinValue).Count);
    }

    public void Dispose() => _history.Dispose();

    private void Next()
    {
        _time.Advance(TrafficHistory.Every);
        _history.Take();
    }
}
