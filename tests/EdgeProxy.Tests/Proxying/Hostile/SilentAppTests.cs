using System.Net.Sockets;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Apps that go on without getting anywhere, or stop in the middle: <c>Upstream:ActivityTimeout</c> ends it, and the app's connection with
/// it.</summary>
public sealed class SilentAppTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="first">Sent once.</param>
    /// <param name="then">Sent again and again.</param>
    [Theory]
    [InlineData("says nothing", "", "", 504)]
    [InlineData("stops in the status line", "HTTP/1.1 20", "", 504)]
    [InlineData("stops in the head", Ok + "X-A: b\r\n", "", 504)]
    [InlineData("never comes to the end of a value", Ok + "X-A: ", "a", 504)]
    [InlineData("sends 100 for ever", "", "HTTP/1.1 100 Continue\r\n\r\n", 504)]
    [InlineData("sends 103 for ever", "", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", 504)]
    [InlineData("stops in the body", Ok + "Content-Length: 10\r\n\r\nhello", "", 200)]
    [InlineData("stops in a chunk", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "", 200)]
    [InlineData("stops before the last chunk", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "", 200)]
    public async Task It_is_given_up(string how, string first, string then, int status)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            if ((await RawServer.ReadHeadAsync(stream, cancellation)).Contains("/plain", StringComparison.Ordinal))
            {
                await RawServer.WriteAsync(stream, Ok + "Content-Length: 5\r\n\r\nplain", cancellation);
                return;
            }

            await RawServer.WriteAsync(stream, first, cancellation);
            await WriteUntilClosedAsync(stream, then, cancellation);
            closed.TrySetResult();
        });
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", options => options.Upstream.ActivityTimeout = TimeSpan.FromMilliseconds(500));
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        var response = await client.ReadResponseAsync();

        Assert.NotNull(response);
        Assert.Equal((status, status != 200), (response.Status, response.IsWhole)); // what has begun is cut
        if (status == 504)
        {
            Assert.Contains("(Upstream:ActivityTimeout)", response.Body, StringComparison.Ordinal);
        }

        await closed.Task.WaitAsync(Eventually.Patience, Cancellation);
        Assert.Equal("plain", await proxy.Client.GetStringAsync("/plain", Cancellation));
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, how); // the client may have its response before the lease is back
    }

    /// <summary>Reading tells of the other side's close; the proxy has nothing more to say on this connection.</summary>
    private static async Task WriteUntilClosedAsync(NetworkStream stream, string then, CancellationToken cancellation)
    {
        var end = stream.ReadAsync(new byte[1], cancellation).AsTask();
        try
        {
            while (then.Length > 0 && !end.IsCompleted)
            {
                await RawServer.WriteAsync(stream, then, cancellation);
                await Task.WhenAny(end, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellation));
            }

            await end;
        }
        catch (IOException)
        {
            // It was reset: closed as well.
        }
    }
}
