using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Hosting;

/// <summary>Requests that are refused for what the client has sent: each has its line in the access log, also those that Kestrel refuses by itself.</summary>
public sealed class ServerRefusalTests : IAsyncLifetime
{
    private const string Get = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n";

    private readonly TemporaryDirectory _directory = new();
    private Backend _app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string LogFile => _directory["access.log"];

    public async ValueTask InitializeAsync() => _app = await Backend.StartAsync(context => context.Response.WriteAsync("the app"));

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    public static TheoryData<string, string, int> Kestrels => new()
    {
        { "a request line that is none", "nonsense\r\n\r\n", 400 },
        { "a path in raw UTF-8", "GET /caf\u00c3\u00a9 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
        { "no Host", "GET /a HTTP/1.1\r\n\r\n", 400 },
        { "TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n", 400 },
        { "a URL of 200,000 bytes", $"GET /{new string('a', 200_000)} HTTP/1.1\r\nHost: a\r\n\r\n", 414 },
        { "200,000 bytes of headers", Get + Fields(50, 4000) + "\r\n", 431 },
        { "1,000 headers", Get + Fields(1000, 1) + "\r\n", 431 },
        { "headers that do not end", Get, 408 },
    };

    [Theory]
    [MemberData(nameof(Kestrels))]
    public async Task What_the_server_itself_refuses_has_a_line_and_is_counted(string what, string bytes, int status)
    {
        await using var proxy = await StartAsync(("Kestrel:Limits:RequestHeadersTimeout", "00:00:01"));
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync(bytes);
        await client.ReadToEndAsync();

        var line = await OnlyLineAsync();
        Assert.True((int)line["status"]! == status, $"{what}: {line}");
        Assert.Equal("127.0.0.1", (string?)line["client"]);
        Assert.Null(line["slot"]);
    }

    public static TheoryData<string, string, int, string> Pipelines => new()
    {
        { "a URL of 5,000 bytes", $"GET /{new string('a', 5000)} HTTP/1.1\r\nHost: a\r\n\r\n", 414, "MaxRequestLineSize" },
        { "40 KB of headers", Get + Fields(10, 4000) + "\r\n", 431, "MaxRequestHeadersTotalSize" },
        { "91 headers", Get + Fields(90, 1) + "\r\n", 431, "MaxRequestHeaderCount" },
        { "91 headers of one name", Get + string.Concat(Enumerable.Repeat("X-A: v\r\n", 90)) + "\r\n", 431, "MaxRequestHeaderCount" },
        { "91 headers that the app would not get", Get + string.Concat(Enumerable.Repeat("X_A: v\r\n", 90)) + "\r\n", 431, "MaxRequestHeaderCount" },
        { "a header of 9,000 bytes", Get + $"X-A: {new string('a', 9000)}\r\n\r\n", 431, "MaxRequestHeaderFieldSize" },
    };

    [Theory]
    [MemberData(nameof(Pipelines))]
    public async Task What_is_somewhat_too_large_is_told_so(string what, string bytes, int status, string key)
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync(bytes);
        var response = await client.ReadResponseAsync();

        Assert.True(response is { IsWhole: true } && response.Status == status, what);
        Assert.Equal("application/problem+json", response.Headers["Content-Type"]);
        Assert.Contains(key, (string)JsonNode.Parse(response.Body)!["detail"]!, StringComparison.Ordinal);
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(status, (int)(await OnlyLineAsync())["status"]!);
    }

    [Theory]
    [InlineData("MaxRequestLineSize", "20000", 10_000, 0, 0)]
    [InlineData("MaxRequestHeaderCount", "300", 10, 250, 1)]
    [InlineData("MaxRequestHeadersTotalSize", "100000", 10, 10, 8000)]
    [InlineData("Http2:MaxRequestHeaderFieldSize", "20000", 10, 1, 19_000)]
    public async Task A_site_whose_app_takes_more_sets_more(string key, string value, int path, int headers, int length)
    {
        var request = $"GET /{new string('a', path)} HTTP/1.1\r\nHost: a\r\n{Fields(headers, length)}\r\n";
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nthe app", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ($"Kestrel:Limits:{key}", value));
        await using var strict = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        using var refused = await RawClient.ConnectAsync(strict);

        await client.SendAsync(request);
        await refused.SendAsync(request);

        Assert.Equal("the app", (await client.ReadResponseAsync())?.Body);
        Assert.InRange((await refused.ReadResponseAsync())!.Status, 414, 431);
    }

