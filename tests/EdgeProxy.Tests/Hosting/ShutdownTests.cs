using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Hosting;

public sealed class ShutdownTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_connection_that_was_accepted_is_served_before_the_proxy_ends()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await Eventually.TrueAsync(() => proxy.FirstRequests.Awaited == 1, "the connection is accepted");

        var stopped = proxy.StopAsync();
        await using var stream = client.GetStream();
        await RawServer.WriteAsync(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Cancellation);

        Assert.StartsWith("HTTP/1.1 200 OK", await RawServer.ReadHeadAsync(stream, Cancellation), StringComparison.Ordinal);
        await stopped;
    }

    [Fact]
    public async Task A_request_in_flight_finishes_and_its_connection_is_closed_after_it()
    {
        var arrived = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await release.Task;
            await context.Response.WriteAsync("done");
        });
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        var inFlight = proxy.Client.GetAsync("/", Cancellation);
        await arrived.Task.WaitAsync(Cancellation);

        var stopped = proxy.StopAsync();
        release.SetResult();

        using var response = await inFlight;
        Assert.Equal("done", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.True(response.Headers.ConnectionClose);
        await stopped;
    }

    [Fact]
    public async Task A_silent_connection_does_not_keep_the_proxy()
    {
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await Eventually.TrueAsync(() => proxy.FirstRequests.Awaited == 1, "the connection is accepted");

        await proxy.StopAsync().WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);

        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1], Cancellation));
    }
}
