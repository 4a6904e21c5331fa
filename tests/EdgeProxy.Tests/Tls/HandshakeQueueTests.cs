using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;

namespace EdgeProxy.Tests.Tls;

/// <summary>Which handshakes are computed, which wait, and which are not made to wait.</summary>
public sealed class HandshakeQueueTests
{
    private const string Name = "shop.example.com";
    private const ulong Flood = 1;
    private const ulong Client = 2;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lines_take_turns_so_a_flood_waits_behind_itself()
    {
        var queue = new HandshakeQueue(places: 1, maxWaiting: 100);
        Assert.True(await Enter(queue, Flood));
        var flood = Enumerable.Range(0, 50).Select(_ => Enter(queue, Flood)).ToList();
        var client = Enter(queue, Client);

        queue.Leave(); // to the flood, whose line is the older one
        queue.Leave();

        Assert.True(await client.WaitAsync(Eventually.Patience, Cancellation));
        Assert.Equal(49, queue.Waiting);
        queue.Leave();
        Assert.True(await flood[1].WaitAsync(Eventually.Patience, Cancellation));
        Assert.False(flood[2].IsCompleted);
    }

    [Fact]
    public async Task In_a_full_queue_the_longest_line_makes_room()
    {
        var queue = new HandshakeQueue(places: 1, maxWaiting: 10);
        Assert.True(await Enter(queue, Flood));
        var flood = Enumerable.Range(0, 10).Select(_ => Enter(queue, Flood)).ToList();

        Assert.False(await Enter(queue, Flood));
        var client = Enter(queue, Client);

        Assert.False(await flood[9].WaitAsync(Eventually.Patience, Cancellation));
        Assert.False(client.IsCompleted);
        Assert.Equal(10, queue.Waiting);
        queue.Leave();
        queue.Leave();
        Assert.True(await client.WaitAsync(Eventually.Patience, Cancellation));
    }

    [Fact]
    public async Task A_client_that_is_gone_or_out_of_time_leaves_the_queue_and_no_place_is_lost()
    {
        var queue = new HandshakeQueue(places: 1, maxWaiting: 10);
        using var timeout = new CancellationTokenSource();
        using var closed = new CancellationTokenSource();
        Assert.True(await Enter(queue, Client));
        var late = queue.EnterAsync(Client, timeout.Token, CancellationToken.None).AsTask();
        var gone = queue.EnterAsync(Client, CancellationToken.None, closed.Token).AsTask();

        await timeout.CancelAsync();
        await closed.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        Assert.False(await gone);
        Assert.False(await queue.EnterAsync(Client, CancellationToken.None, closed.Token));
        Assert.Equal(0, queue.Waiting);
        queue.Leave();
        Assert.True(await Enter(queue, Client));
    }

