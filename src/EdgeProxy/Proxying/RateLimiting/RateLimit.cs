using System.Threading.RateLimiting;
using EdgeProxy.Clients;

namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>One limit of the settings, with a bucket for each client that has come lately.</summary>
internal sealed class RateLimit
{
    /// <summary>For each limit: about 5 MB. A client that is forgotten for want of room begins with a full bucket, as every new one does.</summary>
    public const int MostClients = 16_384;

    private readonly PathPrefixes? _paths;
    private readonly RecentClients<TokenBucketRateLimiter> _buckets;
    private long _exceeded;

    /// <param name="options">Checked.</param>
    /// <param name="index">Its place in the list.</param>
    public RateLimit(RateLimitOptions options, int index)
    {
        Name = options.Name ?? index.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Mode = options.Mode;
        var requests = options.Requests!.Value;
        Said = $"{requests} requests in {options.Period.TotalSeconds:0.###} s";
        _paths = options.Paths is { Length: > 0 } paths ? new PathPrefixes(paths) : null;

        // One token at a time, so that it drips instead of coming in gushes. No timer: the bucket is filled up when it is asked.
        var bucket = new TokenBucketRateLimiterOptions
        {
            TokenLimit = options.Burst ?? requests,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = options.Period / requests,
            AutoReplenishment = false,
            QueueLimit = 0,
        };
        _buckets = new(MostClients, () => new TokenBucketRateLimiter(bucket));
    }

    public string Name { get; }

    public RateLimitMode Mode { get; }

    /// <summary>The limit in words, for the response.</summary>
    public string Said { get; }

    /// <summary>How many clients have a bucket.</summary>
    public int Clients => _buckets.Count;

    /// <summary>Requests beyond it, since the proxy started.</summary>
    public long Exceeded => Volatile.Read(ref _exceeded);

    /// <param name="path">See <see cref="RatedPath"/>.</param>
    /// <returns>Null: the request is within the limit, or none of its. Otherwise when the next one will be.</returns>
    public TimeSpan? FindExcess(ClientKey client, PathString path)
    {
        if (_paths?.Cover(path) == false)
        {
            return null;
        }

        var bucket = _buckets.Get(client);
        bucket.TryReplenish();
        using var lease = bucket.AttemptAcquire();
        if (lease.IsAcquired)
        {
            return null;
        }

        Interlocked.Increment(ref _exceeded);
        return lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(1);
    }
}
