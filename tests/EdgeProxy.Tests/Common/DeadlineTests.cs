using EdgeProxy.Common;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Common;

public sealed class DeadlineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void It_passes_when_its_time_has()
    {
        using var deadline = new Deadline(TimeSpan.FromSeconds(2), _time);

        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(deadline.Token.IsCancellationRequested);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.True(deadline.HasPassed);
    }

    [Fact]
    public void Another_token_ends_the_wait_and_the_deadline_has_not_passed()
    {
        using var client = new CancellationTokenSource();
        using var host = new CancellationTokenSource();
        using var deadline = new Deadline(TimeSpan.FromSeconds(2), _time, client.Token, host.Token);

        host.Cancel();

        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.False(deadline.HasPassed);
    }

    [Fact]
    public void No_time_at_all_has_passed_and_an_infinite_time_never_does()
    {
        using var none = new Deadline(TimeSpan.Zero, _time);
        using var infinite = new Deadline(Timeout.InfiniteTimeSpan, _time);

        _time.Advance(TimeSpan.FromDays(1000));

        Assert.True(none.HasPassed);
        Assert.False(infinite.HasPassed);
    }
}
