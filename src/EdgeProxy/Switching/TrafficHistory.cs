using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>What each slot has responded in the last hour, a sample every five seconds: people often look when it is over.</summary>
/// <remarks>The loop is the only writer; it belongs to the host and ends with it. At most 46 KB an app.</remarks>
internal sealed class TrafficHistory(SlotPair slots, TimeProvider time) : BackgroundService
{
    /// <summary>An hour of them.</summary>
    public const int Kept = 720;

    private readonly Lock _lock = new();
    private readonly Queue<TrafficSample> _samples = new(); // guarded by _lock
    private SlotFigures _blue = slots[SlotName.Blue].Figures;
    private SlotFigures _green = slots[SlotName.Green].Figures;

    /// <summary>How long a sample is.</summary>
    public static TimeSpan Every { get; } = TimeSpan.FromSeconds(5);

    /// <summary>The samples that ended after an instant, the oldest first.</summary>
    public IReadOnlyList<TrafficSample> After(DateTimeOffset instant)
    {
        lock (_lock)
        {
            return [.. _samples.Where(sample => sample.At > instant)];
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Take();
        }
    }

    /// <summary>Ends a sample now. The oldest one is forgotten.</summary>
    internal void Take()
    {
        var now = time.GetUtcNow();
        var (blue, green) = (slots[SlotName.Blue].Figures, slots[SlotName.Green].Figures);
        var sample = new TrafficSample(
            now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond)), SlotSample.Of(blue - _blue), SlotSample.Of(green - _green)); // whole ms, as JSON has it
        (_blue, _green) = (blue, green);
        lock (_lock)
        {
            _samples.Enqueue(sample);
            if (_samples.Count > Kept)
            {
                _samples.Dequeue();
            }
        }
    }
}

/// <summary>What both slots have responded within one sample.</summary>
/// <param name="At">Its end.</param>
/// <param name="Blue">Of the one slot.</param>
/// <param name="Green">Of the other.</param>
internal readonly record struct TrafficSample(DateTimeOffset At, SlotSample Blue, SlotSample Green)
{
    public SlotSample this[SlotName slot] => slot == SlotName.Blue ? Blue : Green;
}

/// <summary>What a slot has responded within one sample.</summary>
/// <param name="Requests">Ended requests.</param>
/// <param name="Errors">Those that ended with a 5xx.</param>
/// <param name="Median">Half of the ordinary requests had their response begun by then; zero where there was none.</param>
/// <param name="P99">99 of a hundred had.</param>
internal readonly record struct SlotSample(int Requests, int Errors, TimeSpan Median, TimeSpan P99)
{
    public static SlotSample Of(SlotFigures figures) =>
        new((int)figures.Requests, (int)figures.Errors, figures.Quantile(0.5), figures.Quantile(0.99));
}
