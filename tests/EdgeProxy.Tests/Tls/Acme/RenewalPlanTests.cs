using EdgeProxy.Tls.Acme;
using FsCheck;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Tls.Acme;

public sealed class RenewalPlanTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(90, 0.0, 60.0)]
    [InlineData(90, 1.0, 55.5)]
    [InlineData(45, 0.5, 28.875)]
    [InlineData(6, 0.0, 4.0)]
    public void A_third_of_the_life_is_left_or_a_little_more(double days, double spread, double expected) =>
        Assert.Equal(Start.AddDays(expected), RenewalPlan.DueAt(Life(days, spread), window: null), TimeSpan.FromSeconds(1));

    [Theory]
    [InlineData(30, 32, 0.5, 31)]
    [InlineData(30, 32, 0.0, 30)]
    [InlineData(88, 90, 0.5, 85.5)] // later than the first emergency: a twentieth of 90 days is left
    [InlineData(-10, -9, 0.5, 1.8)] // at once, but not before the floor: a fiftieth of the life
    [InlineData(0.5, 0.6, 0.5, 1.8)]
    public void The_authority_may_say_otherwise_within_bounds(double from, double to, double spread, double expected) =>
        Assert.Equal(
            Start.AddDays(expected), RenewalPlan.DueAt(Life(90, spread), new RenewalWindow(Start.AddDays(from), Start.AddDays(to))), TimeSpan.FromSeconds(1));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(9, 256)]
    [InlineData(10, 360)]
    [InlineData(1_000_000, 360)]
    public void Retries_double_from_a_minute_to_six_hours_and_never_end(int failures, double minutes)
    {
        Assert.Equal(Start.AddMinutes(minutes), RenewalPlan.RetryAt(Start, failures, life: null, retryAfter: null, jitter: 0.5), TimeSpan.FromSeconds(1));
        Assert.Equal(Start.AddMinutes(minutes * 0.9), RenewalPlan.RetryAt(Start, failures, life: null, retryAfter: null, jitter: 0), TimeSpan.FromSeconds(1));
        Assert.Equal(Start.AddMinutes(minutes * 1.1), RenewalPlan.RetryAt(Start, failures, life: null, retryAfter: null, jitter: 1), TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(85.4, 85.5)] // a twentieth is left
    [InlineData(88.1, 88.2)] // a fiftieth is left
    [InlineData(89, 89.25)] // after it: the back-off
    public void An_emergency_does_not_wait_for_the_back_off(double at, double expected) =>
        Assert.Equal(Start.AddDays(expected), RenewalPlan.RetryAt(Start.AddDays(at), 20, Life(90, 0), retryAfter: null, jitter: 0.5), TimeSpan.FromSeconds(1));

    [Theory]
    [InlineData(60, 60)]
    [InlineData(1, 6)] // sooner than the back-off is no reason to hurry
    [InlineData(2400, 24)] // a hundred days: not even an authority stops us for more than a day
    public void The_authority_may_ask_to_be_left_alone(double hours, double expected) =>
        Assert.Equal(
            Start.AddHours(Math.Min(expected, 24)),
            RenewalPlan.RetryAt(Start, 20, life: null, TimeSpan.FromHours(hours), jitter: 0.5),
            TimeSpan.FromSeconds(1));

    [Fact]
    public void Retries_of_a_certificate_of_forty_seconds_are_fast_enough_for_it() =>
        Assert.Equal(
            Start.AddSeconds(2),
            RenewalPlan.RetryAt(Start, 5, new CertificateLife(Start, Start.AddSeconds(40), Start, 0), retryAfter: null, jitter: 0.5),
            TimeSpan.FromMilliseconds(10));

    /// <summary>Whatever the authority says: no loop of orders, and never an end without an attempt before it.</summary>
    [Property(MaxTest = 500)]
    public void No_window_makes_us_order_without_end_or_too_late(PositiveInt minutes, NormalFloat from, NormalFloat length, byte spread)
    {
        var life = new CertificateLife(Start, Start.AddMinutes(minutes.Get), Start, spread / 255.0);
        var begin = Start + (life.Length * Math.Clamp(from.Get, -1000, 1000));
        var window = new RenewalWindow(begin, begin + (life.Length * Math.Clamp(Math.Abs(length.Get), 0, 1000)));

        foreach (var due in (DateTimeOffset[])[RenewalPlan.DueAt(life, window), RenewalPlan.DueAt(life, null)])
        {
            Assert.InRange(due, Start + (life.Length / 50), life.LeftOver(20));
        }
    }

    /// <summary>A clock that was ahead when the certificate came must not keep us from renewing it.</summary>
    [Fact]
    public void The_floor_gives_way_where_the_clock_was_wrong()
    {
        var life = new CertificateLife(Start, Start.AddDays(90), ObtainedAt: Start.AddYears(10), Spread: 0);

        Assert.Equal(life.LeftOver(20), RenewalPlan.DueAt(life, window: null));
    }

    private static CertificateLife Life(double days, double spread) => new(Start, Start.AddDays(days), Start, spread);
}
