namespace EdgeProxy.Diagnostics;

/// <summary>A token bucket: so many at once, then so many a second. Any thread asks.</summary>
/// <remarks>The base class library's has a timer or a clock of its own.</remarks>
internal sealed class LogThrottle(int burst, double perSecond, TimeProvider time)
{
    /// <summary>Held for a few instructions; owned by this class alone.</summary>
    private readonly Lock _lock = new();
    private double _tokens = burst;
    private long _filled = time.GetTimestamp();

    /// <returns>False: there have been too many.</returns>
    public bool TryTake()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            _tokens = Math.Min(burst, _tokens + (time.GetElapsedTime(_filled, now).TotalSeconds * perSecond));
            _filled = now;
            if (_tokens < 1)
            {
                return false;
            }

            _tokens--;
            return true;
        }
    }
}
