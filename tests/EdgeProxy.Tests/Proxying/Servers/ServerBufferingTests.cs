using System.Net.Sockets;
using EdgeProxy.Proxying.Servers;
using EdgeProxy.Tests.Sites;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying.Servers;

/// <summary>Slow clients of servers that a site's route names, and what such clients may not do to a server.</summary>
public sealed class ServerBufferingTests
{
    private const int Length = 40_000_000; // more than the sockets between server and client hold

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_is_asked_when_the_body_is_complete_and_gets_its_length(bool isChunked)
    {
        var asked = 0;
        await using var server = await Backend.StartAsync(async context =>
        {
            Interlocked.Increment(ref asked);
            using var body = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync($"{context.Request.ContentLength} {await body.ReadToEndAsync()}");
        });
        await using var proxy = await StartAsync(server.Address);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(
            "POST / HTTP/1.1\r\nHost: a\r\n" + (isChunked ? "Transfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n" : "Content-Length: 8\r\n\r\nslow"));
        await Eventually.TrueAsync(() => proxy.Get<ServerOptions>().Spool.Memory.Used >= 4, "a half has come");
        Assert.Equal(0, Volatile.Read(ref asked));

        await client.SendAsync(isChunked ? "4\r\nbody\r\n0\r\n\r\n" : "body");

        Assert.Equal("8 slowbody", (await client.ReadResponseAsync())?.Body);
        Assert.Equal(0, proxy.Get<ServerOptions>().Spool.Memory.Used);
    }

    [Fact]
    public async Task A_server_is_done_before_a_client_that_reads_slowly()
    {
        var done = new TaskCompletionSource();
        await using var server = await Backend.StartAsync(async context =>
        {
            context.Response.ContentLength = Length;
            await context.Response.Body.WriteAsync(new byte[Length], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            done.SetResult();
        });
        await using var proxy = await StartAsync(server.Address);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await socket.ConnectAsync("127.0.0.1", proxy.Address.Port, Cancellation);
        await using var client = new NetworkStream(socket);
        await RawServer.WriteAsync(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Cancellation);

        await done.Task.Within();
        await RawServer.ReadHeadAsync(client, Cancellation);
        using var body = new MemoryStream();
        await client.CopyToAsync(body, Cancellation).Within();

        Assert.Equal(Length, body.Length);
        var spool = proxy.Get<ServerOptions>().Spool;
        await Eventually.TrueAsync(() => spool.Memory.Used + spool.DiskSpace.Used == 0, "the room is free again");
    }

    /// <summary>It is left out when most requests fail to reach it, but not for what its clients do.</summary>
    [Fact]
    public async Task Clients_that_leave_and_refused_uploads_make_no_server_fail()
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            var head = await RawServer.ReadHeadAsync(stream, cancellation);
            if (head.Contains("/silent", StringComparison.Ordinal))
            {
                await stream.CopyToAsync(Stream.Null, cancellation);
            }

            await RawServer.WriteAsync(stream, "HTTP/1.1 413 Refused\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", cancellation);
        });
        await using var proxy = await StartAsync(server.Address, """, "UpstreamHealth": { "FailDuration": "00:10:00" }""");
        for (var i = 0; i < 20; i++)
        {
            using (var client = await RawClient.ConnectAsync(proxy))
            {
                await client.SendAsync("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
                await Eventually.TrueAsync(() => server.Open > 0, "the server has it");
                client.ResetWhenClosed();
            }

            await Eventually.TrueAsync(() => server.Open == 0, "it has ended");
            using var upload = await RawClient.ConnectAsync(proxy);
            await upload.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n{new string('x', 3_000_000)}", isWhole: true);
            Assert.Equal(413, (await upload.ReadResponseAsync())?.Status);
        }

        using var response = await proxy.Client.GetAsync("/", Cancellation);
        Assert.Equal(413, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_server_that_most_requests_fail_to_reach_is_left_out()
    {
        await using var server = new RawServer((stream, _, cancellation) => RawServer.ReadHeadAsync(stream, cancellation));
        await using var proxy = await StartAsync(server.Address, """, "UpstreamHealth": { "FailDuration": "00:10:00" }""");

        await Eventually.TrueAsync(async () => (int)(await proxy.Client.GetAsync("/", Cancellation)).StatusCode == 503, "none is well");
    }

    private static Task<DataPlane> StartAsync(string address, string more = "") =>
        SiteProxy.WithRoutesAsync($$"""{ "Upstreams": "{{address}}"{{more}} }""");
}
