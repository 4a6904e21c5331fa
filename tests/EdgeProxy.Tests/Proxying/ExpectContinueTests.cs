using EdgeProxy.Proxying;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying;

/// <summary>A client that waits for 100 may send its body after a refusal, or not: nothing that it sends then is a request.</summary>
public sealed class ExpectContinueTests : IAsyncLifetime
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

    private readonly TemporaryDirectory _directory = new();
    private Backend _app = null!;
    private int _asked;

    public async ValueTask InitializeAsync() => _app = await Backend.StartAsync(async context =>
    {
        Interlocked.Increment(ref _asked);
        if (context.Request.Path == "/early")
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        await context.Request.Body.CopyToAsync(Stream.Null);
        await context.Response.WriteAsync("read");
    });

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    /// <param name="sendsBody">What comes then is the body; false: the next request.</param>
    [Theory]
    [InlineData(413, "/", 2000, "", false)]
    [InlineData(413, "/", 2000, "", true)]
    [InlineData(405, "/static/a", 80, "", false)]
    [InlineData(405, "/static/a", 80, "", true)]
    [InlineData(503, "/", 80, "", false)]
    [InlineData(503, "/", 80, "", true)]
    [InlineData(400, "/../a", 80, "", true)]
    [InlineData(431, "/", 80, "large", false)]
    public async Task A_refusal_before_the_body_ends_the_connection(int status, string path, int length, string header, bool sendsBody)
    {
        await using var proxy = await StartAsync(limit: 1000);
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, ""));
        }

        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(
            $"POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n"
            + (header.Length > 0 ? $"X-A: {new string('a', 9000)}\r\n\r\n" : "\r\n"));
        var response = await client.ReadResponseAsync();
        Assert.Equal((status, true), (response?.Status, response?.Closes));
        await client.SendAsync(sendsBody ? string.Concat(Enumerable.Repeat(Next, length))[..length] : Next);
        client.CloseSending();

        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, Volatile.Read(ref _asked));
    }

    [Fact]
    public async Task A_body_in_chunks_that_was_not_wanted_ends_the_connection()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST /static/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");

        Assert.Equal((405, true), await client.ReadResponseAsync() is { } response ? (response.Status, response.Closes) : default);
    }

    /// <summary>Also where the app refuses a body that is passed on as it comes.</summary>
    [Fact]
    public async Task An_early_refusal_of_the_app_ends_the_connection()
    {
        await using var proxy = await StartAsync(isBuffered: false);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST /early HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 80\r\n\r\n");

        Assert.Equal((403, true), await client.ReadResponseAsync() is { } response ? (response.Status, response.Closes) : default);
    }

    [Theory]
    [InlineData("Content-Length: 5", "hello", true)]
    [InlineData("Content-Length: 5", "hello", false)]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", true)]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", false)]
    [InlineData("Content-Length: 0", "", true)]
    public async Task A_body_that_was_read_leaves_the_connection_for_the_next_request(string framing, string body, bool isBuffered)
    {
        await using var proxy = await StartAsync(isBuffered: isBuffered);
        using var client = await RawClient.ConnectAsync(proxy);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n");
            await client.SendAsync(body);
            var response = await client.ReadResponseAsync();
            Assert.Equal((200, "read", false), (response?.Status, response?.Body, response?.Closes));
        }
    }

    private Task<DataPlane> StartAsync(long? limit = null, bool isBuffered = true) => DataPlane.StartAsync(
        _app.Address,
        "http://127.0.0.1:1",
        options =>
        {
            options.Upstream.MaxRequestBodySize = limit;
            options.Upstream.Buffering.Requests = isBuffered;
            options.StaticFiles = [new StaticFilesOptions { Path = "/static", Root = _directory.Path }];
        });
}
