namespace EdgeProxy.Common;

/// <summary>Durations of requests, for quantiles at the end of a run. Exact: keeps each of them. Not thread-safe.</summary>
internal sealed class LatencySample
{
    private readonly List<TimeSpan> _values = [];

    public int Count => _values.Count;

    public void Add(TimeSpan value) => _values.Add(value);

    /// <summary>The nearest-rank quantile; zero without any value.</summary>
    /// <param name="fraction">0 to 1; 0.5 is the median, 1 the longest.</param>
    public TimeSpan Quantile(double fraction)
    {
        if (_values.Count == 0)
        {
            return TimeSpan.Zero;
        }

        _values.Sort();
        return _values[Math.Clamp((int)Math.Ceiling(fraction * _values.Count) - 1, 0, _values.Count - 1)];
    }
}
