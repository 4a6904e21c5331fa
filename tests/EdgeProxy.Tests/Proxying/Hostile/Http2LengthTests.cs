using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>A malformed length over HTTP/2 is an error of its stream, not of all streams of the connection (RFC 9113 section 8.1.1).</summary>
public sealed class Http2LengthTests
{
    /// <summary>RFC 7541 appendix A: the statuses 200 and 400 as the one byte that they are in a response.</summary>
    private const byte Ok = 0x88;
    private const byte BadRequest = 0x8c;

    /// <summary>No status: the stream was reset before its response.</summary>
    private const byte Reset = 0;

    [Theory]
    [InlineData("5", Ok)]
    [InlineData("0005", Ok)]
    [InlineData("+5", BadRequest)]
    [InlineData(" 5", BadRequest)]
    [InlineData("5 ", BadRequest)]
    [InlineData("5,5", BadRequest)]
    [InlineData("0x5", BadRequest)]
    [InlineData("", BadRequest)]
    [InlineData("99999999999999999999", BadRequest)]
    [InlineData("00000000000000000000000000005", BadRequest)]
    public async Task A_length_that_is_none_ends_its_stream_alone(string length, byte status)
    {
        await using var app = await Backend.NamedAsync("ok");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", null, ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var client = await RawHttp2.ConnectAsync(proxy);

        // Kestrel counts the body, too, and resets the stream where it ends before the length: without it the response is certain.
        await client.SendAsync(Post(1, length, withBody: status == Ok));
        Assert.Equal(status, await ReadStatusAsync(client, 1));
        await client.SendAsync(Post(3, length, withBody: true));
        Assert.Contains(await ReadStatusAsync(client, 3), new[] { status, Reset });
        await client.SendAsync(Post(5, "5", withBody: true));
        Assert.Equal(Ok, await ReadStatusAsync(client, 5));
    }

    private static byte[] Post(int stream, string length, bool withBody)
    {
        const int flags = 4;
        const byte endStream = 1;
        var head = RawHttp2.Request(stream, (":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a.example"), ("content-length", length));
        head[flags] &= unchecked((byte)~endStream);
        return withBody ? [.. head, .. RawHttp2.Frame(Http2Frame.Data, endStream, stream, "hello"u8)] : head;
    }

    /// <returns>The first byte of the response's header block, or <see cref="Reset"/>.</returns>
    private static async Task<byte> ReadStatusAsync(RawHttp2 client, int stream)
    {
        while (true)
        {
            var frame = await client.ReadAsync();
            Assert.True(frame is not null and not { Type: Http2Frame.GoAway }, "the connection has ended");
            if (frame.Stream == stream && frame.Type is Http2Frame.Headers or Http2Frame.Reset)
            {
                return frame.Type == Http2Frame.Headers ? frame.Payload[0] : Reset;
            }
        }
    }
}
