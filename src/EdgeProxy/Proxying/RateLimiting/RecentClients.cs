using System.Collections.Concurrent;
using EdgeProxy.Clients;

namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>Keeps something for each client that has come lately, for at most so many clients.</summary>
/// <remarks>
/// Two generations: a client that comes is in the young one. When that is full it becomes the old one, and what was there is forgotten: clients that have not
/// come for as long as it took that many others to come. A client that is known to the young one is found without a lock.
/// </remarks>
/// <param name="most">2 or more.</param>
/// <param name="create">For a client that is not known, or not any more.</param>
internal sealed class RecentClients<T>(int most, Func<T> create)
    where T : class
{
    private readonly Lock _lock = new();
    private ConcurrentDictionary<ClientKey, T> _young = new();
    private ConcurrentDictionary<ClientKey, T> _old = new(); // guarded by _lock
    private int _youngCount; // guarded by _lock
    private int _count;

    /// <summary>How many clients are known.</summary>
    public int Count => Volatile.Read(ref _count);

    public T Get(ClientKey client) => Volatile.Read(ref _young).TryGetValue(client, out var known) ? known : Add(client);

    private T Add(ClientKey client)
    {
        lock (_lock)
        {
            if (_young.TryGetValue(client, out var known))
            {
                return known;
            }

            if (_youngCount >= most / 2)
            {
                _old = _young;
                _youngCount = 0;
                Volatile.Write(ref _young, new());
            }

            var one = _old.TryRemove(client, out var older) ? older : create();
            _young[client] = one;
            _youngCount++;
            Volatile.Write(ref _count, _youngCount + _old.Count);
            return one;
        }
    }
}
