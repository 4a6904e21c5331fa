using System.Net;
using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Upstream;

/// <summary>An app that responds before it has read the request: its client gets the app's own status and body, and the slot no error.</summary>
public sealed class EarlyRefusalTests
{
    private const int Size = 5_000_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>How the connection to the app goes on behind its response.</summary>
    public enum App
    {
        /// <summary>It closes, with most of the body unread: the kernel sends a reset.</summary>
        Closes,

        /// <summary>It reads nothing more and stays.</summary>
        Stays,

        /// <summary>It reads the rest, and throws it away.</summary>
        ReadsOn,
    }

    public static TheoryData<int, App, bool, bool, bool, string> Rows =>
    [
        .. from version in new[] { 1, 2 }
           from app in Enum.GetValues<App>()
           from isChunked in new[] { false, true }
           from isLimited in new[] { false, true }
           from isBuffered in new[] { false, isLimited }.Distinct()
           select (version, app, isChunked, isLimited, isBuffered, "413 too large"),
        .. from version in new[] { 1, 2 } from app in Enum.GetValues<App>() select (version, app, false, true, false, "403 "),
        .. from version in new[] { 1, 2 } from app in Enum.GetValues<App>() select (version, app, true, false, false, "503 later"),
    ];

    /// <param name="isLimited"><c>Upstream:MaxRequestBodySize</c> is set, above the size of this body: something counts it.</param>
    /// <param name="isBuffered">The proxy takes the body in before it asks the app (<c>Upstream:Buffering</c>); false: it passes it on as it comes.</param>
    /// <param name="said">Status and body.</param>
    [Theory]
    [MemberData(nameof(Rows))]
    public async Task It_reaches_a_client_that_writes_the_whole_body_first(int version, App app, bool isChunked, bool isLimited, bool isBuffered, string said)
    {
        var (status, body) = (int.Parse(said[..3], System.Globalization.CultureInfo.InvariantCulture), said[4..]);
        await using var server = new RawServer((stream, _, cancellation) => RespondAsync(stream, app, status, body, cancellation));
        await using var proxy = await StartAsync(server, version, isLimited, isBuffered);

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal((status, body), await (version == 2 ? UploadOverHttp2Async(proxy, isChunked) : UploadAsync(proxy, isChunked)));
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0, "no connection is left to an app that was owed a body");
        await Eventually.TrueAsync(
            () => proxy.Slots[SlotName.Blue].Errors == (status >= 500 ? 4 : 0), "each 5xx is counted, behind the end of its lease, and nothing else");
    }

    /// <summary>It says nothing at all: that is a 502, and no reset that takes the 502 with it.</summary>
    [Theory]
    [InlineData(1, false, false)]
    [InlineData(1, false, true)]
    [InlineData(1, true, false)]
    [InlineData(2, false, false)]
    [InlineData(2, true, true)]
    public async Task An_app_that_ends_the_connection_without_a_word_is_a_502_for_a_client_that_writes_first(int version, bool isChunked, bool isLimited)
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await stream.ReadExactlyAsync(new byte[100_000], cancellation);
        });
        await using var proxy = await StartAsync(server, version, isLimited, isBuffered: false);

        for (var i = 0; i < 4; i++)
        {
            var (status, _) = await (version == 2 ? UploadOverHttp2Async(proxy, isChunked) : UploadAsync(proxy, isChunked));
            Assert.Equal(502, status);
        }
    }

    private static Task<DataPlane> StartAsync(RawServer app, int version, bool isLimited, bool isBuffered) => DataPlane.StartAsync(
        app.Address,
        "http://127.0.0.1:1",
        options =>
        {
            options.Upstream.MaxRequestBodySize = isLimited ? 2 * Size : null;
            options.Upstream.Buffering.Requests = isBuffered;
        },
        ("Kestrel:Endpoints:Http:Protocols", version == 2 ? "Http2" : "Http1"));

    private static async Task RespondAsync(NetworkStream stream, App app, int status, string body, CancellationToken cancellation)
    {
        await RawServer.ReadHeadAsync(stream, cancellation);
        await RawServer.WriteAsync(stream, $"HTTP/1.1 {status} Refused\r\nContent-Length: {body.Length}\r\n\r\n{body}", cancellation);
        switch (app)
        {
            case App.Stays:
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
                break;
            case App.ReadsOn:
                await stream.CopyToAsync(Stream.Null, cancellation);
                break;
        }
    }

    private static async Task<(int Status, string Body)> UploadAsync(DataPlane proxy, bool isChunked)
    {
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync(
            $"POST / HTTP/1.1\r\nHost: a\r\n{(isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {Size}")}\r\n\r\n", isWhole: true);
        await client.SendAsync(
            isChunked ? string.Concat(Enumerable.Repeat($"10000\r\n{new string('x', 0x10000)}\r\n", Size / 0x10000)) + "0\r\n\r\n" : new string('x', Size),
            isWhole: true);
        var response = await client.ReadResponseAsync();
        return response is { IsWhole: true } ? (response.Status, response.Body) : (0, $"{response}");
    }

    private static async Task<(int Status, string Body)> UploadOverHttp2Async(DataPlane proxy, bool isChunked)
    {
        using HttpContent content = isChunked ? new OfUnknownLength() : new ByteArrayContent(new byte[Size]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        using var response = await proxy.Client.SendAsync(request, Cancellation).Within();
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation).Within());
    }

    /// <summary>Over HTTP/2 it has no Content-Length.</summary>
    private sealed class OfUnknownLength : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(new byte[Size], Cancellation).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