    /// <summary>Entered and left by many at once: never more inside than places, and in the end all places are there.</summary>
    [Fact]
    public async Task No_more_than_the_places_are_taken_at_any_time()
    {
        var queue = new HandshakeQueue(places: 3, maxWaiting: 10_000);
        var (inside, most) = (0, 0);
        await Parallel.ForAsync(0, 5000, new ParallelOptions { MaxDegreeOfParallelism = 50, CancellationToken = Cancellation }, async (number, _) =>
        {
            using var given = new CancellationTokenSource();
            var entering = queue.EnterAsync((ulong)(number % 7), given.Token, CancellationToken.None);
            if (number % 5 == 0)
            {
                await given.CancelAsync();
            }

            try
            {
                Assert.True(await entering);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var now = Interlocked.Increment(ref inside);
            InterlockedMax(ref most, now);
            await Task.Yield();
            Interlocked.Decrement(ref inside);
            queue.Leave();
        });

        Assert.InRange(most, 1, 3);
        Assert.Equal(0, queue.Waiting);
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Enter(queue, Client))), Assert.True);
        Assert.False(Enter(queue, Client).IsCompleted);
    }

    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    public void One_customer_has_one_line(string one, string other, bool isSame) => Assert.Equal(
        isSame, HandshakeQueue.BlockOf(new IPEndPoint(IPAddress.Parse(one), 1)) == HandshakeQueue.BlockOf(new IPEndPoint(IPAddress.Parse(other), 2)));

    /// <summary>All places taken, as in a flood: only new handshakes wait, and they are served once there is a place.</summary>
    [Fact]
    public async Task Clients_that_are_connected_or_plain_do_not_wait_for_handshakes()
    {
        await using var site = await TlsSite.StartAsync([Name], configure: options => options.Tls.RedirectHttp = false);
        using var connected = site.Browser(Name);
        Assert.Equal("the app", await connected.GetStringAsync("/", Cancellation));
        var queue = site.Proxy.Get<HandshakeQueue>();
        var places = await TakeAllAsync(queue);

        var waiting = TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);
        await Eventually.TrueAsync(() => queue.Waiting == 1, "the handshake waits");

        Assert.Equal("the app", await connected.GetStringAsync("/", Cancellation));
        using var plain = new HttpClient { BaseAddress = site.Proxy.Address };
        plain.DefaultRequestHeaders.Host = Name;
        Assert.Equal("the app", await plain.GetStringAsync("/", Cancellation));
        Assert.False(waiting.IsCompleted);

        for (var i = 0; i < places; i++)
        {
            queue.Leave();
        }

        await using var served = await waiting;
        Assert.True(served.IsAuthenticated);
    }

    /// <summary>More of each kind than there are places: silent, in the middle of the first message, and silent after the server's response.</summary>
    [Fact]
    public async Task A_client_that_stops_in_a_handshake_holds_no_place()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        var hello = await TlsClient.ClientHelloAsync(Name);
        var slow = new List<TcpClient>();
        foreach (var sent in (byte[][])[[], [22], hello[..^1], SplittingStream.Split(hello, 100)[..^1], hello, SplittingStream.Split(hello, 100)])
        {
            for (var i = 0; i < 2 * Environment.ProcessorCount; i++)
            {
                var stopped = new TcpClient { NoDelay = true };
                slow.Add(stopped);
                await stopped.ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
                await stopped.GetStream().WriteAsync(sent, Cancellation);
            }
        }

        await using var client = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);

        Assert.True(client.IsAuthenticated);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == slow.Count, "they are all there, and the client's is done");
        slow.ForEach(client => client.Dispose());
    }

    /// <summary>What has failed, in whatever way, gives its place back.</summary>
    [Fact]
    public async Task Handshakes_that_fail_leave_every_place_free()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        var queue = site.Proxy.Get<HandshakeQueue>();
        var unknown = await TlsClient.ClientHelloAsync("other.example.com");
        var broken = await TlsClient.ClientHelloAsync(Name);
        broken[20] ^= 1; // still a hello
        broken.AsSpan(44).Fill(0xFF);
        foreach (var sent in (byte[][])[unknown, broken, "GET / HTTP/1.1\r\n\r\n"u8.ToArray(), [22, 3, 1, 0, 0]])
        {
            for (var i = 0; i < 2 * Environment.ProcessorCount; i++)
            {
                await TlsClient.SendAsync(site.Port, sent);
            }
        }

        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == 0, "all have ended");

        Assert.Equal(Math.Max(1, Environment.ProcessorCount / 2), await TakeAllAsync(queue));
    }

    /// <summary>Nothing is computed for a client that sends a first message and leaves.</summary>
    [Fact]
    public async Task A_waiter_whose_client_has_left_is_out_of_the_queue()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        var queue = site.Proxy.Get<HandshakeQueue>();
        await TakeAllAsync(queue);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
            await client.GetStream().WriteAsync(await TlsClient.ClientHelloAsync(Name), Cancellation);
            await Eventually.TrueAsync(() => queue.Waiting == 1, "it waits");
        }

        await Eventually.TrueAsync(() => queue.Waiting == 0 && site.Proxy.PublicConnections.Open == 0, "it is gone");
    }

    /// <summary>Each costs memory until its time-out, and its client nothing.</summary>
    [Fact]
    public async Task Of_too_many_handshakes_the_oldest_ends()
    {
        await using var site = await TlsSite.StartAsync([Name]);
        site.Proxy.PublicConnections.MaxHandshakes = 3;
        var silent = new List<TcpClient>();
        for (var i = 0; i < 4; i++)
        {
            silent.Add(new TcpClient());
            await silent[i].ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
            await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes >= Math.Min(i + 1, 3), "its handshake begins");
        }

        await using var client = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);

        Assert.True(client.IsAuthenticated);
        await AssertEndedAsync(silent[0]);
        await AssertEndedAsync(silent[1]);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Handshakes == 2, "the two youngest are left");
        Assert.False(silent[2].GetStream().DataAvailable);
        silent.ForEach(client => client.Dispose());
    }

    private static async Task AssertEndedAsync(TcpClient client)
    {
        try
        {
            Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], Cancellation).AsTask().WaitAsync(Eventually.Patience, Cancellation));
        }
        catch (IOException)
        {
            // A reset is an end, too.
        }
    }

    private static async Task<int> TakeAllAsync(HandshakeQueue queue)
    {
        var places = 0;
        while (true)
        {
            using var full = new CancellationTokenSource();
            var entering = queue.EnterAsync(0, full.Token, CancellationToken.None).AsTask();
            if (!entering.IsCompleted)
            {
                await full.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => entering);
                return places;
            }

            places++;
        }
    }

    private static Task<bool> Enter(HandshakeQueue queue, ulong block) => queue.EnterAsync(block, CancellationToken.None, CancellationToken.None).AsTask();

    private static void InterlockedMax(ref int place, int value)
    {
        for (var seen = Volatile.Read(ref place); value > seen; seen = Volatile.Read(ref place))
        {
            Interlocked.CompareExchange(ref place, value, seen);
        }
    }
}
