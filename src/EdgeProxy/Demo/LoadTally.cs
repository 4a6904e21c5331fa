using EdgeProxy.Common;

namespace EdgeProxy.Demo;

/// <summary>What a load saw in a span of time.</summary>
/// <param name="Requests">That have ended in it.</param>
/// <param name="Failures">Those of them that got no response, no 2xx or a wrong one.</param>
/// <param name="P99">Of the quick ones: those that ask for a second's work are left out.</param>
internal sealed record LoadResult(int Requests, int Failures, TimeSpan P99);

/// <summary>Counts the requests of a load. Thread-safe.</summary>
/// <param name="onFailure">Told of each failure.</param>
internal sealed class LoadTally(Action<string> onFailure)
{
    private readonly Lock _gate = new();
    private LatencySample _quick = new();
    private int _requests;
    private int _failures;

    /// <summary>Every request since the start, and the failures among them.</summary>
    public (int Requests, int Failures) Total { get; private set; }

    /// <param name="failure">Null: all is well.</param>
    /// <param name="latency">Null: the request was slow on purpose.</param>
    public void Add(string? failure, TimeSpan? latency)
    {
        lock (_gate)
        {
            _requests++;
            _failures += failure is null ? 0 : 1;
            Total = (Total.Requests + 1, Total.Failures + (failure is null ? 0 : 1));
            if (latency is { } quick)
            {
                _quick.Add(quick);
            }
        }

        if (failure is not null)
        {
            onFailure(failure);
        }
    }

    /// <summary>What was counted since the last call.</summary>
    public LoadResult Take()
    {
        lock (_gate)
        {
            var result = new LoadResult(_requests, _failures, _quick.Quantile(0.99));
            (_quick, _requests, _failures) = (new LatencySample(), 0, 0);
            return result;
        }
    }
}
