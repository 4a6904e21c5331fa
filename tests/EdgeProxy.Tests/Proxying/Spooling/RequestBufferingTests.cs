using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying.Spooling;

/// <summary>Uploads that take their time: the app is asked when they are complete.</summary>
public sealed class RequestBufferingTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ConcurrentQueue<string> _begun = [];
    private Backend _blue = null!;
    private Backend _green = null!;

    public async ValueTask InitializeAsync() => (_blue, _green) = (await StartAppAsync("blue"), await StartAppAsync("green"));

    public async ValueTask DisposeAsync()
    {
        await _blue.DisposeAsync();
        await _green.DisposeAsync();
        _directory.Dispose();
    }

    /// <summary>Also with what is left of the memory budget, and in files where there is no memory.</summary>
    [Theory]
    [InlineData(false, 1_000, "64MB", false)]
    [InlineData(true, 1_000, "64MB", false)]
    [InlineData(false, 1_000, "0B", true)]
    [InlineData(false, 3_000_000, "64MB", true)]
    [InlineData(true, 3_000_000, "64MB", true)]
    [InlineData(true, 3_000_000, "0B", true)]
    public async Task A_body_that_is_late_reaches_the_app_that_is_active_at_its_end_with_its_length(bool isChunked, int length, string memory, bool isInFile)
    {
        await using var proxy = await StartAsync(options => options.Memory = memory);
        using var client = await RawClient.ConnectAsync(proxy);
        var (first, second) = (Text(length - 1), "z");
        await client.SendAsync(Head(isChunked, length) + Framed(isChunked, first));
        await Eventually.TrueAsync(() => Used(proxy) >= length - 1, "all but the last byte has come");

        Assert.Equal((0, 0), (proxy.Slots.Active.InFlight.Total, _begun.Count));
        Assert.Equal(isInFile, proxy.Spool.Files > 0);
        proxy.Slots.Activate(SlotName.Green);
        await client.SendAsync(Framed(isChunked, second) + (isChunked ? "0\r\n\r\n" : ""));
        var response = await client.ReadResponseAsync();

        Assert.Equal($"green {length} - {Hash(first + second)}", response?.Body);
        await AssertFreedAsync(proxy);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public async Task A_body_that_is_there_at_once_needs_no_room()
    {
        await using var proxy = await StartAsync(options => (options.Memory, options.Disk) = ("0B", "0B"));
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(false, 5) + "hello");

        Assert.Equal($"blue 5 - {Hash("hello")}", (await client.ReadResponseAsync())?.Body);
        Assert.Equal(0, proxy.Spool.Failures(SpoolFailure.Quota));
    }

    /// <summary>An empty chunked body is none.</summary>
    [Fact]
    public async Task A_late_end_without_a_byte_is_a_request_without_a_body()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(true, 0));
        await client.SendAsync("0\r\n\r\n");

        Assert.Equal($"blue 0 - {Hash("")}", (await client.ReadResponseAsync())?.Body);
    }

    /// <summary>Nothing is refused for want of room: the body goes to the app as it comes, from the first byte that there was no room for.</summary>
    [Theory]
    [InlineData("missing", "1GB", nameof(SpoolFailure.Disk), 0)]
    [InlineData("", "0B", nameof(SpoolFailure.Quota), 0)]
    [InlineData("", "1MB", nameof(SpoolFailure.Quota), 1)]
    public async Task Without_room_a_body_streams(string subdirectory, string disk, string reason, int files)
    {
        await using var proxy = await StartAsync(
            options => (options.Directory, options.Disk, options.Memory) = (Path.Combine(_directory.Path, subdirectory), disk, "64KB"));
        using var client = await RawClient.ConnectAsync(proxy);
        var body = Text(3_000_000);
        await client.SendAsync(Head(false, body.Length) + body[..^1]);
        await Eventually.TrueAsync(() => _begun.Count == 1, "the app has been asked");
        await client.SendAsync(body[^1..]);

        Assert.Equal($"blue {body.Length} - {Hash(body)}", (await client.ReadResponseAsync())?.Body);
        Assert.True(proxy.Spool.Failures(Enum.Parse<SpoolFailure>(reason)) > 0);
        Assert.Equal(files, proxy.Spool.Files);
        await AssertFreedAsync(proxy);
    }

    [Fact]
    public async Task A_client_that_leaves_frees_its_room_at_once_and_never_reaches_the_app()
    {
        await using var proxy = await StartAsync();
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync(Head(false, 3_000_000) + Text(2_000_000));
            await Eventually.TrueAsync(() => Used(proxy) >= 2_000_000, "what was sent has come");
            client.ResetWhenClosed();
        }

        await AssertFreedAsync(proxy);
        Assert.Empty(_begun);
    }

    /// <summary>Kestrel's rate counts what came early: 900,000 bytes would pay for an hour of silence.</summary>
    [Theory]
    [InlineData(false, 5)]
    [InlineData(true, 5)]
    [InlineData(false, 30_000)]
    [InlineData(false, 900_000)]
    [InlineData(true, 3_000_000)]
    public async Task A_body_that_stalls_is_given_up_after_the_activity_time_out_and_the_app_does_not_see_it(bool isChunked, int sent)
    {
        await using var proxy = await StartAsync(idle: TimeSpan.FromSeconds(1));
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(isChunked, sent + 1) + Framed(isChunked, Text(sent)));

        Assert.Equal(408, (await client.ReadResponseAsync())?.Status);
        await AssertFreedAsync(proxy);
        Assert.Empty(_begun);
    }

    [Fact]
    public async Task A_body_that_grows_too_large_is_refused_before_the_app_sees_a_byte()
    {
        await using var proxy = await StartAsync(limit: 100_000);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(true, 0));
        await client.SendAsync(Framed(true, Text(100_000)));
        await client.SendAsync(Framed(true, "a"));
        var response = await client.ReadResponseAsync();

        Assert.Equal(413, response?.Status);
        Assert.Contains("larger than 100000 bytes", response!.Body, StringComparison.Ordinal);
        await AssertFreedAsync(proxy);
        Assert.Empty(_begun);
    }

    [Fact]
    public async Task A_client_that_waits_for_100_is_told_to_go_on_before_the_app_is_asked()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        const string Continue = "HTTP/1.1 100 Continue\r\n\r\n";

        Assert.Equal(Continue, await client.ReadAsync(Continue.Length));
        Assert.Empty(_begun);
        await client.SendAsync("hello");
        Assert.Equal($"blue 5 - {Hash("hello")}", (await client.ReadResponseAsync())?.Body);
    }

    [Theory]
    [InlineData("/stream/a")]
    [InlineData("/live/a")]
    public async Task A_stream_goes_to_the_app_as_it_comes(string path)
    {
        await using var proxy = await StartAsync(options => options.ExcludePaths = ["/live"]);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
        await Eventually.TrueAsync(() => _begun.Count == 1, "the app has been asked");
        await client.SendAsync("o");

        Assert.Equal($"blue 5 - {Hash("hello")}", (await client.ReadResponseAsync())?.Body);
    }

    [Theory]
    [InlineData("Accept: text/event-stream")]
    [InlineData("Accept: application/x-ndjson")]
    [InlineData("Content-Type: application/grpc+proto")]
    public async Task What_a_client_says_of_its_request_brings_no_late_body_to_the_app(string header)
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"POST /a HTTP/1.1\r\nHost: a\r\n{header}\r\nContent-Length: 5\r\n\r\nhell");
        await Eventually.TrueAsync(() => Used(proxy) == 4, "what was sent has come");
        Assert.Empty(_begun);
        Assert.Equal(0, proxy.Slots.Active.InFlight.Total);
        await client.SendAsync("o");

        Assert.Equal($"blue 5 - {Hash("hello")}", (await client.ReadResponseAsync())?.Body);
    }

    [Fact]
    public async Task Over_HTTP2_a_late_body_gets_a_length_and_a_reset_frees_it()
    {
        await using var proxy = await StartAsync(settings: ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        var body = Text(3_000_000);
        using var pieces = new Pieces(Encoding.ASCII.GetBytes(body));
        using var request = Http2Post(pieces);
        var sending = proxy.Client.SendAsync(request, Cancellation);
        await Eventually.TrueAsync(() => Used(proxy) >= body.Length - 1, "all but the last byte has come");
        Assert.Empty(_begun);
        pieces.Finish();
        using (var response = await sending.Within())
        {
            Assert.Equal($"blue {body.Length} - {Hash(body)}", await response.Content.ReadAsStringAsync(Cancellation));
        }

        using var more = new Pieces(new byte[500_000]);
        using var second = Http2Post(more);
        using var leave = new CancellationTokenSource();
        var left = proxy.Client.SendAsync(second, leave.Token);
        await Eventually.TrueAsync(() => Used(proxy) >= 499_999, "all but the last byte has come");
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        await AssertFreedAsync(proxy);
        Assert.Single(_begun);
    }

    [Fact]
    public async Task Maintenance_that_begins_meanwhile_is_met_at_the_end()
    {
        await using var proxy = await StartAsync();
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(false, 5) + "hell");
        await Eventually.TrueAsync(() => Used(proxy) == 4, "what was sent has come");
        proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, "closed"));
        await client.SendAsync("o");

        Assert.Equal(503, (await client.ReadResponseAsync())?.Status);
        Assert.Empty(_begun);
        await AssertFreedAsync(proxy);
    }

    /// <summary>A slot that refuses connections holds it like any other request; what waits is sent when another one is active.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(3_000_000)]
    public async Task A_body_that_waits_outlasts_an_outage(int length)
    {
        await using var proxy = await StartAsync(blue: "http://127.0.0.1:1");
        using var client = await RawClient.ConnectAsync(proxy);
        var body = Text(length);
        await client.SendAsync(Head(false, length) + body[..^1]);
        await Eventually.TrueAsync(() => Used(proxy) >= length - 1, "all but the last byte has come");
        await client.SendAsync(body[^1..]);
        await Eventually.TrueAsync(() => proxy.Gate.Held == 1, "the request is held");
        proxy.Slots.Activate(SlotName.Green);

        Assert.Equal($"green {length} - {Hash(body)}", (await client.ReadResponseAsync())?.Body);
        await AssertFreedAsync(proxy);
    }

    [Fact]
    public async Task An_upload_that_outlasts_the_stop_gets_503_and_the_app_does_not_see_it()
    {
        await using var proxy = await StartAsync(drain: TimeSpan.FromMilliseconds(100));
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(Head(false, 5) + "hell");
        await Eventually.TrueAsync(() => Used(proxy) == 4, "what was sent has come");
        var stopping = proxy.StopAsync();
        var response = await client.ReadResponseAsync();
        await stopping.Within();

        Assert.Equal(503, response?.Status);
        Assert.Contains("has not seen the request", response!.Body, StringComparison.Ordinal);
        Assert.Empty(_begun);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Head(bool isChunked, int length) =>
        $"POST / HTTP/1.1\r\nHost: a\r\n{(isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {length}")}\r\n\r\n";

    private static string Framed(bool isChunked, string body) => isChunked ? $"{body.Length:x}\r\n{body}\r\n" : body;

    private static string Text(int length) => string.Create(length, 0, static (text, _) =>
    {
        var random = new Random(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = (char)('a' + random.Next(26));
        }
    });

    private static string Hash(string text) => Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    private static long Used(DataPlane proxy) => proxy.Spool.Memory.Used + proxy.Spool.DiskSpace.Used;

    private static HttpRequestMessage Http2Post(HttpContent body) => new(HttpMethod.Post, "/")
    {
        Version = HttpVersion.Version20,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Content = body,
    };

    private static Task AssertFreedAsync(DataPlane proxy) => Eventually.TrueAsync(() => Used(proxy) == 0, "the room is free again");

    /// <summary>An app that says what it has got: name, Content-Length, Transfer-Encoding, hash.</summary>
    private Task<Backend> StartAppAsync(string name) => Backend.StartAsync(async context =>
    {
        _begun.Enqueue(name);
        var encoding = context.Request.Headers.TransferEncoding is { Count: > 0 } chunked ? chunked.ToString() : "-";
        var hash = await SHA256.HashDataAsync(context.Request.Body, context.RequestAborted);
        await context.Response.WriteAsync($"{name} {context.Request.ContentLength} {encoding} {Convert.ToHexString(hash)}");
    });

    private Task<DataPlane> StartAsync(
        Action<BufferingOptions>? configure = null,
        long? limit = null,
        string? blue = null,
        TimeSpan? drain = null,
        TimeSpan? idle = null,
        params (string Key, string Value)[] settings) =>
        DataPlane.StartAsync(
            blue ?? _blue.Address,
            _green.Address,
            options =>
            {
                options.Switch.StreamPaths = ["/stream"];
                options.Upstream.MaxRequestBodySize = limit;
                options.Upstream.Buffering.Directory = _directory.Path;
                options.Upstream.ActivityTimeout = idle ?? options.Upstream.ActivityTimeout;
                options.Shutdown.DrainTimeout = drain ?? options.Shutdown.DrainTimeout;
                configure?.Invoke(options.Upstream.Buffering);
            },
            settings);

    /// <summary>All but the last byte at once, the last one when it is told to.</summary>
    private sealed class Pieces(byte[] bytes) : HttpContent
    {
        private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Finish() => _finished.TrySetResult();

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(bytes.AsMemory(0, bytes.Length - 1), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await _finished.Task.WaitAsync(cancellationToken);
            await stream.WriteAsync(bytes.AsMemory(bytes.Length - 1), cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
