using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Clients that take their time, or are there by half. The limits are Kestrel's, of the settings, made short; its clock ticks once a second.</summary>
public sealed class SlowClientTests : IAsyncLifetime
{
    private const string Get = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n";
    private const string Post = "POST /a HTTP/1.1\r\nHost: api.example.com\r\n";

    private static readonly (string Key, string Value)[] Limits =
    [
        ("Kestrel:Limits:RequestHeadersTimeout", "00:00:01"),
        ("Kestrel:Limits:KeepAliveTimeout", "00:00:01"),
        ("Kestrel:Limits:MinRequestBodyDataRate:BytesPerSecond", "240"),
        ("Kestrel:Limits:MinRequestBodyDataRate:GracePeriod", "00:00:01.5"),
        ("Kestrel:Limits:MinResponseDataRate:BytesPerSecond", "1e9"), // at 240, what its buffers hold has minutes
        ("Kestrel:Limits:MinResponseDataRate:GracePeriod", "00:00:01.5"),
    ];

    private readonly RecordingApp _app = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <param name="sent">At once.</param>
    /// <param name="drip">Then one of these every 50 ms, for ever.</param>
    [Theory]
    [InlineData("silence from the start", "", "", null)]
    [InlineData("silence in the request line", "GET /a", "", 408)]
    [InlineData("silence in the head", Get, "", 408)]
    [InlineData("a head that drips", Get + "X-A: ", "a", 408)]
    [InlineData("fields that drip", Get, "X-A: b\r\n", 408)]
    [InlineData("silence before the body", Post + "Content-Length: 10000\r\n\r\n", "", 408)]
    [InlineData("silence in the body", Post + "Content-Length: 10000\r\n\r\nhello", "", 408)]
    [InlineData("a body that drips", Post + "Content-Length: 10000\r\n\r\nhello", "a", 408)]
    [InlineData("chunks that drip", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "1\r\na\r\n", 408)]
    [InlineData("silence in a chunk size", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1", "", 408)]
    public async Task It_is_not_waited_for(string how, string sent, string drip, int? status)
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(sent);

        var response = client.ReadResponseAsync();
        while (drip.Length > 0 && !response.IsCompleted)
        {
            await client.SendAsync(drip);
            await Task.WhenAny(response, Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Cancellation));
        }

        Assert.Equal(status, (await response)?.Status);
        Assert.Equal("", await client.ReadToEndAsync());
        await AssertOnlyBeginningsAsync(proxy, how);
    }

    [Fact]
    public async Task Silence_after_a_response_ends_the_connection()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Get + "\r\n");
        Assert.Equal(200, (await client.ReadResponseAsync())?.Status);

        Assert.Equal("", await client.ReadToEndAsync());
    }

    /// <summary>A peer that is still connected and reads nothing: a phone in a tunnel, or an attacker. Its request does not hold the app for ever.</summary>
    [Fact]
    public async Task A_response_that_nobody_reads_is_given_up()
    {
        await using var endless = await Backend.StartAsync(async context =>
        {
            var part = new byte[64 * 1024];
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(part, context.RequestAborted);
            }
        });
        await using var proxy = await DataPlane.StartAsync(endless.Address, "http://127.0.0.1:1", settings: Limits);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Get + "\r\n");

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 1, "the response has begun");
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the request is given up");
        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0, "the app's connection is closed");
    }

    /// <summary>Kestrel takes a client that closes its sending half for one that has left; so does nginx. It never takes half a request for a whole
    /// one.</summary>
    [Theory]
    [InlineData("in the request line", "GET /a")]
    [InlineData("in the head", Get)]
    [InlineData("before the body", Post + "Content-Length: 5\r\n\r\n")]
    [InlineData("in the body", Post + "Content-Length: 5\r\n\r\nhel")]
    [InlineData("in a chunk", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel")]
    [InlineData("before the last chunk", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    public async Task A_client_that_is_gone_by_half_is_gone(string where, string sent)
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync(sent);
        client.CloseSending();

        Assert.True(await client.ReadResponseAsync() is null or { Status: 400, Closes: true });
        await AssertOnlyBeginningsAsync(proxy, where);
    }

    [Theory]
    [InlineData("in the head", Get)]
    [InlineData("in the body", Post + "Content-Length: 5\r\n\r\nhel")]
    public async Task A_client_that_resets_is_gone(string where, string sent)
    {
        await using var proxy = await StartAsync();
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync(sent);
            client.ResetWhenClosed();
        }

        await Eventually.TrueAsync(() => proxy.PublicConnections.Open == 0, "the connection is over");
        await AssertOnlyBeginningsAsync(proxy, where);
    }

    private Task<DataPlane> StartAsync() => DataPlane.StartAsync(_app.Address, "http://127.0.0.1:1", settings: Limits);

    /// <summary>The app has heard no request from its beginning to its end, and the next client is served.</summary>
    private async Task AssertOnlyBeginningsAsync(DataPlane proxy, string how)
    {
        using var plain = await proxy.Client.PostAsync("/plain", null, Cancellation);
        Assert.Equal("POST /plain ", await plain.Content.ReadAsStringAsync(Cancellation));
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0 && _app.Open == 0, "the app has heard all there is to hear");
        Assert.Equal("POST /plain ", Assert.Single(_app.Take()).ToString());
        Assert.All(_app.TakeFaults(), fault => Assert.True(fault.StartsWith("broken off: POST /a", StringComparison.Ordinal), $"{how}: {fault}"));
    }
}
