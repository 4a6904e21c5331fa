using System.Collections.Concurrent;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Apps that do not speak HTTP as they should: their client gets a clear response or a connection that is cut, never somebody else's bytes.</summary>
public sealed class BrokenAppTests(BrokenAppTests.Site site) : IClassFixture<BrokenAppTests.Site>
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";
    private const string Whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    private const string Poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

    /// <summary>It depends on the moment whether the head of the response is out already.</summary>
    private const string Broken = "502 or cut";

    /// <summary>What an app sends, and what its client gets: status and body, or the proxy's own 502.</summary>
    /// <param name="Bytes">After them the app keeps the connection open, ready for another request.</param>
    public sealed record Case(string Name, string Bytes, string Response)
    {
        /// <summary>The app closes the connection behind <see cref="Bytes"/>.</summary>
        public bool Closes { get; init; }

        /// <summary>The connection is clean afterwards and may take another request.</summary>
        public bool IsReusable { get; init; }

        public string Method { get; init; } = "GET";

        /// <summary>A header of the response that its client must get, byte for byte.</summary>
        public (string Name, string Value)? Header { get; init; }

        public override string ToString() => Name;
    }

    private static readonly Case[] Heads =
    [
        new("garbage", "garbage\r\n\r\n", "502"),
        new("garbage without an end", new string('x', 1 << 20), "502"),
        new("binary garbage", "\0\u0001\u00ff\u00fe\r\n\r\n", "502"),
        new("a body without a head", "hello\r\n", "502") { Closes = true },
        new("a TLS server", "\u0015\u0003\u0001\0\u0002\u0002\n", "502") { Closes = true },
        new("nothing", "", "502") { Closes = true },
        new("half a status line", "HTTP/1.1 20", "502") { Closes = true },
        new("half a head", Ok + "Content-Le", "502") { Closes = true },
        new("two status lines", Ok + Whole, "502"),
        new("a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a status that is no number", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a status above 599", "HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\nhello", "999 hello") { IsReusable = true },
        new("another protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "502"),
        new("no reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "200 hello") { IsReusable = true },
        new("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello"),
        new("HTTP/1.0 in chunks", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "502"),
        new("lines that end with LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "502") { Closes = true },
        new("lines that end with LF, and nothing more", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "502"),
        new("a status line that is none, and nothing more", "HTTP/1.1 abc OK\r\n", "502"),
        new("a field that is none, and nothing more", Ok + "Server: a\r\ngarbage\r\nX-A", "502"),
        new("a field that ends with LF, and nothing more", Ok + "Server: a\n", "502"),
        new("NUL in a value, and nothing more", Ok + "X-A: b\0", "502"),
        new("a bare CR in a value, and nothing more", Ok + "X-A: b\rc", "502"),
        new("a line that ends with LF", Ok + "X-A: b\nContent-Length: 5\r\n\r\nhello", "502"),
        new("a blank line before it", "\r\n" + Whole, "502"),
        new("a blank before a colon", Ok + "Content-Length : 5\r\n\r\nhello", "502"),
        new("a reason beyond ASCII", "HTTP/1.1 200 Tr\u00e8s bien\r\nContent-Length: 5\r\n\r\nhello", "200 hello") { IsReusable = true },
        new("a control character in the reason", "HTTP/1.1 200 O\u0001K\r\nContent-Length: 5\r\n\r\nhello", "502"),
        new("it closes", Ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", "200 hello"),
        new("408", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate", "408 late"),
        new("a field without a colon", Ok + "garbage\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a field without a name", Ok + ": b\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a blank in a field's name", Ok + "X A: b\r\nContent-Length: 0\r\n\r\n", "502"),
        new("NUL in a value", Ok + "X-A: b\0c\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a control character in a value", Ok + "X-A: b\u0001c\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a bare CR in a value", Ok + "X-A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n", "502"),
        new(
            "a value beyond ASCII",
            Ok + "X-A: caf\u00c3\u00a9 \u00ff\r\nContent-Length: 5\r\n\r\nhello",
            "200 hello") { IsReusable = true, Header = ("X-A", "caf\u00c3\u00a9 \u00ff") },
        new("a folded field", Ok + "X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello", "502"),
        new("a head of 40 KB", Ok + $"X-A: {new string('a', 40 * 1024)}\r\nContent-Length: 5\r\n\r\nhello", "200 hello") { IsReusable = true },
        new("a head of 1 MB in one field", Ok + $"X-A: {new string('a', 1 << 20)}\r\nContent-Length: 0\r\n\r\n", "502"),
        new("a head of 100,000 fields", Ok + string.Concat(Enumerable.Range(0, 100_000).Select(i => $"X-{i}: {i}\r\n")), "502"),
    ];

    private static readonly Case[] Bodies =
    [
        new("shorter than its length", Ok + "Content-Length: 10\r\n\r\nhello", Broken) { Closes = true },
        new("longer than its length", Ok + "Content-Length: 5\r\n\r\nhello, world", "200 hello"),
        new("a second response behind it", Whole + Poison, "200 hello"),
        new("chunks that end early", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Broken) { Closes = true },
        new("a chunk that ends early", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", Broken) { Closes = true },
        new("a chunk size that is none", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", Broken),
        new("a chunk size above 64 bits", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nFFFFFFFFFFFFFFFFF\r\n", Broken),
        new("a chunk longer than its size", Ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", Broken),
        new("chunks and a second response", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + Poison, "200 hello"),
        new("chunks and trailers", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", "200 hello") { IsReusable = true },
        new("a chunk that ends with LF", Ok + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", Broken),
        new("a chunk of no size", Ok + "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", Broken),
        new("a chunk with a sign", Ok + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", Broken),
        new("a chunk with 0x", Ok + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", Broken),
        new("a chunk with an extension", Ok + "Transfer-Encoding: chunked\r\n\r\n5 ;a=b\r\nhello\r\n0\r\n\r\n", "200 hello") { IsReusable = true },
        new("a chunk with CR in its extension", Ok + "Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", Broken),
        new("an extension without an end", Ok + "Transfer-Encoding: chunked\r\n\r\n5;" + new string('a', 1 << 20), Broken),
        new("trailers without an end", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: " + new string('a', 1 << 20), Broken),
        new("a trailer that is none", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngarbage\r\n\r\n", Broken),
        new("a chunk size that is none, and nothing more", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz", Broken),
        new("a trailer that ends with LF, and nothing more", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\n\n", Broken),
        new("a last chunk that ends with LF, and nothing more", Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\n", Broken),
        new("a length with a sign", Ok + "Content-Length: +5\r\n\r\nhello", "502"),
        new("a length of nothing", Ok + "Content-Length: \r\n\r\nhello", "502"),
        new("a length of 19 digits", Ok + "Content-Length: 9999999999999999999\r\n\r\nhello", "502"),
        new("a length and chunks", Ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "502"),
        new("chunks and a length", Ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "502"),
        new("two lengths", Ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "502"),
        new("two equal lengths", Ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "502"),
        new("a list of lengths", Ok + "Content-Length: 5, 5\r\n\r\nhello", "502"),
        new("a length below zero", Ok + "Content-Length: -1\r\n\r\nhello", "502"),
        new("a length that is none", Ok + "Content-Length: many\r\n\r\nhello", "502"),
        new("another coding", Ok + "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "502"),
        new("chunked twice", Ok + "Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "502"),
        new("up to the end of the connection", Ok + "\r\nhello", "200 hello") { Closes = true },
        new("204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204 "),
        new("304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "304 "),
        new("HEAD with a body", Whole, "200 ") { Method = "HEAD" },
    ];

    private static readonly Case[] Interim =
    [
        new("100 unasked", "HTTP/1.1 100 Continue\r\n\r\n" + Whole, "200 hello"),
        new("102", "HTTP/1.1 102 Processing\r\n\r\n" + Whole, "200 hello"),
        new("103 with hints", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + Whole, "200 hello"),
        new("199", "HTTP/1.1 199 Odd\r\n\r\n" + Whole, "200 hello"),
        new("a hundred of them", string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100)) + Whole, "200 hello"),
        new("100 and nothing more", "HTTP/1.1 100 Continue\r\n\r\n", "502") { Closes = true },
        new("101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "502"),
        new("101 unasked for nothing", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n" + Poison, "502"),
        new("101 unasked and a response", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + Poison, "502"),
    ];

    public static TheoryData<Case> Rows => [.. Heads, .. Bodies, .. Interim];

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = true)]
    public Task A_broken_response_harms_nobody_else(Case row) => site.RunAsync(row);

    /// <summary>A proxy, and an app that responds as the row says, and notes which connection is used again.</summary>
    public sealed class Site : IAsyncLifetime
    {
        private readonly ConcurrentQueue<string> _reused = [];
        private readonly RawServer _app;
        private DataPlane? _proxy;
        private Case? _row;

        public Site() => _app = new RawServer(async (stream, _, cancellation) =>
        {
            Case? said = null;
            while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
            {
                if (said is not null)
                {
                    _reused.Enqueue(said.Name);
                }

                if (!head.Contains("/row ", StringComparison.Ordinal))
                {
                    await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain", cancellation);
                    continue;
                }

                said = _row!;
                await RawServer.WriteAsync(stream, said.Bytes, cancellation);
                if (said.Closes)
                {
                    return;
                }
            }
        });

        public async ValueTask InitializeAsync() => _proxy = await DataPlane.StartAsync(_app.Address, "http://127.0.0.1:1");

        public async ValueTask DisposeAsync()
        {
            await _proxy!.DisposeAsync();
            await _app.DisposeAsync();
        }

        internal async Task RunAsync(Case row)
        {
            _proxy!.Connections.CloseIdle(SlotName.Blue); // every row has connections of its own
            _row = row;
            _reused.Clear();
            using (var client = await RawClient.ConnectAsync(_proxy!))
            {
                await client.SendAsync($"{row.Method} /row HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
                var response = await client.ReadResponseAsync(row.Method);

                Assert.Equal(
                    row.Response,
                    response is not { IsWhole: true } ? Broken
                        : response.Status != 502 ? $"{response.Status} {response.Body}"
                        : row.Response == Broken ? Broken : "502");
                if (response is { Status: 502 })
                {
                    Assert.Contains("The app (blue) ", response.Body, StringComparison.Ordinal); // the proxy's own words
                }

                if (row.Header is var (name, value))
                {
                    Assert.Equal(value, response!.Headers[name]);
                }
            }

            await Eventually.TrueAsync(() => _proxy!.Slots.Active.InFlight.Total == 0, "no lease is out");
            for (var i = 0; i < 2; i++)
            {
                Assert.Equal("plain", await _proxy!.Client.GetStringAsync("/plain", TestContext.Current.CancellationToken));
            }

            Assert.Equal(row.IsReusable ? [row.Name] : [], _reused.Distinct());
        }
    }
}
