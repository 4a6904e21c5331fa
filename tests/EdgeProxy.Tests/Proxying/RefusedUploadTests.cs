using System.Net;
using EdgeProxy.Proxying;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying;

/// <summary>Uploads that the proxy refuses. Most clients write the whole body before they read: they must find the response, no reset.</summary>
public sealed class RefusedUploadTests : IAsyncLifetime
{
    private const int Length = 5_000_000;

    private readonly TemporaryDirectory _directory = new();
    private Backend _app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _app = await Backend.StartAsync(async context =>
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        await context.Response.WriteAsync("the app");
    });

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("too large", 413, "/", "", false)]
    [InlineData("too large, in chunks", 413, "/", "", true)]
    [InlineData("to a static file", 405, "/static/a", "", false)]
    [InlineData("to a static file, in chunks", 405, "/static/a", "", true)]
    [InlineData("during maintenance", 503, "/", "", false)]
    [InlineData("during maintenance, in chunks", 503, "/", "", true)]
    [InlineData("with a path that is refused", 400, "/../a", "", false)]
    [InlineData("with a path that is refused, in chunks", 400, "/../a", "", true)]
    [InlineData("with a header that is refused", 431, "/", "large", false)]
    [InlineData("with a line that is refused", 414, "long", "", false)]
    public async Task A_client_that_writes_first_reads_the_response(string what, int status, string path, string header, bool isChunked)
    {
        await using var proxy = await StartAsync(status == StatusCodes.Status413PayloadTooLarge ? 1000 : null);
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, ""));
        }

        using var client = await RawClient.ConnectAsync(proxy);
        path = path == "long" ? "/" + new string('a', 5000) : path;
        var large = header.Length > 0 ? $"X-A: {new string('a', 9000)}\r\n" : "";
        var body = new string('b', Length);
        await client.SendAsync(
            $"POST {path} HTTP/1.1\r\nHost: api.example.com\r\n{large}"
            + (isChunked ? $"Transfer-Encoding: chunked\r\n\r\n{Length:x}\r\n{body}\r\n0\r\n\r\n" : $"Content-Length: {Length}\r\n\r\n{body}"),
            isWhole: true);
        var response = await client.ReadResponseAsync();

        Assert.True(response is { IsWhole: true } && response.Status == status, $"{what}: {response}");
    }

    [Theory]
    [InlineData("too large", 413, "/")]
    [InlineData("to a static file", 405, "/static/a")]
    [InlineData("with a header that is refused", 431, "/")]
    public async Task Over_HTTP2_too(string what, int status, string path)
    {
        await using var proxy = await StartAsync(status == StatusCodes.Status413PayloadTooLarge ? 1000 : null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[Length]),
        };

        if (status == StatusCodes.Status431RequestHeaderFieldsTooLarge)
        {
            request.Headers.Add("X-A", new string('a', 9000));
        }

        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.True((int)response.StatusCode == status, what);
        Assert.StartsWith("{", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    /// <summary>Ten times what all buffers between the two hold.</summary>
    [Theory]
    [InlineData(413, "/")]
    [InlineData(405, "/static/a")]
    [InlineData(503, "/")]
    public async Task A_client_that_writes_50_MB_first_reads_the_response(int status, string path)
    {
        await using var proxy = await StartAsync(status == StatusCodes.Status413PayloadTooLarge ? 1000 : null);
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, ""));
        }

        using var client = await RawClient.ConnectAsync(proxy);
        var piece = new string('b', 1_000_000);
        await client.SendAsync($"POST {path} HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: {50 * piece.Length}\r\n\r\n", isWhole: true);
        for (var i = 0; i < 50; i++)
        {
            await client.SendAsync(piece, isWhole: true);
        }

        Assert.Equal(status, (await client.ReadResponseAsync())?.Status);
    }

    /// <summary>A route may allow less than all others, or more.</summary>
    [Theory]
    [InlineData(null, "1000", 413)]
    [InlineData(10_000L, "1000", 413)]
    [InlineData(1000L, "10000000", 200)]
    [InlineData(1000L, "-1", 200)]
    public async Task A_route_has_a_limit_of_its_own(long? limit, string ofRoute, int status)
    {
        await using var proxy = await StartAsync(
            limit,
            ("ReverseProxy:Routes:up:ClusterId", "app"),
            ("ReverseProxy:Routes:up:Match:Path", "/up"),
            ("ReverseProxy:Routes:up:MaxRequestBodySize", ofRoute));
        foreach (var isChunked in new[] { false, true })
        {
            using var client = await RawClient.ConnectAsync(proxy);
            var body = new string('b', Length);
            await client.SendAsync(
                "POST /up HTTP/1.1\r\nHost: api.example.com\r\n"
                + (isChunked ? $"Transfer-Encoding: chunked\r\n\r\n{Length:x}\r\n{body}\r\n0\r\n\r\n" : $"Content-Length: {Length}\r\n\r\n{body}"),
                isWhole: true);
            Assert.Equal(status, (await client.ReadResponseAsync())?.Status);
        }
    }

    /// <summary>YARP lifts limits for what says that it is gRPC: anybody can say so.</summary>
    [Fact]
    public async Task A_body_that_calls_itself_gRPC_is_limited_like_any_other()
    {
        await using var proxy = await StartAsync(1000, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);
        await client.SendAsync(
            [.. RawHttp2.Open(1, "POST", "/", ("content-type", "application/grpc")), .. RawHttp2.Data(1, new string('b', 1001), isLast: true)]);

        Assert.Contains("larger than 1000 bytes", await client.ReadBodyAsync(1), StringComparison.Ordinal);
    }

    /// <summary>Kestrel ends the connection: the rate of an HTTP/2 connection is that of all its streams.</summary>
    [Theory]
    [InlineData("application/grpc")]
    [InlineData("text/plain")]
    public async Task A_body_that_does_not_come_is_given_up_whatever_it_calls_itself(string type)
    {
        await using var proxy = await StartAsync(
            null, ("Kestrel:Endpoints:Http:Protocols", "Http2"), ("Kestrel:Limits:MinRequestBodyDataRate:GracePeriod", "00:00:01.5"));
        using var client = await RawHttp2.ConnectAsync(proxy);
        await client.SendAsync(RawHttp2.Open(1, "POST", "/", ("content-type", type)));

        Assert.Contains(await client.ReadBodyAsync(1), new[] { "goaway", "closed" });
    }

    [Fact]
    public async Task A_body_within_the_limit_passes_whether_its_length_is_said_or_not()
    {
        await using var proxy = await StartAsync(Length);
        using var chunked = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new ByteArrayContent(new byte[Length]) };
        chunked.Headers.TransferEncodingChunked = true;

        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.PostAsync("/", new ByteArrayContent(new byte[Length]), Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.SendAsync(chunked, Cancellation)).StatusCode);
    }

    private Task<DataPlane> StartAsync(long? limit, params (string Key, string Value)[] settings) => DataPlane.StartAsync(
        _app.Address,
        "http://127.0.0.1:1",
        options =>
        {
            options.Upstream.MaxRequestBodySize = limit;
            options.StaticFiles = [new StaticFilesOptions { Path = "/static", Root = _directory.Path }];
        },
        settings);
}
