using System.Net.Sockets;
using System.Text;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Upstream;

/// <summary>Bytes that an app sends beyond its response must never be the response to somebody else's request.</summary>
/// <remarks>gunicorn's threaded workers write head and body apart, and Django gives HEAD, 204 and 304 a body.</remarks>
public sealed class ForeignBytesTests
{
    private const string Foreign = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> Responses => new()
    {
        // the method, a response that is complete, and what the app sends beyond it
        { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n", Foreign },
        { "GET", "HTTP/1.1 204 No Content\r\n\r\n", Foreign },
        { "GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 43\r\n\r\n", Foreign },
        { "GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", Foreign },
        { "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 43\r\n\r\n", Foreign },
        { "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Foreign },
        { "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Foreign },
        { "GET", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", Foreign },
        { "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Foreign },
        { "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", Foreign },
    };

    public static TheoryData<string, string, string, bool> ResponsesOverEach =>
        [.. from row in Responses from isUnix in new[] { false, true } select (row.Data.Item1, row.Data.Item2, row.Data.Item3, isUnix)];

    /// <summary>The rest comes with the response, soon after it, or when the next request has been sent.</summary>
    [Theory]
    [MemberData(nameof(ResponsesOverEach))]
    public async Task What_comes_beyond_a_response_reaches_nobody(string method, string response, string beyond, bool isUnix)
    {
        using var directory = new TemporaryDirectory();
        foreach (var (pieces, isLate) in new[] { (1, false), (2, false), (int.MaxValue, false), (1, true) })
        {
            await using var server = new RawServer(
                async (stream, _, cancellation) =>
                {
                    while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
                    {
                        if (head.Contains("/next", StringComparison.Ordinal))
                        {
                            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", cancellation);
                            continue;
                        }

                        await WriteInPiecesAsync(stream, isLate ? response : response + beyond, pieces, cancellation);
                        if (isLate)
                        {
                            // As late as can be: when something else is sent on this connection, or never.
                            await RawServer.ReadHeadAsync(stream, cancellation);
                            await RawServer.WriteAsync(stream, beyond, cancellation);
                        }
                    }
                },
                isUnix ? directory[$"{pieces}{isLate}"] : null);
            await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

            for (var i = 0; i < 5; i++)
            {
                using (var request = new HttpRequestMessage(new HttpMethod(method), "/first"))
                using (var first = await proxy.Client.SendAsync(request, Cancellation))
                {
                    Assert.True(first.IsSuccessStatusCode || (int)first.StatusCode is 304 or 408, $"{first.StatusCode}");
                }

                await Eventually.TrueAsync(
                    () => proxy.Connections.Open(SlotName.Blue) == proxy.Connections.Idle(SlotName.Blue) && server.Open <= 1, "it is closed");
                Assert.Equal("next", await proxy.Client.GetStringAsync("/next", Cancellation));
                proxy.Connections.CloseIdle(SlotName.Blue);
            }
        }
    }

    /// <summary>An app that writes the rest of a response two seconds later, whatever has become of its connection, while others ask on.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_comes_two_seconds_late_reaches_nobody(bool isUnix)
    {
        var (late, rows) = (0, Responses.Select(row => row.Data).ToList());
        using var directory = new TemporaryDirectory();
        await using var server = new RawServer(
            async (stream, _, cancellation) =>
            {
                var rest = Task.CompletedTask;
                while (await RawServer.ReadHeadAsync(stream, cancellation) is { Length: > 0 } head)
                {
                    var path = head.Split(' ')[1];
                    await rest; // where a connection is used again, the rest is the first thing that comes
                    if (!path.StartsWith("/late/", StringComparison.Ordinal))
                    {
                        await RawServer.WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {path.Length}\r\n\r\n{path}", cancellation);
                        continue;
                    }

                    var row = rows[int.Parse(path["/late/".Length..], System.Globalization.CultureInfo.InvariantCulture)];
                    await RawServer.WriteAsync(stream, row.Item2, cancellation);
                    rest = BeyondAsync(stream, row.Item3, cancellation);
                }

                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation); // the end of the other side is no reason to close
            },
            isUnix ? directory["app"] : null);
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");
        for (var i = 0; i < rows.Count; i++)
        {
            using var request = new HttpRequestMessage(new HttpMethod(rows[i].Item1), $"/late/{i}");
            using var response = await proxy.Client.SendAsync(request, Cancellation);
            Assert.True(response.IsSuccessStatusCode || (int)response.StatusCode is 304 or 408, $"{response.StatusCode}");
            Assert.Equal($"/next/{i}", await proxy.Client.GetStringAsync($"/next/{i}", Cancellation));
        }

        for (var i = 0; Volatile.Read(ref late) < rows.Count; i++)
        {
            Assert.Equal($"/next/{i}", await proxy.Client.GetStringAsync($"/next/{i}", Cancellation));
        }

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal($"/last/{i}", await proxy.Client.GetStringAsync($"/last/{i}", Cancellation));
        }

        async Task BeyondAsync(NetworkStream stream, string beyond, CancellationToken cancellation)
        {
            await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, cancellation);
            await RawServer.WriteAsync(stream, beyond, cancellation).AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it may be closed
            Interlocked.Increment(ref late);
        }
    }

    /// <summary>What is complete and ordinary is reused: the tests above would pass with a connection for each request.</summary>
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")]
    public async Task An_ordinary_response_leaves_a_connection_for_the_next_request(string sent)
    {
        foreach (var pieces in new[] { 1, 2, int.MaxValue })
        {
            await using var server = new RawServer(async (stream, _, cancellation) =>
            {
                while ((await RawServer.ReadHeadAsync(stream, cancellation)).Length > 0)
                {
                    await WriteInPiecesAsync(stream, sent, pieces, cancellation);
                }
            });
            await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

            for (var i = 0; i < 5; i++)
            {
                using var response = await proxy.Client.GetAsync("/", Cancellation);
                await response.Content.ReadAsStringAsync(Cancellation);
            }

            Assert.Equal(1, server.Connections);
        }
    }

    /// <summary>A client that leaves in the middle of a response takes its connection along.</summary>
    [Fact]
    public async Task A_response_that_is_not_read_to_its_end_ends_its_connection()
    {
        await using var server = new RawServer(async (stream, connection, cancellation) =>
        {
            while ((await RawServer.ReadHeadAsync(stream, cancellation)).Length > 0)
            {
                var isFirst = connection == 0;
                await RawServer.WriteAsync(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {(isFirst ? 100 : 2)}\r\n\r\nok", cancellation);
            }
        });
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1");

        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.NotNull(await client.ReadAsync(20));
        }

        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 0, "the connection is closed");
        Assert.Equal("ok", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    /// <summary>Pieces of a body that is not buffered reach the app when they come: it may respond to each.</summary>
    [Theory]
    [InlineData("Content-Length: 3", "{0}")]
    [InlineData("Transfer-Encoding: chunked", "1\r\n{0}\r\n")]
    public async Task A_piece_of_a_body_is_passed_on_when_it_comes(string framing, string piece)
    {
        using var received = new SemaphoreSlim(0);
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            for (var letter = 'a'; letter <= 'c';)
            {
                var one = new byte[1];
                await stream.ReadExactlyAsync(one, cancellation);
                if (one[0] == letter)
                {
                    letter++;
                    received.Release();
                }
            }

            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(server.Address, "http://127.0.0.1:1", options => options.Upstream.Buffering.ExcludePaths = ["/"]);
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        foreach (var letter in "abc")
        {
            await client.SendAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, piece, letter));
            Assert.True(await received.WaitAsync(Eventually.Patience, Cancellation), $"{letter} has not reached the app");
        }

        await client.SendAsync(framing.StartsWith("Transfer", StringComparison.Ordinal) ? "0\r\n\r\n" : "");
        Assert.Equal("ok", (await client.ReadResponseAsync())!.Body);
    }

    private static async Task WriteInPiecesAsync(NetworkStream stream, string text, int pieces, CancellationToken cancellation)
    {
        if (stream.Socket.AddressFamily != AddressFamily.Unix)
        {
            stream.Socket.NoDelay = true;
        }

        var bytes = Encoding.Latin1.GetBytes(text);
        var size = Math.Max(1, (bytes.Length + pieces - 1) / Math.Max(1, Math.Min(pieces, bytes.Length)));
        foreach (var piece in bytes.Chunk(size))
        {
            await stream.WriteAsync(piece, cancellation);
        }
    }
}
