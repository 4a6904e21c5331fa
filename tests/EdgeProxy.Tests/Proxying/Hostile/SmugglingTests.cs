namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Requests whose end two parsers may see in different places (RFC 9112 section 11.2).</summary>
public sealed class SmugglingTests(HostileSite site) : IClassFixture<HostileSite>
{
    private const string Post = "POST /a HTTP/1.1\r\nHost: api.example.com\r\n";
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

    private static readonly HostileCase[] Table =
    [
        new("CL.TE", Post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "400 closed"),
        new(
            "CL.TE with a whole request behind it",
            Post + $"Content-Length: {5 + Smuggled.Length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Smuggled,
            "400 closed"),
        new("TE.CL", Post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n32\r\n" + Smuggled + "\r\n0\r\n\r\n", "400 closed"),
        new("CL and TE that agree", Post + "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "400 closed"),
        new("CL 0 and TE", Post + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("CL and TE on a GET", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("CL and TE: identity", Post + "Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello", "400 closed"),
        new("TE.TE: chunked twice", Post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE.TE: chunked, chunked", Post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE.TE: chunked, identity", Post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE.TE: identity, chunked", Post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE.TE: one known, one not", Post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: gzip, chunked", Post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: xchunked", Post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: \"chunked\"", Post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: chunked;q=1", Post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: empty", Post + "Transfer-Encoding: \r\n\r\n", "400 closed"),
        new("TE: a list with an empty part", Post + "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: in capitals", Post + "TRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200 open", "POST /a hello"),
        new("TE: behind a tab", Post + "Transfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200 open", "POST /a hello"),
        new("TE: behind a vertical tab", Post + "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE: behind a non-breaking space", Post + "Transfer-Encoding: \u00a0chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE with a blank before the colon", Post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new("TE with a blank before the name", Post + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"),
        new(
            "TE with an underscore",
            Post + "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
            "200 open",
            "POST /a hello") { Check = request => Assert.Empty(request["Transfer_Encoding"]) },
        new(
            "CL with an underscore",
            Post + "Content_Length: 40\r\nContent-Length: 5\r\n\r\nhello",
            "200 open",
            "POST /a hello") { Check = request => Assert.Empty(request["Content_Length"]) },
        new("TE on HTTP/1.0", "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "400 closed"),
        new("TE as trailer", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", "200 open", "POST /a hello"),
        new("CL as trailer", Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 40\r\n\r\n", "200 open", "POST /a hello"),
        new(
            "TE named by Connection",
            Post + "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 open",
            "POST /a hello"),
        new("CL named by Connection", Post + "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello", "200 open", "POST /a hello"),

        new("two equal lengths", Post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 closed"),
        new("two unequal lengths", Post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "400 closed"),
        new("a list of lengths", Post + "Content-Length: 5, 5\r\n\r\nhello", "400 closed"),
        new("length -1", Post + "Content-Length: -1\r\n\r\nhello", "400 closed"),
        new("length 5.0", Post + "Content-Length: 5.0\r\n\r\nhello", "400 closed"),
        new("length 0x5", Post + "Content-Length: 0x5\r\n\r\nhello", "400 closed"),
        new("length 5 and letters", Post + "Content-Length: 5abc\r\n\r\nhello", "400 closed"),
        new("length 1 0", Post + "Content-Length: 1 0\r\n\r\nhello12345", "400 closed"),
        new("length 1_0", Post + "Content-Length: 1_0\r\n\r\nhello12345", "400 closed"),
        new("length empty", Post + "Content-Length: \r\n\r\n", "400 closed"),
        new("length above 64 bits", Post + "Content-Length: 99999999999999999999\r\n\r\nhello", "400 closed"),
        new("length +5", Post + "Content-Length: +5\r\n\r\nhello", "400 closed"),
        new("length +0", Post + "Content-Length: +0\r\n\r\n", "400 closed"),
        new("length -0", Post + "Content-Length: -0\r\n\r\n", "400 closed"),
        new("length +5 on a GET", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "400 closed"),
        new("length behind a vertical tab", Post + "Content-Length: \v5\r\n\r\nhello", "400 closed"),
        new("length before a non-breaking space", Post + "Content-Length: 5\u00a0\r\n\r\nhello", "400 closed"),
        new("length in quotes", Post + "Content-Length: \"5\"\r\n\r\nhello", "400 closed"),
        new("length with a list without blanks", Post + "Content-Length: 5,5\r\n\r\nhello", "400 closed"),
        new("length of 64 bits", Post + "Content-Length: 9223372036854775807\r\n\r\nhello", "400 closed"),
        new("length of 30 digits", Post + $"Content-Length: {new string('0', 29)}5\r\n\r\nhello", "400 closed"),
        new("length of 8,000 digits", Post + $"Content-Length: {new string('9', 8000)}\r\n\r\nhello", "400 closed"),
        new(
            "length and blanks around it, which belong to the field",
            Post + "Content-Length: \t 5 \t\r\n\r\nhello",
            "200 open",
            "POST /a hello") { Check = IsFive },
        new(
            "length with leading zeros, which the app does not see",
            Post + "Content-Length: 0005\r\n\r\nhello",
            "200 open",
            "POST /a hello") { Check = IsFive },
        new("length with a blank before the colon", Post + "Content-Length : 5\r\n\r\nhello", "400 closed"),
        new(
            "a body on a GET is no next request",
            $"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: {Smuggled.Length}\r\n\r\n{Smuggled}",
            "200 open",
            $"GET /a {Smuggled}"),
        new("no length: what follows is the next request", Post + "\r\n" + Smuggled, "200 200 open", "POST /a ", "GET /smuggled "),
        new("Expect: 100-continue, and the body at once", Post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "200 open", "POST /a hello"),
        new("Expect: 100-continue without a body", "GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "200 open", "GET /a "),
        new("pipelined", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "200 200 open", "GET /1 ", "GET /2 "),
    ];

    public static TheoryData<HostileCase> Rows => new(Table);

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = true)]
    public Task Two_parsers_see_one_request_or_none(HostileCase row) => site.RunAsync(row);

    private static void IsFive(SeenRequest request) => Assert.Equal(["5"], request["Content-Length"]);
}
