namespace EdgeProxy.Tls.Acme;

/// <summary>The dates of a certificate.</summary>
/// <param name="ObtainedAt">By our clock.</param>
/// <param name="Spread">0 to 1, different for each certificate and the same after a restart: lest all of a fleet renew at once.</param>
internal readonly record struct CertificateLife(DateTimeOffset NotBefore, DateTimeOffset NotAfter, DateTimeOffset ObtainedAt, double Spread)
{
    public TimeSpan Length => NotAfter - NotBefore;

    /// <summary>When so much of the life is left.</summary>
    /// <param name="divisor">3: a third.</param>
    public DateTimeOffset LeftOver(int divisor) => NotAfter - (Length / divisor);
}

/// <summary>When the authority suggests to renew (RFC 9773 section 4.2).</summary>
internal readonly record struct RenewalWindow(DateTimeOffset Start, DateTimeOffset End);

/// <summary>When to ask for a new certificate. All of it in parts of the lifetime: lifetimes of 90, 47 and 6 days exist today.</summary>
internal static class RenewalPlan
{
    /// <summary>When this part of the life is left, waiting is over: an attempt is made, whatever window or back-off says.</summary>
    private static readonly int[] _emergencies = [20, 50];

    private static readonly TimeSpan _firstRetry = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _slowestRetry = TimeSpan.FromHours(6);
    private static readonly TimeSpan _fastestRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _longestRetryAfter = TimeSpan.FromDays(1);

    /// <summary>
    /// When a third of the life is left, or up to a twentieth of it earlier; where the authority suggests a window, at a point in that, but not later
    /// than the first emergency.
    /// </summary>
    /// <remarks>
    /// Never before a fiftieth of the life is over: an authority that says "now" about every certificate, or a clock that is wrong, must not
    /// make us order without end. The floor gives way to the emergency, in case the clock was wrong when the certificate came.
    /// </remarks>
    public static DateTimeOffset DueAt(CertificateLife life, RenewalWindow? window)
    {
        var emergency = life.LeftOver(_emergencies[0]);
        var due = window is { } suggested
            ? Earlier(suggested.Start + ((suggested.End - suggested.Start) * life.Spread), emergency)
            : life.LeftOver(3) - (life.Length / 20 * life.Spread);
        var floor = Later(life.NotBefore, life.ObtainedAt) + (life.Length / 50);
        return Later(due, Earlier(floor, emergency));
    }

    /// <summary>
    /// After a failed attempt: a minute, doubled with each failure up to six hours, but at most a twentieth of the life; at an emergency that comes
    /// before that. Where the authority says how long to leave it alone, not before (at most a day).
    /// </summary>
    /// <param name="now">The end of the attempt.</param>
    /// <param name="failures">In a row, 1 or more.</param>
    /// <param name="life">Of the certificate that is in service; null: none.</param>
    /// <param name="retryAfter">What the authority says; null: nothing.</param>
    /// <param name="jitter">0 to 1: a tenth less to a tenth more.</param>
    public static DateTimeOffset RetryAt(DateTimeOffset now, int failures, CertificateLife? life, TimeSpan? retryAfter, double jitter)
    {
        var delay = Earlier(_firstRetry * Math.Pow(2, Math.Min(failures - 1, 20)), _slowestRetry);
        if (life is { } lived)
        {
            delay = Earlier(delay, Later(lived.Length / 20, _fastestRetry));
        }

        var at = now + (delay * (0.9 + (0.2 * jitter)));
        foreach (var divisor in _emergencies)
        {
            at = life?.LeftOver(divisor) is { } emergency && emergency > now ? Earlier(at, emergency) : at;
        }

        return retryAfter is { } wanted ? Later(at, now + Earlier(wanted, _longestRetryAfter)) : at;
    }

    /// <summary>So little is left that somebody should look.</summary>
    public static bool IsEmergency(CertificateLife life, DateTimeOffset now) => now >= life.LeftOver(_emergencies[0]);

    private static T Earlier<T>(T a, T b)
        where T : IComparable<T> => a.CompareTo(b) <= 0 ? a : b;

    private static T Later<T>(T a, T b)
        where T : IComparable<T> => a.CompareTo(b) >= 0 ? a : b;
}
