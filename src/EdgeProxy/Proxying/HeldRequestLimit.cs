namespace EdgeProxy.Proxying;

/// <summary>The one bound over all requests of an app that wait: for a slot that refuses connections, for the end of a pause, for a place.</summary>
/// <param name="limit"><c>Upstream:MaxHeldRequests</c>.</param>
internal sealed class HeldRequestLimit(int limit)
{
    private int _count;

    public int Limit => limit;

    /// <summary>Requests that wait now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <returns>False: as many wait as may. Otherwise the caller leaves again.</returns>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _count) <= limit)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _count);
}
