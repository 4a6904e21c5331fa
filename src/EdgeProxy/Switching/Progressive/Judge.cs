using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Progressive;

/// <summary>
/// Compares the candidate with the slot that it is to replace, again and again while requests come. One for each step, and for <c>Observe</c>.
/// </summary>
/// <remarks>
/// It knows no clock. It looks when the candidate has 15 % more requests than at the look before, and where requests wait for its responses, when the step is
/// half as long again (a version that hangs may get no more of them), so that the number of looks, and with it the chance of a false alarm, grows by the
/// logarithm of the requests and of the time only. A figure is bad when it is worse by more than the settings allow, chance explains that in less
/// than one of 10,000 looks, and the look after it says the same.
/// </remarks>
/// <param name="options">What is allowed.</param>
/// <param name="firstWait">When in a step it looks for the first time at what waits.</param>
internal sealed class Judge(SwitchOptions options, TimeSpan firstWait = default)
{
    /// <summary>A step looks some 30 times in a thousand requests, at three figures: all of them together are wrong in less than 1 % of steps.</summary>
    internal const double Chance = 1 / 10_000d;

    /// <summary>How many more requests the next look needs.</summary>
    private const double Growth = 1.15;

    private const double Bulk = 0.75;

    /// <summary>Nobody minds less, whatever the ratio is.</summary>
    private static readonly TimeSpan LeastDelay = TimeSpan.FromMilliseconds(10);

    /// <summary>The same against the past: just after a switch the machine is busier than it was.</summary>
    private static readonly TimeSpan LeastDelayToPast = TimeSpan.FromMilliseconds(100);

    /// <summary>So unlikely has what still waits at the end of a step to be, where there were too few requests for anything else to be said.</summary>
    private const double LastChance = 1 / 100d;

    /// <summary>How much longer what waits must have waited for the next look, as a factor of the time of the step.</summary>
    private const double Patience = 1.5;

    private long _next = options.MinObservedRequests;
    private TimeSpan _nextWait = firstWait;
    private JudgedFigure? _suspect;

    /// <summary>Whether a look can tell more than the one before.</summary>
    /// <param name="requests">Of the candidate in this step, those that wait included.</param>
    public bool IsDue(long requests) => requests >= _next;

    /// <param name="elapsed">Of the step.</param>
    /// <param name="waiting">How many requests wait for a response of the candidate.</param>
    public bool IsDue(TimeSpan elapsed, long waiting) => waiting > 0 && elapsed >= _nextWait;

    /// <param name="candidate">What it has responded in this step.</param>
    /// <param name="reference">What the other slot has responded, at the same time or before.</param>
    /// <param name="isSameTime">The reference is of the same time.</param>
    /// <param name="elapsed">Of the step.</param>
    /// <returns>The figure that is worse; null: none is, or it is too early to tell.</returns>
    public Finding? Look(SlotFigures candidate, SlotFigures reference, bool isSameTime, TimeSpan elapsed = default)
    {
        var isLong = IsDue(elapsed, candidate.Waiting);
        if ((!IsDue(candidate.Seen) && !isLong) || reference.Seen < options.MinObservedRequests)
        {
            return null;
        }

        _next = Math.Max(_next, (long)Math.Ceiling(candidate.Seen * Growth));
        _nextWait = isLong ? elapsed * Patience : _nextWait;
        var worse = WorseErrors(candidate, reference)
            ?? WorseLatency(JudgedFigure.P95, 0.95, candidate, reference, isSameTime)
            ?? WorseLatency(JudgedFigure.P99, 0.99, candidate, reference, isSameTime);
        var isSure = worse is not null && worse.Figure == _suspect;
        _suspect = worse?.Figure;
        return isSure ? worse : null;
    }

    /// <summary>
    /// The last look of a step, where requests wait for a response of the candidate or were given up: however few there were, they are not called good if they
    /// have waited for longer than those of the reference do.
    /// </summary>
    /// <param name="candidate">As in <see cref="Look"/>, with what waits.</param>
    /// <param name="waiting">Of these, what waits.</param>
    /// <param name="reference">As in <see cref="Look"/>.</param>
    /// <param name="meanwhile">Of the other slot in this step, however little: what it is as slow with is not the candidate's fault.</param>
    /// <param name="isSameTime">The reference is of the same time.</param>
    public Finding? Last(SlotFigures candidate, SlotFigures waiting, SlotFigures reference, SlotFigures meanwhile, bool isSameTime)
    {
        if (options.MaxLatencyFactor == 0 || reference.Timed == 0)
        {
            return null;
        }

        var bound = LatencySketch.BucketOf(Allowed(reference.Quantile(0.99), isSameTime));
        var (slow, otherSlow) = (candidate.From(bound), meanwhile.From(bound));
        if ((waiting.From(bound) == 0 && candidate.GivenUp == 0) || (otherSlow > 0 && otherSlow * candidate.Timed >= slow * meanwhile.Timed))
        {
            return null;
        }

        var chance = Significance.OfMore(slow, candidate.Timed, reference.From(bound), reference.Timed);
        return chance < (candidate.Seen < options.MinObservedRequests ? LastChance : Chance)
            ? new(JudgedFigure.P99, candidate.Quantile(0.99).TotalSeconds, reference.Quantile(0.99).TotalSeconds, candidate.Timed, reference.Timed, chance)
            : null;
    }

    private Finding? WorseErrors(SlotFigures candidate, SlotFigures reference)
    {
        if (candidate.ErrorRatio <= reference.ErrorRatio + options.MaxErrorIncrease)
        {
            return null;
        }

        var chance = Significance.OfMore(candidate.Errors, candidate.Requests, reference.Errors, reference.Requests);
        return chance < Chance
            ? new(JudgedFigure.Errors, candidate.ErrorRatio, reference.ErrorRatio, candidate.Requests, reference.Requests, chance)
            : null;
    }

    /// <summary>
    /// Counts those of both that are slower than the settings allow, beside the reference's quantile; and beside that of <see cref="Bulk"/>, too, as a version
    /// that is slower everywhere shows there with fewer requests. If both are alike, each request is as likely to be among them, so that the count follows the
    /// distribution that the test assumes. Requests that are slower by less than anybody minds are no evidence for a quantile that a few of them have moved.
    /// </summary>
    private Finding? WorseLatency(JudgedFigure figure, double fraction, SlotFigures candidate, SlotFigures reference, bool isSameTime)
    {
        var (now, before) = (candidate.Quantile(fraction), reference.Quantile(fraction));
        if (options.MaxLatencyFactor == 0
            || candidate.Timed < options.MinObservedRequests
            || reference.Timed < options.MinObservedRequests
            || now <= Allowed(before, isSameTime))
        {
            return null;
        }

        var chance = Math.Min(ChanceAt(fraction), ChanceAt(Bulk));
        return chance < Chance ? new(figure, now.TotalSeconds, before.TotalSeconds, candidate.Timed, reference.Timed, chance) : null;

        double ChanceAt(double quantile)
        {
            var bound = LatencySketch.BucketOf(Allowed(reference.Quantile(quantile), isSameTime));
            return Significance.OfMore(candidate.From(bound), candidate.Timed, reference.From(bound), reference.Timed);
        }
    }

    private TimeSpan Allowed(TimeSpan usual, bool isSameTime)
    {
        var least = isSameTime ? LeastDelay : LeastDelayToPast;
        return TimeSpan.FromTicks(Math.Max((usual * options.MaxLatencyFactor).Ticks, (usual + least).Ticks));
    }
}
