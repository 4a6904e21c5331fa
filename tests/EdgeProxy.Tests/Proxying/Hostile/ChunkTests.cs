namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>The chunked coding (RFC 9112 section 7.1): what is left of it reaches the app in the proxy's own, clean framing, and what is broken never ends as
/// if it were whole.</summary>
public sealed class ChunkTests(HostileSite site) : IClassFixture<HostileSite>
{
    private const string Chunked = "POST /a HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n";

    private static readonly HostileCase[] Table =
    [
        new("two chunks", Chunked + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "200 open", "POST /a hello world"),
        new("size in capitals", Chunked + "A\r\n0123456789\r\n0\r\n\r\n", "200 open", "POST /a 0123456789"),
        new("size with leading zeros", Chunked + "00005\r\nhello\r\n0\r\n\r\n", "200 open", "POST /a hello"),
        new("several zeros at the end", Chunked + "5\r\nhello\r\n000\r\n\r\n", "200 open", "POST /a hello"),
        new("an extension", Chunked + "5;name=value\r\nhello\r\n0\r\n\r\n", "200 open", "POST /a hello"),
        new("a quoted extension", Chunked + "5;name=\"a;b\"\r\nhello\r\n0;last\r\n\r\n", "200 open", "POST /a hello"),
        new("an extension behind blanks", Chunked + "5 ; name\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("an extension with a bare CR", Chunked + "5;a\rb\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("an extension with a bare LF", Chunked + "5;a\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("an extension of 64 KB", Chunked + "5;" + new string('a', 64 * 1024) + "\r\nhello\r\n0\r\n\r\n", "200 open", "POST /a hello"),
        new("trailers are dropped", Chunked + "5\r\nhello\r\n0\r\nX-Evil: 1\r\nHost: evil.example\r\n\r\n", "200 open", "POST /a hello")
        {
            Check = request => Assert.Equal((0, "api.example.com"), (request["X-Evil"].Count(), request["Host"].Single())),
        },
        new("a request as trailer", Chunked + "0\r\nGET /smuggled HTTP/1.1\r\n\r\n", "400 closed") { BreaksOff = true },
        new(
            "a flood of trailers",
            Chunked + "0\r\n" + string.Concat(Enumerable.Range(0, 200).Select(i => $"X-{i}: {i}\r\n")) + "\r\n",
            "431 closed") { BreaksOff = true },

        new("size empty", Chunked + "\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size no number", Chunked + "z\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size with 0x", Chunked + "0x5\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size negative", Chunked + "-5\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size with a plus", Chunked + "+5\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size with an underscore", Chunked + "1_0\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size behind a blank", Chunked + " 5\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size above 32 bits", Chunked + "100000005\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size above 64 bits", Chunked + "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size that wraps around to 5", Chunked + "10000000000000005\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size ended by a bare LF", Chunked + "5\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size ended by a bare CR", Chunked + "5\rhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("size with NUL", Chunked + "5\0\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("chunk longer than its size", Chunked + "3\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("chunk shorter than its size", Chunked + "7\r\nhello\r\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("chunk ended by a bare LF", Chunked + "5\r\nhello\n0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("chunk ended by a bare CR", Chunked + "5\r\nhello\r0\r\n\r\n", "400 closed") { BreaksOff = true },
        new("last chunk ended by bare LFs", Chunked + "5\r\nhello\r\n0\n\n", "400 closed") { BreaksOff = true },
        new("bytes behind the last chunk", Chunked + "5\r\nhello\r\n0\r\n\r\nGARBAGE\r\n\r\n", "200 400 closed", "POST /a hello"),
        new("ends before the last chunk", Chunked + "5\r\nhello\r\n", "closed") { HalfCloses = true, BreaksOff = true },
        new("ends in a chunk", Chunked + "5\r\nhe", "closed") { HalfCloses = true, BreaksOff = true },
        new("ends in a size", Chunked + "5", "closed") { HalfCloses = true, BreaksOff = true },
    ];

    public static TheoryData<HostileCase> Rows => new(Table);

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = true)]
    public Task A_body_is_whole_or_none(HostileCase row) => site.RunAsync(row);
}
