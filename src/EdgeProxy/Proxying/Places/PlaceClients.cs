using System.Collections.Concurrent;
using EdgeProxy.Clients;

namespace EdgeProxy.Proxying.Places;

/// <summary>The clients that have requests with the app or in the queue, and some that had.</summary>
/// <remarks>A known client is found without a lock. A client without a request here is forgotten once there are twice as many as at the last look, so that the
/// memory is bounded by what is under way.</remarks>
/// <param name="create">Makes one.</param>
internal sealed class PlaceClients(Func<ClientKey, PlaceClient> create)
{
    /// <summary>So many are never looked through.</summary>
    public const int Few = 1024;

    private readonly ConcurrentDictionary<ClientKey, PlaceClient> _all = new();
    private int _count;
    private int _enough = Few;

    /// <summary>How many are known.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>There are so many that <see cref="ForgetIdle"/> is due.</summary>
    public bool IsFull => Count >= Volatile.Read(ref _enough);

    /// <returns>One that was not retired when it was looked for; under the queue's lock, one that is not.</returns>
    public PlaceClient Get(ClientKey key)
    {
        while (true)
        {
            if (_all.TryGetValue(key, out var known) && !known.IsRetired)
            {
                return known;
            }

            var added = create(key);
            if (known is null ? _all.TryAdd(key, added) : _all.TryUpdate(key, added, known))
            {
                Interlocked.Increment(ref _count); // the one in its place is taken off by the thread that retires it
                return added;
            }
        }
    }

    /// <summary>Under the queue's lock: nobody retires beside it.</summary>
    public void ForgetIdle()
    {
        foreach (var (key, client) in _all)
        {
            if (client.TryRetire())
            {
                _all.TryRemove(KeyValuePair.Create(key, client)); // not the one that may be in its place already
                Interlocked.Decrement(ref _count);
            }
        }

        Volatile.Write(ref _enough, Math.Max(Few, 2 * Count));
    }
}
