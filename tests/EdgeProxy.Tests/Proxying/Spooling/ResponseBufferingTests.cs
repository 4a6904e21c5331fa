using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Spooling;

/// <summary>Clients that read slowly: the app is done when it has given its response.</summary>
public sealed class ResponseBufferingTests : IAsyncLifetime
{
    private const int Length = 40_000_000; // more than the sockets between app and client hold

    private static readonly byte[] _bytes = MakeBytes();
    private static readonly string _hash = Convert.ToHexString(SHA256.HashData(_bytes));

    private readonly TemporaryDirectory _directory = new();
    private Backend _app = null!;
    private int _done;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _app = await Backend.StartAsync(async context =>
    {
        var query = context.Request.Query;
        context.Response.ContentType = query["type"].FirstOrDefault() ?? "application/octet-stream";
        context.Response.ContentLength = query.ContainsKey("chunked") ? null : Length;
        if (query["accel"] is { Count: 1 } accel)
        {
            context.Response.Headers["X-Accel-Buffering"] = accel;
        }

        await context.Response.Body.WriteAsync(_bytes.AsMemory(0, query.ContainsKey("cut") ? 20_000_000 : Length), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        if (query.ContainsKey("cut"))
        {
            context.Abort();
        }

        Interlocked.Increment(ref _done);
    });

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("/", "1.1")]
    [InlineData("/?chunked", "1.1")]
    [InlineData("/", "2.0")]
    [InlineData("/?chunked&type=text/plain", "1.1", "gzip")]
    [InlineData("/live?accel=yes", "1.1")]
    public async Task The_app_is_done_before_the_client_and_no_drain_waits(string target, string version, string? encoding = null)
    {
        await using var proxy = await StartAsync(version);
        using var client = SlowClient(proxy);
        using var response = await BeginAsync(client, target, version, encoding);

        await Eventually.TrueAsync(() => Volatile.Read(ref _done) == 1 && proxy.Slots.Active.InFlight.Total == 0, "the app is done");
        await proxy.Slots[SlotName.Blue].WaitIdleAsync(Cancellation).Within();
        proxy.Slots.Activate(SlotName.Green);
        proxy.Slots[SlotName.Blue].EndLeases(); // the drain deadline: what has been taken over is not cut

        Assert.Equal(encoding ?? "", response.Content.Headers.ContentEncoding.ToString());
        Assert.False(response.Headers.Contains("X-Accel-Buffering"));
        Assert.Equal(_hash, await HashAsync(response, encoding));
        Assert.True(proxy.Spool.Files == 1);
        await AssertFreedAsync(proxy);
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    /// <summary>As before: the app waits for its client.</summary>
    [Theory]
    [InlineData("/?accel=no", LeaseClass.Http)]
    [InlineData("/live", LeaseClass.Http)]
    [InlineData("/stream", LeaseClass.Stream)]
    [InlineData("/?type=text/event-stream", LeaseClass.Stream)]
    public async Task A_response_that_is_not_buffered_keeps_its_slot(string target, LeaseClass @class)
    {
        await using var proxy = await StartAsync("1.1");
        using var client = SlowClient(proxy);
        using var response = await BeginAsync(client, target, "1.1");

        Assert.False(response.Headers.Contains("X-Accel-Buffering"));
        await Eventually.TrueAsync(() => InFlight(proxy, @class) == 1, "it holds its slot");
        Assert.Equal(0, Volatile.Read(ref _done));
        Assert.Equal(_hash, await HashAsync(response));
        Assert.Equal(0, proxy.Spool.Files);
    }

    /// <summary>The app goes on when the client has taken what there was room for.</summary>
    [Theory]
    [InlineData("", "1MB", nameof(SpoolFailure.Quota))]
    [InlineData("missing", "1GB", nameof(SpoolFailure.Disk))]
    public async Task Without_room_the_app_waits_and_the_response_is_whole(string subdirectory, string disk, string reason)
    {
        await using var proxy = await StartAsync("1.1", options => (options.Directory, options.Disk) = (Path.Combine(_directory.Path, subdirectory), disk));
        using var client = SlowClient(proxy);
        using var response = await BeginAsync(client, "/", "1.1");
        var store = proxy.Spool;

        await Eventually.TrueAsync(() => store.Failures(Enum.Parse<SpoolFailure>(reason)) == 1, "there is no room");
        Assert.Equal((0, 1), (Volatile.Read(ref _done), proxy.Slots.Active.InFlight.Http));
        Assert.Equal(_hash, await HashAsync(response));
        Assert.Equal(1, store.Failures(Enum.Parse<SpoolFailure>(reason)));
        await AssertFreedAsync(proxy);
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the slot is free");
    }

    [Theory]
    [InlineData("1GB")] // the app is done
    [InlineData("1MB")] // the app is at work
    public async Task A_client_that_leaves_frees_its_room_and_the_connection_of_the_app(string disk)
    {
        await using var proxy = await StartAsync("1.1", options => options.Disk = disk);
        using (var client = SlowClient(proxy))
        {
            using var response = await BeginAsync(client, "/", "1.1");
            await Eventually.TrueAsync(() => proxy.Spool.DiskSpace.Used > 250_000, "some of it waits"); // at most half of the room, less a piece
        }

        await AssertFreedAsync(proxy);
        await Eventually.TrueAsync(
            () =>
                proxy.Slots.Active.InFlight.Total == 0 && proxy.Connections.Open(SlotName.Blue) == proxy.Connections.Idle(SlotName.Blue),
                "the app has no connection left");
    }

    [Fact]
    public async Task An_app_that_breaks_off_cuts_the_client_behind_what_came()
    {
        await using var proxy = await StartAsync("1.1");
        using var client = SlowClient(proxy);
        using var response = await BeginAsync(client, "/?cut", "1.1");
        await Eventually.TrueAsync(() => Volatile.Read(ref _done) == 1, "the app has broken off");

        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Cancellation));
        await Eventually.TrueAsync(() => proxy.Slots.Active is { Errors: 1, InFlight.Total: 0 }, "it is an error of the slot");
        await AssertFreedAsync(proxy);
    }

    private static byte[] MakeBytes()
    {
        var bytes = new byte[Length];
        new Random(5).NextBytes(bytes);
        return bytes;
    }

    private static int InFlight(DataPlane proxy, LeaseClass @class) =>
        @class == LeaseClass.Http ? proxy.Slots.Active.InFlight.Http : proxy.Slots.Active.InFlight.Stream;

    private static Task AssertFreedAsync(DataPlane proxy) =>
        Eventually.TrueAsync(() => proxy.Spool.Memory.Used + proxy.Spool.DiskSpace.Used == 0, "the room is free again");

    /// <summary>A client whose socket takes little and which reads when it is told to.</summary>
    private static HttpClient SlowClient(DataPlane proxy) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = proxy.Address };

    private static async Task<HttpResponseMessage> BeginAsync(HttpClient client, string target, string version, string? encoding = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target)
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (encoding is not null)
        {
            request.Headers.AcceptEncoding.ParseAdd(encoding);
        }

        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    private static async Task<string> HashAsync(HttpResponseMessage response, string? encoding = null)
    {
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await using var plain = encoding is null ? body : new System.IO.Compression.GZipStream(body, System.IO.Compression.CompressionMode.Decompress);
        return Convert.ToHexString(await SHA256.HashDataAsync(plain, Cancellation));
    }

    private Task<DataPlane> StartAsync(string version, Action<BufferingOptions>? configure = null) => DataPlane.StartAsync(
        _app.Address,
        "http://127.0.0.1:1",
        options =>
        {
            options.Switch.StreamPaths = ["/stream"];
            options.Upstream.Buffering.Directory = _directory.Path;
            options.Upstream.Buffering.ExcludePaths = ["/live"];
            configure?.Invoke(options.Upstream.Buffering);
        },
        ("Kestrel:Endpoints:Http:Protocols", version == "2.0" ? "Http2" : "Http1"));
}
