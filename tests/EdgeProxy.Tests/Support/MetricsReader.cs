using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace EdgeProxy.Tests.Support;

/// <summary>Reads the instruments of one meter: the last value of each series, the sum of what a histogram or counter was told.</summary>
internal sealed class MetricsReader : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(string Instrument, string Tags), double> _values = new();

    public MetricsReader(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == meter)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>The sum of the series that have these tags.</summary>
    public double Read(string instrument, params (string Key, string Value)[] tags)
    {
        _listener.RecordObservableInstruments();
        var found = _values.Where(one => one.Key.Instrument == instrument
            && tags.All(tag => one.Key.Tags.Contains($";{tag.Key}={tag.Value};", StringComparison.Ordinal))).ToList();
        Assert.True(found.Count > 0, $"there is no {instrument} with {string.Join(", ", tags)}");
        return found.Sum(one => one.Value);
    }

    public void Dispose() => _listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = ";;";
        foreach (var tag in tags)
        {
            text += $"{tag.Key}={tag.Value};;";
        }

        _values.AddOrUpdate((instrument.Name, text), value, (_, before) => instrument.IsObservable ? value : before + value);
    }
}
