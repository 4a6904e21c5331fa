using System.Text;
using EdgeProxy.Proxying.Upstream;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Proxying.Upstream;

public sealed class ResponseHeadParserTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n")]
    [InlineData("HTTP/1.1 299 \r\n\r\n")]
    [InlineData("HTTP/1.1 404 N\u00e3o encontrado\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.0 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX:\t a\u00e9b \r\n\r\n")]
    public void A_valid_head_is_read(string head) => Assert.Null(Parse(head, out _));

    [Theory]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 099 Low\r\n\r\n")]
    [InlineData("HTTP/1.1 20 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n")]
    [InlineData("HTTP/1.1  200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 O\0K\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA : b\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n: b\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")]
    public void An_invalid_head_is_refused(string head) => Assert.NotNull(Parse(head, out _));

    /// <summary>Wherever the bytes are cut, the end is found at the same place, and not before it has come.</summary>
    [Property(MaxTest = 500)]
    public Property The_end_of_a_head_is_found_in_any_pieces() => Prop.ForAll(
        Gen.Choose(1, 30).ListOf().ToArbitrary(),
        pieces =>
        {
            var head = "HTTP/1.1 200 OK\r\nServer: a\r\nX-Long: \r\r\r\n\r\n"u8;
            var end = head.IndexOf("\r\n\r\n"u8) + 4;
            var (received, searched) = (0, 0);
            foreach (var piece in pieces)
            {
                received = Math.Min(received + piece, head.Length);
                var found = ResponseHeadParser.FindEnd(head[..received], ref searched);
                Assert.Equal(received >= end ? end : 0, found);
                if (found > 0)
                {
                    return;
                }
            }
        });

    /// <summary>What is valid as a whole is valid in each of its parts, in whatever pieces it comes.</summary>
    [Property(MaxTest = 500)]
    public Property A_valid_head_is_invalid_at_no_time() => Prop.ForAll(
        Gen.Choose(1, 30).ListOf().ToArbitrary(),
        pieces =>
        {
            var head = "HTTP/1.1 200 OK\r\nServer: a\r\nX-Empty:\r\nX-Long:\t a b \u00e9\r\n\r\n";
            var bytes = Encoding.Latin1.GetBytes(head).AsSpan();
            Assert.Null(Parse(head, out _));
            var (received, judged) = (0, 0);
            foreach (var piece in pieces)
            {
                received = Math.Min(received + piece, head.Length - 1);
                Assert.False(ResponseHeadParser.IsInvalidSoFar(bytes[..received], ref judged), head[..received]);
            }
        });

    /// <summary>Any bytes are a response or a fault, and never an exception.</summary>
    [Property(MaxTest = 2000)]
    public void Any_bytes_are_read_or_refused(byte[] bytes)
    {
        Parse(Encoding.Latin1.GetString(bytes) + "\r\n\r\n", out _);
        Parse("HTTP/1.1 200 OK\r\n" + Encoding.Latin1.GetString(bytes) + "\r\n\r\n", out _);
        var judged = 0;
        _ = ResponseHeadParser.IsInvalidSoFar([.. "HTTP/1.1 200 OK\r\n"u8, .. bytes], ref judged);
    }

    private static string? Parse(string text, out ResponseHead head)
    {
        using var response = new HttpResponseMessage { Content = new ByteArrayContent([]) };
        head = new ResponseHead();
        return ResponseHeadParser.Parse(Encoding.Latin1.GetBytes(text), response, ref head);
    }
}
