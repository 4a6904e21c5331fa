using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying.Upgrades;

/// <summary>What one end of a WebSocket has sent before its end reaches the other, however closely the end follows.</summary>
public sealed class LastWordsTests
{
    private const int Times = 200;

    private static readonly byte[] _closeFrame = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<Transport, int> All =>
        [.. from transport in Enum.GetValues<Transport>() from size in new[] { 0, 20_000, 1_000_000 } select (transport, size)];

    /// <summary>0 stands for a Close frame.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public async Task What_a_client_sends_before_its_end_reaches_the_app(Transport transport, int size)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, received.ReadToEndAsync);
        var words = Words(size, masked: true);
        var lost = 0;
        for (var i = 0; i < Times; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAndEndAsync(words);
            if (client.IsHttp2)
            {
                client.EndConnection();
            }

            lost += (await received.NextAsync()).AsSpan().SequenceEqual(words) ? 0 : 1;
        }

        Assert.Equal(0, lost);
        await NothingIsLeftAsync(site);
    }

    /// <summary>The connection ends, without an end of the stream.</summary>
    [Theory]
    [InlineData(Transport.Http2, 0)]
    [InlineData(Transport.Http2, 20_000)]
    [InlineData(Transport.Http2, 600_000)]
    [InlineData(Transport.Http2Tls, 20_000)]
    public async Task What_a_client_sends_before_its_HTTP2_connection_ends_reaches_the_app(Transport transport, int size)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, received.ReadToEndAsync);
        var words = Words(size, masked: true);
        var clients = new List<TunnelClient>();
        for (var i = 0; i < Times; i++)
        {
            var client = await site.ConnectAsync();
            clients.Add(client);
            await client.SendAsync(words);
            client.EndConnection();
        }

        var lengths = new List<int>();
        foreach (var client in clients)
        {
            lengths.Add((await received.NextAsync()).Length);
            await client.DisposeAsync();
        }

        Assert.Equal(Enumerable.Repeat(words.Length, Times), lengths);
        await NothingIsLeftAsync(site);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task What_the_app_sends_before_its_end_reaches_the_client(Transport transport, int size)
    {
        var words = Words(size, masked: false);
        await using var site = await TunnelSite.StartAsync(transport, (stream, cancellation) => stream.WriteAsync(words, cancellation).AsTask());
        var lost = 0;
        for (var i = 0; i < Times; i++)
        {
            await using var client = await site.ConnectAsync();
            if (size == 0)
            {
                await client.SendAsync(_closeFrame); // its response: the close is complete
            }

            lost += (await client.ReadToEndAsync()).AsSpan().SequenceEqual(words) ? 0 : 1;
            Assert.Equal(client.IsHttp2, client.HasEnded);
        }

        Assert.Equal(0, lost);
        await NothingIsLeftAsync(site);
    }

    /// <summary>A peer that closes a socket with something unread in it resets it; what was sent before is there all the same.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http2)]
    public async Task What_the_app_sends_before_it_resets_reaches_the_client(Transport transport)
    {
        var words = Words(20_000, masked: false);
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            await stream.ReadExactlyAsync(new byte[1], cancellation);
            await stream.WriteAsync(words, cancellation);
            stream.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        });
        var lost = 0;
        for (var i = 0; i < Times; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAsync(Words(20_000, masked: true));
            lost += (await client.ReadToEndAsync()).AsSpan().SequenceEqual(words) ? 0 : 1;
        }

        Assert.Equal(0, lost);
        await NothingIsLeftAsync(site);
    }

    /// <summary>RFC 8441 section 5: END_STREAM is what the end of a TCP connection is.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http1Tls)]
    [InlineData(Transport.Http2)]
    [InlineData(Transport.Http2Tls)]
    public async Task The_end_of_a_client_reaches_the_app_which_may_still_respond(Transport transport)
    {
        var words = Words(1_000_000, masked: false);
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            await new ReceivedByApp().ReadToEndAsync(stream, cancellation);
            await stream.WriteAsync(words, cancellation);
        });
        for (var i = 0; i < 20; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAndEndAsync(Words(20_000, masked: true));

            Assert.Equal(words, await client.ReadToEndAsync());
            Assert.Equal(client.IsHttp2, client.HasEnded);
        }

        await NothingIsLeftAsync(site);
    }

    /// <summary>The reset is right behind the words: the proxy's kernel has both at once.</summary>
    [Theory]
    [InlineData(Transport.Http1, 0)]
    [InlineData(Transport.Http1, 20_000)]
    [InlineData(Transport.Http1Tls, 0)]
    [InlineData(Transport.Http1Tls, 20_000)]
    [InlineData(Transport.Http2, 20_000)]
    [InlineData(Transport.Http2Tls, 20_000)]
    public async Task What_a_client_sends_before_it_resets_reaches_the_app(Transport transport, int size)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, received.ReadToEndAsync);
        var words = Words(size, masked: true);
        for (var i = 0; i < Times; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAsync(words);
            client.ResetConnection();
        }

        var lengths = new List<int>();
        while (lengths.Count < Times)
        {
            lengths.Add((await received.NextAsync()).Length);
        }

        Assert.Equal(Enumerable.Repeat(words.Length, Times), lengths);
        await NothingIsLeftAsync(site);
    }

    /// <summary>As a tab that is closed: its kernel resets the connection, because what the app has pushed was not read.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http1Tls)]
    public async Task What_a_client_sends_before_it_closes_with_something_unread_reaches_the_app(Transport transport)
    {
        var received = new ReceivedByApp();
        var (question, words) = (Words(1, masked: true), Words(20_000, masked: true));
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            await stream.ReadExactlyAsync(new byte[question.Length], cancellation);
            await stream.WriteAsync(Words(100, masked: false), cancellation);
            var push = PushAsync(stream, cancellation);
            await received.ReadToEndAsync(stream, cancellation);
            await push;
        });
        var lengths = new List<int>();
        for (var i = 0; i < Times; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAsync(question);
            await Eventually.TrueAsync(() => client.Unread > 0, "the push has come");
            await client.SendAsync(words);
            client.Close();
            lengths.Add((await received.NextAsync()).Length);
        }

        Assert.Equal(Enumerable.Repeat(words.Length, Times), lengths);
        await NothingIsLeftAsync(site);

        // More of them are on their way to a client that is gone: sending fails while there is something to receive.
        static async Task PushAsync(NetworkStream stream, CancellationToken cancellation)
        {
            try
            {
                for (var i = 0; i < 20; i++)
                {
                    await stream.WriteAsync(Words(100, masked: false), cancellation);
                }
            }
            catch (IOException)
            {
                // The tunnel is over.
            }
        }
    }

    /// <summary>By then the proxy has received it: it is there.</summary>
    [Theory]
    [InlineData(Transport.Http1, false)]
    [InlineData(Transport.Http1Tls, false)]
    [InlineData(Transport.Http2, false)]
    [InlineData(Transport.Http2, true)]
    [InlineData(Transport.Http2Tls, true)]
    public async Task A_client_that_resets_ends_the_connection_to_the_app_in_order(Transport transport, bool streamOnly)
    {
        var received = new ReceivedByApp();
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            await stream.WriteAsync("x"u8.ToArray(), cancellation);
            await received.ReadToEndAsync(stream, cancellation);
        });
        var words = Words(20_000, masked: true);
        for (var i = 0; i < 5; i++)
        {
            await using var client = await site.ConnectAsync();
            await client.SendAsync(words);
            await Eventually.TrueAsync(() => site.Proxy.Slots.Active.InFlight.WebSocket == 1, "it is a tunnel");
            await (streamOnly ? client.ResetStreamAsync() : Task.Run(client.ResetConnection, Cancellation));
            await received.NextAsync();
        }

        await NothingIsLeftAsync(site);
    }

    /// <summary>
    /// What the proxy has received by then is the app's, however late it reads, and its end is one in order: a reset would take away what is under way.
    /// </summary>
    [Theory]
    [InlineData(Transport.Http1, 20_000)]
    [InlineData(Transport.Http1, 3_000_000)]
    [InlineData(Transport.Http1Tls, 20_000)]
    [InlineData(Transport.Http2, 20_000)]
    [InlineData(Transport.Http2, 600_000)]
    [InlineData(Transport.Http2Tls, 20_000)]
    public async Task What_was_received_of_a_client_that_resets_reaches_an_app_that_reads_late(Transport transport, int size)
    {
        var (received, left) = (new ReceivedByApp(), new SemaphoreSlim(0));
        Socket? app = null;
        await using var site = await TunnelSite.StartAsync(transport, async (stream, cancellation) =>
        {
            app = stream.Socket;
            await left.WaitAsync(cancellation);
            await received.ReadToEndAsync(stream, cancellation);
        });
        var words = Words(size, masked: true);
        for (var i = 0; i < 10; i++)
        {
            app = null;
            await using var client = await site.ConnectAsync();
            var sending = client.SendAsync(words);
            var before = 0;
            await Eventually.TrueAsync(
                () =>
                {
                    var now = app?.Available ?? 0;
                    var isAll = now == words.Length || (size > 100_000 && now > 0 && now == before); // more than that the app's kernel does not take
                    before = now;
                    return isAll;
                },
                "the words are with the app's kernel");
            client.ResetConnection();
            await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Open == 0 || size > 100_000, "the proxy knows");
            left.Release();
            await sending.WaitAsync(Eventually.Patience, Cancellation)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

            var arrived = await received.NextAsync();
            Assert.True(words.AsSpan().StartsWith(arrived), "it is what the client has sent");
            Assert.True(arrived.Length >= before, $"{arrived.Length} bytes, {before} had been received");
        }

        await NothingIsLeftAsync(site);
    }

    /// <summary>An app that reads no more and goes on to push would keep its connection, and the client's last words, for nobody.</summary>
    [Theory]
    [InlineData(Transport.Http1)]
    [InlineData(Transport.Http1Tls)]
    public async Task A_client_that_has_left_is_not_kept_by_an_app_that_only_pushes(Transport transport)
    {
        var time = new FakeTimeProvider();
        await using var site = await TunnelSite.StartAsync(
            transport,
            async (stream, cancellation) =>
            {
                try
                {
                    while (true)
                    {
                        await stream.WriteAsync(Words(100, masked: false), cancellation);
                        await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancellation); // a push now and then, not a flood
                    }
                }
                catch (IOException)
                {
                    // The tunnel is over.
                }
            },
            time);
        await using var client = await site.ConnectAsync();
        var sending = client.SendAsync(Words(30_000_000, masked: true)); // more than all buffers on the way hold
        await Eventually.TrueAsync(() => client.Unread > 1000, "it is pushed to");

        client.ResetConnection();
        await sending.WaitAsync(Eventually.Patience, Cancellation)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(5));
                return site.Proxy.Slots.Active.InFlight.WebSocket == 0;
            },
            "the app is told");

        await NothingIsLeftAsync(site);
    }

    private static byte[] Words(int size, bool masked)
    {
        byte[] close = masked ? _closeFrame : [0x88, 2, 0x03, 0xE8];
        if (size == 0)
        {
            return close;
        }

        var payload = new byte[size];
        new Random(size).NextBytes(payload);
        byte[] length = size < 65_536
            ? [126, (byte)(size >> 8), (byte)size]
            : [127, 0, 0, 0, 0, (byte)(size >> 24), (byte)(size >> 16), (byte)(size >> 8), (byte)size];
        length[0] |= masked ? (byte)0x80 : (byte)0;
        return [0x82, .. length, .. masked ? new byte[4] : [], .. payload];
    }

    private static async Task NothingIsLeftAsync(TunnelSite site)
    {
        await site.Proxy.Slots.Active.WaitIdleAsync(Cancellation).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        Assert.Equal(0, site.Proxy.Slots.Active.Errors);
        Assert.Equal(0, site.Proxy.Connections.Open(SlotName.Blue));
    }
}
