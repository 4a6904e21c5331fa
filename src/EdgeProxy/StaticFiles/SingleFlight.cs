using System.Collections.Concurrent;

namespace EdgeProxy.StaticFiles;

/// <summary>Work that several requests want at once is done once; all get its result, or its exception. Nothing is kept when it has ended.</summary>
internal sealed class SingleFlight<TKey, TResult>
    where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, Lazy<Task<TResult>>> _running = new();

    /// <param name="key">What the work is about.</param>
    /// <param name="work">Runs to its end, also when callers leave; on the caller's thread up to its first wait.</param>
    public Task<TResult> RunAsync(TKey key, Func<Task<TResult>> work)
    {
        var mine = new Lazy<Task<TResult>>(work);
        var flight = _running.GetOrAdd(key, mine);
        return ReferenceEquals(flight, mine) ? LandAsync(key, mine) : flight.Value;
    }

    private async Task<TResult> LandAsync(TKey key, Lazy<Task<TResult>> flight)
    {
        try
        {
            return await flight.Value;
        }
        finally
        {
            _running.TryRemove(new(key, flight));
        }
    }
}