    [Fact]
    public async Task An_app_that_sets_less_gets_less()
    {
        await using var proxy = await StartAsync(("Kestrel:Limits:MaxRequestLineSize", "100"), ("Kestrel:Limits:MaxRequestBufferSize", "40000"));
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync($"GET /{new string('a', 87)} HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal(414, (await client.ReadResponseAsync())?.Status);
        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.GetAsync("/" + new string('a', 83), Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_request_whose_body_cannot_be_read_has_one_line_only()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");

        Assert.Equal(400, (await client.ReadResponseAsync())?.Status);
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(400, (int)(await OnlyLineAsync())["status"]!);
    }

    [Theory]
    [InlineData("a URL of 5,000 bytes", 5000, 0, 0, "414")]
    [InlineData("a URL of 40,000 bytes", 40_000, 0, 0, "414")]
    [InlineData("a header of 9,000 bytes", 1, 1, 9000, "431")]
    [InlineData("a header of 40,000 bytes", 1, 1, 40_000, "431")]
    [InlineData("40 KB of headers", 1, 10, 4000, "431")]
    [InlineData("95 headers", 1, 95, 1, "431")]
    public async Task Over_HTTP2_it_is_a_response_and_the_other_streams_go_on(string what, int path, int headers, int length, string status)
    {
        await using var proxy = await StartAsync(("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        var fields = Enumerable.Range(0, headers).Select(i => ($"x-{i}", new string('v', length)));
        await client.SendAsync(RawHttp2.Get(1, "/" + new string('a', path), [.. fields]));
        var body = await client.ReadBodyAsync(1);
        await client.SendAsync(RawHttp2.Get(3, "/"));

        Assert.True(body.Contains($"\"status\":{status}", StringComparison.Ordinal), $"{what}: {body}");
        Assert.Equal("the app", await client.ReadBodyAsync(3));
    }

    /// <summary>What is far too large Kestrel refuses, without a body; the connection's state of HPACK is kept up to twice of what it takes.</summary>
    [Theory]
    [InlineData("a header of 60,000 bytes", 1, 60_000, true)]
    [InlineData("a header of 95,000 bytes", 1, 95_000, true)]
    [InlineData("80 KB of headers", 10, 8000, true)]
    [InlineData("a header of 100,000 bytes", 1, 100_000, false)]
    public async Task Over_HTTP2_one_that_is_far_too_large_ends_its_stream_alone(string what, int headers, int length, bool goesOn)
    {
        await using var proxy = await StartAsync(("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        var fields = Enumerable.Range(0, headers).Select(i => ($"x-{i}", new string('v', length)));
        await client.SendAsync(RawHttp2.Get(1, "/", [.. fields]));
        var refused = await client.ReadBodyAsync(1);

        Assert.True(refused == (goesOn ? "" : "goaway"), $"{what}: {refused}");
        Assert.Equal(goesOn ? 431 : 400, (int)(await OnlyLineAsync())["status"]!);
        if (goesOn)
        {
            await client.SendAsync(RawHttp2.Get(3, "/"));
            Assert.Equal("the app", await client.ReadBodyAsync(3));
        }
    }

    /// <summary>Kestrel resets the stream, or ends the connection where its state of HPACK would be lost: see docs/adr/0020.</summary>
    [Theory]
    [InlineData("no path", ":method=GET :scheme=http", "reset")]
    [InlineData("a path without a slash", ":method=GET :scheme=http :path=a", "reset")]
    [InlineData("another scheme", ":method=GET :scheme=ftp :path=/", "reset")]
    [InlineData("TE: gzip", ":method=GET :scheme=http :path=/ te=gzip", "goaway")]
    [InlineData("capitals", ":method=GET :scheme=http :path=/ X-A=b", "goaway")]
    [InlineData("an unknown pseudo header", ":method=GET :scheme=http :path=/ :a=b", "goaway")]
    [InlineData("Connection", ":method=GET :scheme=http :path=/ connection=close", "goaway")]
    public async Task Malformed_HTTP2_has_a_line_too(string what, string fields, string end)
    {
        await using var proxy = await StartAsync(("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        var pairs = fields.Split(' ').Select(field => field.Split('='));
        await client.SendAsync(RawHttp2.Request(1, [.. pairs.Select(pair => (pair[0], pair[1]))]));

        Assert.True(await client.ReadBodyAsync(1) == end, what);
        var line = await OnlyLineAsync();
        Assert.Equal((400, "HTTP/2"), ((int)line["status"]!, (string?)line["protocol"]));
    }

    /// <summary>RFC 7541 section 6.1: index 0 is a decoding error. Kestrel meets it with an exception that it does not expect.</summary>
    [Fact]
    public async Task HPACK_index_0_has_a_line()
    {
        await using var proxy = await StartAsync(("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        await client.SendAsync(RawHttp2.Frame(Http2Frame.Headers, flags: 5, stream: 1, [0x80]));

        Assert.Equal("goaway", await client.ReadBodyAsync(1));
        Assert.Equal(400, (int)(await OnlyLineAsync())["status"]!);
        Assert.Equal(1, proxy.Get<ServerLog>().Suppressed);
    }

    /// <summary>RFC 7541 section 2.3.3: there is no field of that index.</summary>
    [Fact]
    public async Task Malformed_HTTP2_without_TLS_has_a_line_with_its_client()
    {
        await using var proxy = await StartAsync(("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        await client.SendAsync(RawHttp2.Frame(Http2Frame.Headers, flags: 5, stream: 1, [0xFE]));

        Assert.Equal("goaway", await client.ReadBodyAsync(1));
        var line = await OnlyLineAsync();
        Assert.Equal((400, "127.0.0.1"), ((int)line["status"]!, (string?)line["client"]));
    }

    private static string Fields(int count, int length) =>
        string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {new string('v', length)}\r\n"));

    private Task<DataPlane> StartAsync(params (string Key, string Value)[] settings) =>
        DataPlane.StartAsync(_app.Address, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Path = LogFile }, settings);

    private async Task<JsonNode> OnlyLineAsync()
    {
        var text = "";
        await Eventually.TrueAsync(() => File.Exists(LogFile) && (text = File.ReadAllText(LogFile)).EndsWith('\n'), "the whole line is written");
        return JsonNode.Parse(Assert.Single(text.Split('\n', StringSplitOptions.RemoveEmptyEntries)))!;
    }
}
