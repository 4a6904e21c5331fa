using System.Net;
using System.Net.Sockets;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying;

/// <summary>What counts as an error of the slot, for which <c>Observe</c> takes a version back: what the app does, and never what a client does.</summary>
public sealed class SlotErrorTests
{
    /// <summary>How often a client does it.</summary>
    private const int Times = 10;

    /// <summary>Where it is waited for. Less, and a busy machine makes the app silent.</summary>
    private static readonly TimeSpan ActivityTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Where it must not pass.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>What one client does, over HTTP/1.1 or HTTP/2, and over.</summary>
    private sealed record Deed(string Name, Func<DataPlane, Task> Act)
    {
        public bool IsHttp2 { get; init; }

        public static Deed Over1(string name, Func<RawClient, Task> act) => new($"HTTP/1.1: {name}", async proxy =>
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await act(client);
        });

        public static Deed Over2(string name, Func<RawHttp2, Task> act) => new($"HTTP/2: {name}", async proxy =>
        {
            using var client = await RawHttp2.ConnectAsync(proxy);
            await act(client);
        })
        {
            IsHttp2 = true,
        };
    }

    private static readonly Deed[] OverHttp1 =
    [
        Deed.Over1("leaves before the response", client => ResetAfterAsync(client, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")),
        Deed.Over1("leaves within the response", async client =>
        {
            await client.SendAsync("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadAsync(100_000);
            client.ResetWhenClosed();
        }),
        Deed.Over1("leaves within an upload", client => ResetAfterAsync(client, Of("/reads", "Content-Length: 100000") + new string('x', 50_000))),
        Deed.Over1("leaves within a chunk", client => ResetAfterAsync(client, Of("/reads", "Transfer-Encoding: chunked") + "100\r\nabc")),
        Deed.Over1("ends its half within an upload", async client =>
        {
            await client.SendAsync(Of("/reads", "Content-Length: 100000") + "abc");
            client.CloseSending();
            await client.ReadToEndAsync();
        }),
        Deed.Over1("sends a malformed chunk", client => RespondedAsync(client, Of("/reads", "Transfer-Encoding: chunked") + "3\r\nabc\r\nxyz\r\n", 400)),
        Deed.Over1(
            "sends malformed trailers",
            client => RespondedAsync(client, Of("/reads", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\nno trailer\r\n\r\n", 400)),
        Deed.Over1(
            "sends trailers",
            client => RespondedAsync(client, Of("/reads", "Transfer-Encoding: chunked\r\nTrailer: X-A") + "3\r\nabc\r\n0\r\nX-A: b\r\n\r\n", 200)),
        Deed.Over1("sends more than is allowed", client => RespondedAsync(
            client,
            Of("/reads", "Transfer-Encoding: chunked") + string.Concat(Enumerable.Repeat($"10000\r\n{new string('x', 0x10000)}\r\n", 5)) + "0\r\n\r\n",
            413)),
        Deed.Over1("announces more than is allowed", client => RespondedAsync(client, Of("/reads", "Content-Length: 9999999"), 413)),
        Deed.Over1("uploads what the app refuses", client => RespondedAsync(client, Of("/refuses", "Content-Length: 150000") + new string('x', 150_000), 403)),
        Deed.Over1("never sends what the app refuses", client => RespondedAsync(client, Of("/refuses", "Content-Length: 150000"), 403)),
        Deed.Over1("stops sending until it is given up", client => RespondedAsync(client, Of("/reads", "Content-Length: 100000") + "abc", 408)),
        Deed.Over1(
            "stops sending chunks until it is given up", client => RespondedAsync(client, Of("/reads", "Transfer-Encoding: chunked") + "3\r\nabc\r\n", 408)),
        Deed.Over1(
            "stops sending until the app gives it up",
            client => RespondedAsync(client, Of("/reads-100-and-ends", "Content-Length: 100000") + new string('x', 100), 502)),
        Deed.Over1("stops sending while the app responds", async client =>
        {
            await client.SendAsync(Of("/responds-by-half", "Content-Length: 100000") + new string('x', 100));
            await client.ReadToEndAsync();
        }),
        new("HTTP/1.1: reads nothing until it is given up", async proxy =>
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadAsync(1);
            await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "it is given up");
        }),
        Deed.Over1("expects what nobody knows", client => RespondedAsync(client, Of("/reads", "Content-Length: 3\r\nExpect: wonders") + "abc", 200)),
        Deed.Over1("waits for a 100 and leaves", client => ResetAfterAsync(client, Of("/reads", "Content-Length: 3\r\nExpect: 100-continue"))),
        Deed.Over1(
            "sends a header that is too long for the app",
            client => RespondedAsync(client, $"GET / HTTP/1.1\r\nHost: a\r\nX-A: {new string('x', 8200)}\r\n\r\n", 431)),
        Deed.Over1("asks for a WebSocket and leaves", client => ResetAfterAsync(
            client,
            "GET /silent HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n")),
    ];

    private static readonly Deed[] OverHttp2 =
    [
        Deed.Over2("resets before the response", async client =>
        {
            await client.SendAsync(RawHttp2.Get(1, "/silent"));
            await client.SendAsync(RawHttp2.Reset(1));
            await client.ServedAsync(3);
        }),
        Deed.Over2("ends the connection before the response", async client =>
        {
            await client.SendAsync(RawHttp2.Get(1, "/silent"));
            client.ResetWhenClosed();
        }),
        Deed.Over2("resets within the response", async client =>
        {
            await client.SendAsync([.. RawHttp2.OpenConnectionWindow(), .. RawHttp2.Get(1, "/endless")]);
            while (await client.ReadAsync() is { } frame && frame.Type != Http2Frame.Data)
            {
            }

            await client.SendAsync(RawHttp2.Reset(1));
            await client.ServedAsync(3);
        }),
        Deed.Over2("opens no window until it is given up", async client =>
        {
            await client.SendAsync(RawHttp2.Get(1, "/endless"));
            Assert.Equal("reset", await client.ReadBodyAsync(1));
        }),
        Deed.Over2("resets within an upload", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads"), .. RawHttp2.Data(1, "abc")]);
            await client.SendAsync(RawHttp2.Reset(1));
            await client.ServedAsync(3);
        }),
        Deed.Over2("resets an upload of a stated length", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads", ("content-length", "10")), .. RawHttp2.Data(1, "abc")]);
            await client.SendAsync(RawHttp2.Reset(1));
            await client.ServedAsync(3);
        }),
        Deed.Over2("ends the connection within an upload", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads"), .. RawHttp2.Data(1, "abc")]);
            client.ResetWhenClosed();
        }),
        Deed.Over2("sends less than it announces", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads", ("content-length", "10")), .. RawHttp2.Data(1, "abc", isLast: true)]);
            await client.ReadBodyAsync(1);
        }),
        Deed.Over2("sends more than it announces", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads", ("content-length", "2")), .. RawHttp2.Data(1, "abc", isLast: true)]);
            await client.ReadBodyAsync(1);
        }),
        Deed.Over2("stops sending until it is given up", async client =>
        {
            await client.SendAsync([.. RawHttp2.Open(1, "POST", "/reads"), .. RawHttp2.Data(1, "abc")]);
            Assert.Contains("(Upstream:ActivityTimeout)", await client.ReadBodyAsync(1), StringComparison.Ordinal);
        }),
        Deed.Over2("asks an ordinary page for a WebSocket", async client =>
        {
            await client.SendAsync(RawHttp2.Open(1, "CONNECT", "/page", (":protocol", "websocket"), ("sec-websocket-version", "13")));
            Assert.Contains("offers no WebSocket", await client.ReadBodyAsync(1), StringComparison.Ordinal);
        }),
        Deed.Over2("asks for a WebSocket with a key of its own", async client =>
        {
            await client.SendAsync(
                RawHttp2.Open(1, "CONNECT", "/refuses", (":protocol", "websocket"), ("sec-websocket-version", "13"), ("sec-websocket-key", "x")));
            Assert.Equal("refused", await client.ReadBodyAsync(1));
        }),
        Deed.Over2("asks for a WebSocket and resets", async client =>
        {
            await client.SendAsync(RawHttp2.Open(1, "CONNECT", "/silent", (":protocol", "websocket"), ("sec-websocket-version", "13")));
            await client.SendAsync(RawHttp2.Reset(1));
            await client.ServedAsync(3);
        }),
    ];

    public static TheoryData<string> OfClients => [.. OverHttp1.Concat(OverHttp2).Select(deed => deed.Name)];

    [Theory]
    [MemberData(nameof(OfClients))]
    public async Task What_a_client_does_is_no_error_of_the_slot(string what)
    {
        var deed = OverHttp1.Concat(OverHttp2).Single(deed => deed.Name == what);
        await using var app = new RawServer(MisbehavingApp.ServeAsync);
        var timeout = what.EndsWith("is given up", StringComparison.Ordinal) ? ActivityTimeout : Patience;
        await using var proxy = await StartAsync(app.Address, deed.IsHttp2, timeout);
        await Task.WhenAll(Enumerable.Range(0, Times).Select(_ => deed.Act(proxy)));

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal((0, 0), (proxy.Slots.Active.Errors, proxy.Connections.Failures(SlotName.Blue)));
        await Eventually.TrueAsync(() => app.Open == proxy.Connections.Idle(SlotName.Blue), "no worker of the app is held");

        // The count would see one.
        await (deed.IsHttp2 ? Deed.Over2("", client => client.ServedAsync(1, "/fails")) : Deed.Over1(
            "", client => RespondedAsync(client, "GET /fails HTTP/1.1\r\nHost: a\r\n\r\n", 500))).Act(proxy);
        Assert.Equal(1, proxy.Slots.Active.Errors);
    }

    [Theory]
    [InlineData("GET", "/fails", 500)]
    [InlineData("POST", "/fails", 500)]
    [InlineData("POST", "/fails-early", 503)]
    [InlineData("GET", "/ends", 502)]
    [InlineData("POST", "/ends", 502)]
    [InlineData("GET", "/speaks-nonsense", 502)]
    [InlineData("GET", "/switches-unasked", 502)]
    [InlineData("GET", "/responds-by-half", 0)]
    [InlineData("GET", "/silent", 504)]
    [InlineData("POST", "/silent", 504)]
    [InlineData("GET", "/goes-silent", 0)]
    public async Task What_the_app_does_is(string method, string path, int status)
    {
        await using var app = new RawServer(MisbehavingApp.ServeAsync);
        var timeout = path.EndsWith("silent", StringComparison.Ordinal) ? ActivityTimeout : Patience;
        await using var proxy = await StartAsync(app.Address, isHttp2: false, timeout);
        for (var i = 0; i < 3; i++)
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync($"{method} {path} HTTP/1.1\r\nHost: a\r\n" + (method == "POST" ? "Content-Length: 3\r\n\r\nabc" : "\r\n"));
            var response = await client.ReadResponseAsync();
            Assert.True(status == 0 ? response is null or { IsWhole: false } : response!.Status == status, $"{response}");
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal((3, 3), (proxy.Slots.Active.Requests, proxy.Slots.Active.Errors));
    }

    /// <summary>What a client takes to send its body, or to read the response, says nothing of how fast the app is.</summary>
    [Theory]
    [InlineData("Content-Length: 10", "half ", "whole")]
    [InlineData("Transfer-Encoding: chunked", "5\r\nhalf \r\n", "5\r\nwhole\r\n0\r\n\r\n")]
    public async Task The_time_of_a_slow_client_is_not_the_slots(string framing, string first, string rest)
    {
        var clock = new FakeTimeProvider();
        await using var app = await Backend.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            clock.Advance(TimeSpan.FromSeconds(2)); // the app's own
            await context.Response.WriteAsync("done");
        });
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", clock, options => options.Upstream.Buffering.ExcludePaths = ["/up"]);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"POST /up HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{first}");
        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) == 1, "the app has the beginning");
        clock.Advance(TimeSpan.FromSeconds(30));
        await client.SendAsync(rest);

        Assert.Equal(200, (await client.ReadResponseAsync())?.Status);

        await Eventually.TrueAsync(() => proxy.Slots.Active.Requests == 1, "it has ended");
        var figures = proxy.Slots.Active.Figures;
        Assert.Equal((1, 0, 1), (figures.Requests, figures.Errors, figures.Timed));
        Assert.InRange(figures.Quantile(1), TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(2.5));
    }

    /// <summary>Nobody can say how long the app takes for a request that it had only in part.</summary>
    [Fact]
    public async Task A_response_before_the_end_of_the_request_has_no_latency()
    {
        await using var app = new RawServer(MisbehavingApp.ServeAsync);
        await using var proxy = await StartAsync(app.Address, isHttp2: false, Patience);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST /refuses HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ");

        Assert.Equal(403, (await client.ReadResponseAsync())?.Status);

        await Eventually.TrueAsync(() => proxy.Slots.Active.Requests == 1, "it has ended");
        Assert.Equal((1, 0), (proxy.Slots.Active.Requests, proxy.Slots.Active.Figures.Timed));
    }

    /// <summary>One that is not taken from the app ahead of its client (<c>Upstream:Buffering:Responses</c>).</summary>
    [Fact]
    public async Task A_client_that_does_not_read_a_response_until_it_is_given_up_is_no_error_of_the_slot()
    {
        await using var app = new RawServer(MisbehavingApp.ServeAsync);
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            options => (options.Upstream.ActivityTimeout, options.Upstream.Buffering.Responses) = (ActivityTimeout, false),
            ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using (var client = await RawHttp2.ConnectAsync(proxy))
        {
            await client.SendAsync(RawHttp2.Get(1, "/endless"));
            Assert.Equal("reset", await client.ReadBodyAsync(1));
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).Within();
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    /// <summary>The queue of connections that the app has not accepted yet is full, for which one client is enough: the kernel responds to no SYN any
    /// more.</summary>
    [Fact]
    public async Task A_full_queue_of_connections_is_no_error_of_the_slot()
    {
        using var app = new Socket(SocketType.Stream, ProtocolType.Tcp);
        app.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        app.Listen(backlog: 1);
        var address = (IPEndPoint)app.LocalEndPoint!;
        var fillers = Enumerable.Range(0, 4).Select(_ => new Socket(SocketType.Stream, ProtocolType.Tcp)).ToList();
        fillers.ForEach(filler => _ = filler.ConnectAsync(address, Cancellation).AsTask());
        await using var proxy = await DataPlane.StartAsync($"http://{address}", "http://127.0.0.1:1", options =>
        {
            options.Upstream.ConnectTimeout = TimeSpan.FromSeconds(0.5);
            options.Upstream.HoldTimeout = TimeSpan.FromSeconds(1);
        });

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal((1, 0, 0), (proxy.Slots.Active.Requests, proxy.Slots.Active.Errors, proxy.Connections.Failures(SlotName.Blue)));
        fillers.ForEach(filler => filler.Dispose());
    }

    /// <summary>A flood can use up this side's descriptors and ports, and the queue of a socket.</summary>
    [Theory]
    [InlineData(SocketError.TooManyOpenSockets, "http://127.0.0.1:1", true)]
    [InlineData(SocketError.NoBufferSpaceAvailable, "unix:/run/a.sock", true)]
    [InlineData(SocketError.WouldBlock, "unix:/run/a.sock", true)]
    [InlineData(SocketError.AddressNotAvailable, "http://127.0.0.1:1", true)]
    [InlineData(SocketError.AddressNotAvailable, "unix:/run/a.sock", false)] // it does not exist
    [InlineData(SocketError.ConnectionRefused, "http://127.0.0.1:1", false)]
    [InlineData(SocketError.TimedOut, "http://127.0.0.1:1", true)]
    public void A_want_of_this_side_is_no_refusal_by_the_slot(SocketError error, string address, bool isOwn)
    {
        Assert.True(SlotAddress.TryParse(address, out var slot));
        Assert.Equal(isOwn, UpstreamClient.IsOwnFault(new SocketException((int)error), slot.EndPoint));
    }

    private static string Of(string path, string fields) => $"POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n";

    private static async Task ResetAfterAsync(RawClient client, string bytes)
    {
        await client.SendAsync(bytes);
        client.ResetWhenClosed();
    }

    private static async Task RespondedAsync(RawClient client, string bytes, int status)
    {
        await client.SendAsync(bytes);
        var response = await client.ReadResponseAsync();
        Assert.True(response?.Status == status, $"{response}");
    }

    private static Task<DataPlane> StartAsync(string app, bool isHttp2, TimeSpan activityTimeout) => DataPlane.StartAsync(
        app,
        "http://127.0.0.1:1",
        options =>
        {
            options.Upstream.Buffering.Requests = false; // a body that is taken in first cannot hurt the slot at all
            options.Upstream.ActivityTimeout = activityTimeout;
            options.Upstream.MaxRequestBodySize = 200_000;
        },
        ("Kestrel:Endpoints:Http:Protocols", isHttp2 ? "Http2" : "Http1"));
}

internal static class DeedsOfClients
{
    /// <summary>The connection is a connection still.</summary>
    public static async Task ServedAsync(this RawHttp2 client, int stream, string path = "/page")
    {
        await client.SendAsync(RawHttp2.Get(stream, path));
        Assert.Equal(path == "/page" ? "page" : "", await client.ReadBodyAsync(stream));
    }
}
