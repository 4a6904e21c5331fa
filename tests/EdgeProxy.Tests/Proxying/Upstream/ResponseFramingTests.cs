using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Upstream;

/// <summary>Where responses end, for many that are cut and damaged by chance: read alike in any pieces, never beyond what frames them, and as a second, slow
/// reader of the RFC has it.</summary>
public sealed partial class ResponseFramingTests
{
    private const int Rounds = 20_000;

    private static readonly string[] Heads =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204\r\nConnection: close, X-A\r\nX-A: content-length: 5\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: /a?b=Content-Length\r\nContent-Type: text/plain\r\nContent-Length: 123456789\r\n\r\n",
    ];

    private static readonly string[] Bodies =
    [
        "5\r\nhello\r\n0\r\n\r\n",
        "1;ext=\"a;b\"\r\nx\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
        "A \r\n0\r\n\r\n5\r\nfo\r\n3\r\nabc\r\n000\r\n\r\n",
        "2\r\n\r\n\r\n0;last\r\n\r\n",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_chunked_body_is_the_same_in_any_pieces_and_ends_where_it_says()
    {
        var random = new Random(16);
        var (whole, invalid) = (0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            var text = Damaged(Bodies[random.Next(Bodies.Length)], random, random.Next(4)) + "HTTP/1.1 200 OK\r\n\r\n";
            var bytes = Encoding.Latin1.GetBytes(text);

            var expected = ReadSlowly(text);
            Assert.True(expected == Read(bytes, bytes.Length, random), $"at once: {Shown(text)}");
            Assert.True(expected == Read(bytes, 1, random), $"byte by byte: {Shown(text)}");
            Assert.True(expected == Read(bytes, 7, random), $"in pieces: {Shown(text)}");
            whole += expected.Length > 0 ? 1 : 0;
            invalid += expected.Length < 0 ? 1 : 0;
        }

        Assert.True(whole > Rounds / 10 && invalid > Rounds / 10, $"{whole} whole, {invalid} invalid: too few of a kind to prove anything");
    }

    [Fact]
    public void A_head_that_is_accepted_frames_its_body_in_one_way()
    {
        var random = new Random(17);
        var accepted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var text = Damaged(Heads[random.Next(Heads.Length)], random, random.Next(4));
            using var response = new HttpResponseMessage { Content = new ByteArrayContent([]) };
            var head = new ResponseHead();
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            text = end < 0 ? text + "\r\n\r\n" : text[..(end + 4)];
            if (ResponseHeadParser.Parse(Encoding.Latin1.GetBytes(text), response, ref head) is not null)
            {
                continue;
            }

            accepted++;
            var lines = text[..^4].Split("\r\n");
            Assert.True(StatusLine.IsMatch(lines[0]), Shown(text));
            Assert.All(lines.Skip(1), line => Assert.True(Field.IsMatch(line), Shown(text)));
            var (lengths, codings) = (ValuesOf(lines, "Content-Length"), ValuesOf(lines, "Transfer-Encoding"));
            Assert.True(lengths.Count + codings.Count <= 1, Shown(text));
            Assert.True(head.Length == (lengths.Count == 0 ? -1 : long.Parse(lengths[0], NumberStyles.None, CultureInfo.InvariantCulture)), Shown(text));
            Assert.True(
                head.IsChunked == (codings.Count == 1) && (codings.Count == 0 || codings[0].Equals("chunked", StringComparison.OrdinalIgnoreCase)),
                Shown(text));
            Assert.True(!head.IsChunked || !head.IsHttp10, Shown(text));
        }

        Assert.True(accepted > Rounds / 10, $"{accepted} heads were accepted: too few to prove anything");
    }

    /// <summary>
    /// A whole proxy, whose app sends damaged responses with the response to nobody behind them: each client gets its own. In one write: what an app sends
    /// later behind a GET's whole response is, to everyone, the response to the next request.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_an_app_sends_its_next_client_gets_its_own_response(bool isUnix)
    {
        using var directory = new TemporaryDirectory();
        await using var server = new RawServer(ServeAsync, isUnix ? directory["app"] : null);
        await using var proxy = await DataPlane.StartAsync(
            // what lacks its end is given up
            server.Address, "http://127.0.0.1:1", options => options.Upstream.ActivityTimeout = TimeSpan.FromMilliseconds(100));
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation }, async (seed, _) =>
        {
            using (var client = await RawClient.ConnectAsync(proxy))
            {
                await client.SendAsync($"{(seed % 5 == 0 ? "HEAD" : "GET")} /damaged/{seed} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                await client.ReadToEndAsync();
            }

            using var next = await proxy.Client.GetAsync($"/next/{seed}", Cancellation);
            var body = await next.Content.ReadAsStringAsync(Cancellation);
            Assert.True(body == $"/next/{seed}" || (int)next.StatusCode == 504, body); // 504: the machine is too busy for 100 ms
        });
    }

    private static async Task ServeAsync(NetworkStream stream, int connection, CancellationToken cancellation)
    {
        while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } request)
        {
            var path = request.Split(' ')[1];
            if (path.StartsWith("/next/", StringComparison.Ordinal))
            {
                await RawServer.WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {path.Length}\r\n\r\n{path}", cancellation);
                continue;
            }

            var random = new Random(int.Parse(path.Split('/')[2], CultureInfo.InvariantCulture));
            var head = Heads[random.Next(2)];
            var response = Damaged(
                head + (head.Contains("chunked", StringComparison.Ordinal) ? Bodies[random.Next(Bodies.Length)] : "hello"), random, random.Next(3));
            response += random.Next(2) == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign" : "";
            await RawServer.WriteAsync(stream, response, cancellation);
        }
    }

    /// <summary>A byte more, less, another or twice, so many times.</summary>
    private static string Damaged(string text, Random random, int times)
    {
        const string Bytes = "\r\n\0\t :;,0123456789abcxZ\u00e9";
        for (; times > 0; times--)
        {
            var at = random.Next(text.Length);
            text = random.Next(4) switch
            {
                0 => text.Insert(at, $"{Bytes[random.Next(Bytes.Length)]}"),
                1 => text.Remove(at, 1),
                2 => text.Remove(at, 1).Insert(at, $"{Bytes[random.Next(Bytes.Length)]}"),
                _ => text.Insert(at, text.Substring(at, random.Next(Math.Min(20, text.Length - at)))),
            };
        }

        return text;
    }

    /// <summary>As <c>ResponseBody</c> uses the reader.</summary>
    /// <returns>The body, and how many bytes it was with its framing; 0: its end has not come. -1: it is invalid.</returns>
    private static (string Body, int Length) Read(byte[] bytes, int longestPiece, Random random)
    {
        var (reader, body, taken, received) = (new ChunkedReader(), new StringBuilder(), 0, 0);
        while (received < bytes.Length)
        {
            received = Math.Min(bytes.Length, received + (longestPiece == bytes.Length ? bytes.Length : random.Next(1, longestPiece + 1)));
            while (true)
            {
                var rest = bytes.AsSpan(taken, received - taken);
                if (reader.Remaining > 0)
                {
                    var count = (int)Math.Min(reader.Remaining, rest.Length);
                    body.Append(Encoding.Latin1.GetString(rest[..count]));
                    reader.Take(count);
                    taken += count;
                    if (reader.Remaining > 0)
                    {
                        break;
                    }

                    continue;
                }

                var isLast = reader.IsBehindLastChunk;
                var framing = isLast ? ChunkedReader.FindEndOfTrailers(rest) : reader.ReadSize(rest);
                if (framing < 0)
                {
                    return ("", -1);
                }

                if (framing == 0)
                {
                    break;
                }

                taken += framing;
                if (isLast)
                {
                    return (body.ToString(), taken);
                }
            }
        }

        return ("", 0);
    }

    /// <summary>RFC 9112 section 7.1 as regular expressions, over all bytes at once.</summary>
    private static (string Body, int Length) ReadSlowly(string text)
    {
        var (body, at) = (new StringBuilder(), 0);
        while (true)
        {
            var end = text.IndexOf('\n', at);
            if (end < 0)
            {
                return ("", 0);
            }

            if (ChunkSize.Match(text[at..(end + 1)]) is not { Success: true } line)
            {
                return ("", -1);
            }

            at = end + 1;
            var size = long.Parse(line.Groups[1].Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (size == 0)
            {
                var trailers = text[at..].StartsWith("\r\n", StringComparison.Ordinal) ? at : text.IndexOf("\r\n\r\n", at, StringComparison.Ordinal) + 2;
                return trailers < at ? ("", 0) : (body.ToString(), trailers + 2);
            }

            if (text.Length - at < size)
            {
                return ("", 0);
            }

            body.Append(text, at, (int)size);
            at += (int)size;
            var separator = text[at..Math.Min(at + 2, text.Length)];
            if (separator != "\r\n")
            {
                return ("", "\r\n".StartsWith(separator, StringComparison.Ordinal) ? 0 : -1);
            }

            at += 2;
        }
    }

    private static List<string> ValuesOf(IEnumerable<string> lines, string name) =>
        [.. lines.Skip(1).Select(line => line.Split(':', 2)).Where(field => field[0].Equals(name, StringComparison.OrdinalIgnoreCase))
            .Select(field => field[1].Trim(' ', '\t'))];

    private static string Shown(string text) => text.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    [GeneratedRegex(@"\A([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r\n\z")]
    private static partial Regex ChunkSize { get; }

    [GeneratedRegex(@"\AHTTP/1\.[0-9] [1-9][0-9]{2}( [\t\x20-\x7e\x80-\xff]*)?\z")]
    private static partial Regex StatusLine { get; }

    [GeneratedRegex(@"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\z")]
    private static partial Regex Field { get; }
}
