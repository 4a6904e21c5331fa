using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

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
        await Eventually.TrueAsync(() => proxy.PublicConnections.Open == 1, "the connection is accepted");

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
        await arrived.Task.Within();

        var stopped = proxy.StopAsync();
        release.SetResult();

        using var response = await inFlight;
        Assert.Equal("done", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.True(response.Headers.ConnectionClose);
        await stopped;
    }

    /// <summary>A client that cannot send it again (a POST) would see its connection closed under it.</summary>
    [Fact]
    public async Task A_request_on_a_kept_alive_connection_during_the_stop_is_served_and_told_to_close()
    {
        await using var blue = await Backend.StartAsync(async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            context.Response.Headers["X-Got"] = await body.ReadToEndAsync();
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        });
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await using var stream = client.GetStream();
        Assert.DoesNotContain("Connection: close", await PostAsync("one"), StringComparison.Ordinal);

        var stopped = proxy.StopAsync();
        var last = await PostAsync("two");

        Assert.StartsWith("HTTP/1.1 204", last, StringComparison.Ordinal);
        Assert.Contains("X-Got: two", last, StringComparison.Ordinal);
        Assert.Contains("Connection: close", last, StringComparison.Ordinal);
        Assert.Equal(0, await stream.ReadAsync(new byte[1], Cancellation).Within());
        await stopped;

        async Task<string> PostAsync(string text)
        {
            await RawServer.WriteAsync(stream, $"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {text.Length}\r\n\r\n{text}", Cancellation);
            return await RawServer.ReadHeadAsync(stream, Cancellation);
        }
    }

    [Fact]
    public async Task A_silent_connection_does_not_keep_the_proxy()
    {
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await Eventually.TrueAsync(() => proxy.PublicConnections.Open == 1, "the connection is accepted");

        await proxy.StopAsync().WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);

        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1], Cancellation).Within());
    }

    /// <summary>On a slow network a handshake takes longer than the stop would wait for a silent connection.</summary>
    [Fact]
    public async Task A_handshake_under_way_is_finished_and_its_request_served()
    {
        var clock = new FakeTimeProvider();
        await using var site = await TlsSite.StartAsync(["shop.example.com"], clock);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == 1, "the connection is accepted");

        var stopped = site.Proxy.StopAsync();
        for (var i = 0; i < 4; i++)
        {
            await Eventually.TrueAsync(() => !IsListening(site.Port), "nobody is accepted any more");
            clock.Advance(TimeSpan.FromMilliseconds(500));
        }

        await using var stream = await TlsClient.HandshakeAsync(new NetworkStream(socket), "shop.example.com", site.Authority.Root);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == 0, "the handshake is over");
        await RawServer.WriteAsync(stream, "GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", Cancellation);
        Assert.StartsWith("HTTP/1.1 200 OK", await RawServer.ReadHeadAsync(stream, Cancellation), StringComparison.Ordinal);
        await stopped.WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
    }

    /// <summary>Somebody who never says a word is not waited for longer than that.</summary>
    [Fact]
    public async Task A_handshake_that_never_begins_does_not_keep_the_proxy()
    {
        var clock = new FakeTimeProvider();
        await using var site = await TlsSite.StartAsync(["shop.example.com"], clock);
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == 1, "the connection is accepted");

        var stopped = site.Proxy.StopAsync();
        var waited = TimeSpan.Zero;
        await Eventually.TrueAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(100));
                waited += TimeSpan.FromMilliseconds(100);
                return stopped.IsCompleted;
            },
            "it has ended");

        Assert.True(waited >= TimeSpan.FromSeconds(3), $"{waited}");
    }

    private static bool IsListening(int port) =>
        System.Net.NetworkInformation.IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port);

    /// <summary>A client that is cut learns nothing; this one may come again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_still_under_way_at_the_deadline_gets_503(bool appIsDown)
    {
        var arrived = new TaskCompletionSource();
        var never = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async _ =>
        {
            arrived.SetResult();
            await never.Task;
        });
        var clock = new FakeTimeProvider();
        await using var proxy = await DataPlane.StartAsync(appIsDown ? "http://127.0.0.1:1" : blue.Address, "http://127.0.0.1:1", clock);
        var inFlight = proxy.Client.GetAsync("/", Cancellation);
        await (appIsDown ? Eventually.TrueAsync(() => proxy.Gate.Held == 1, "the request is held") : arrived.Task.Within());

        var stopped = proxy.StopAsync();
        await Eventually.TrueAsync(() => proxy.Get<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested, "the stop has begun");
        clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(inFlight.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.2));

        using var response = await inFlight;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("the proxy is being restarted", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.OrdinalIgnoreCase);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.True(response.Headers.ConnectionClose);
        await stopped;
        never.SetResult();
    }
}
