using EdgeProxy.Slots;

namespace EdgeProxy.Tests.Slots;

public sealed class PendingRequestsTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(1000.13)] // the ring has come round
    public void What_waits_is_counted_with_no_more_than_it_has_waited(double start)
    {
        var pending = new PendingRequests();
        for (var wait = 0.01; wait < 240; wait *= 1.3)
        {
            var (began, now) = (TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(start + wait));
            pending.Enter(began);

            var read = pending.Read(now);
            Assert.Equal((0, 1, 1, 1), (read.Requests, read.Waiting, read.Seen, read.Timed));
            Assert.InRange(
                read.BucketAt(1), LatencySketch.BucketOf(TimeSpan.FromSeconds(Math.Max(0, wait - 0.25))), LatencySketch.BucketOf(TimeSpan.FromSeconds(wait)));
            Assert.Equal((1, 0), (pending.Count(now, TimeSpan.FromSeconds(wait - 0.26)), pending.Count(now, TimeSpan.FromSeconds(wait + 0.01))));

            Assert.Equal((1, 0), (pending.Read(now, TimeSpan.FromSeconds(wait)).Timed, pending.Read(now, TimeSpan.FromSeconds(wait - 0.26)).Timed));

            pending.Leave(began);
            Assert.Equal(0, pending.Read(now).Waiting);
        }
    }

    [Fact]
    public void A_response_that_is_counted_before_its_request_is_none()
    {
        var pending = new PendingRequests();
        pending.Leave(TimeSpan.FromSeconds(1));
        Assert.Equal((0, 0), (pending.Count(TimeSpan.FromSeconds(9)), pending.Read(TimeSpan.FromSeconds(9)).Timed));
    }
}
