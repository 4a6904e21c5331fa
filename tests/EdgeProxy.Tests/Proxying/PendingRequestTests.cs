using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying;

/// <summary>A request that the app has had whole and does not respond to counts with the time that it has taken so far.</summary>
public sealed class PendingRequestTests
{
    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")]
    [InlineData("POST /spooled HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")]
    public async Task A_request_that_its_client_gives_up_was_at_least_so_slow(string request)
    {
        await using var app = await HangingAsync();
        await using var proxy = await StartAsync(app);
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync(request);
            await Eventually.TrueAsync(() => Waiting(proxy).Timed == 1, "the app has it");
            _clock.Advance(TimeSpan.FromSeconds(5));
            Assert.InRange(Waiting(proxy).Quantile(1), TimeSpan.FromSeconds(4.4), TimeSpan.FromSeconds(5.7));
            Assert.Equal(0, proxy.Slots.Active.Requests);
            client.ResetWhenClosed();
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.Requests == 1, "it counts");
        var figures = proxy.Slots.Active.Figures;
        Assert.Equal((0, 1, 1, 0), (figures.Errors, figures.Timed, figures.GivenUp, Waiting(proxy).Waiting));
        Assert.InRange(figures.Quantile(1), TimeSpan.FromSeconds(4.9), TimeSpan.FromSeconds(5.7));
    }

    /// <summary>The app has it in part only, may be silent for as long as it likes, or is asked for something that goes on.</summary>
    [Theory]
    [InlineData("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")]
    [InlineData("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")]
    [InlineData("GET /streams/1 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")]
    [InlineData(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")]
    public async Task What_is_the_clients_or_may_take_long_does_not_count(string request)
    {
        await using var app = await HangingAsync();
        await using var proxy = await StartAsync(app);
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync(request);
            await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 1, "it is with the app");
            _clock.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal(0, Waiting(proxy).Waiting);
            client.ResetWhenClosed();
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal((0, 0, 0), (proxy.Slots.Active.Requests, proxy.Slots.Active.Figures.Timed, Waiting(proxy).Waiting));
    }

    private static Task<Backend> HangingAsync() => Backend.StartAsync(async context =>
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
    });

    private Task<DataPlane> StartAsync(Backend app) => DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", _clock, options =>
    {
        options.Upstream.Buffering.ExcludePaths = ["/up"];
        options.Switch.StreamPaths = ["/streams"];
    });

    private SlotFigures Waiting(DataPlane proxy) => proxy.Slots.Active.Pending.Read(_clock.GetElapsedTime(0, _clock.GetTimestamp()));
}
