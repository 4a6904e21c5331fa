using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying.Candidates;

/// <summary>While a candidate has a share of the traffic: which clients get it, and that nobody chooses that for himself.</summary>
public sealed class CandidateShareTests : IAsyncLifetime
{
    private const string Cookie = "edgeproxy-canary-app";

    private readonly CandidateKey _key = new(new byte[32]);
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }); // one for many clients
    private Backend _blue = null!;
    private Backend _green = null!;
    private DataPlane _proxy = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _blue = await Backend.StartAsync(context => RespondAsync(context, "blue"));
        _green = await Backend.StartAsync(context => RespondAsync(context, "green"));
        _proxy = await StartAsync();
    }

    [Fact]
    public async Task Without_a_share_nothing_is_decided()
    {
        using var response = await SendAsync(Member);

        Assert.Equal("blue", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task A_client_keeps_its_number_in_a_cookie_and_nobody_else_can_write_one()
    {
        Share(percent: 50);
        using var first = await SendAsync("sessionid=abc");
        var set = Assert.Single(first.Headers.GetValues("Set-Cookie"));
        Assert.Matches(@"^edgeproxy-canary-app=\d{1,4}\.[\w-]{22}; max-age=86400; path=/; samesite=lax; httponly$", set);
        var slot = await first.Content.ReadAsStringAsync(Cancellation);
        var pair = set.Split(';')[0];
        for (var i = 0; i < 20; i++)
        {
            using var next = await SendAsync($"sessionid={i}; {pair}");
            Assert.Equal(slot, await next.Content.ReadAsStringAsync(Cancellation));
            Assert.False(next.Headers.Contains("Set-Cookie"));
        }

        // The same signature for another number, none, half of one, another switch's: each is as good as no cookie.
        var signature = pair.Split('.')[1];
        string[] forged =
        [
            "0." + signature, "0", "0.", "-1." + signature, $"0.{signature[..11]}", ClientNumber.Sign(new([1, .. new byte[31]]), 0), new string('0', 5000),
        ];
        foreach (var value in forged)
        {
            using var response = await SendAsync($"{Cookie}={value}");
            Assert.True(response.Headers.Contains("Set-Cookie"), value);
        }
    }

    [Fact]
    public async Task The_share_of_clients_is_what_it_is_to_be_and_a_client_that_is_in_stays_in_while_it_grows()
    {
        Share(percent: 20);
        var few = await MembersAsync();
        Share(percent: 60);
        var many = await MembersAsync();

        Assert.InRange(few.Count, 50, 110); // of 400; within 4 standard deviations of 80
        Assert.InRange(many.Count, 200, 280);
        Assert.Empty(few.Except(many));

        async Task<List<int>> MembersAsync()
        {
            var members = new List<int>();
            for (var client = 0; client < 400; client++)
            {
                using var response = await SendAsync(string.Create(CultureInfo.InvariantCulture, $"sessionid={client}"));
                if (await response.Content.ReadAsStringAsync(Cancellation) == "green")
                {
                    members.Add(client);
                }
            }

            return members;
        }
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("2001:db8:1:2::3", "2001:db8:1:2:ffff::4")] // one network, one client
    public async Task A_client_without_cookies_is_told_by_its_address(string one, string other)
    {
        Share(percent: 50);
        var slots = new HashSet<string>();
        for (var i = 0; i < 10; i++)
        {
            slots.Add(await FromAsync(i % 2 == 0 ? one : other));
        }

        Assert.Single(slots);
        var all = new HashSet<string>();
        for (var i = 0; i < 64; i++)
        {
            all.Add(await FromAsync($"10.9.8.{i}"));
        }

        Assert.Equal(2, all.Count); // and not all addresses are one client

        async Task<string> FromAsync(string address)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, _proxy.Address);
            request.Headers.Add("X-Forwarded-For", address);
            using var response = await _client.SendAsync(request, Cancellation);
            return await response.Content.ReadAsStringAsync(Cancellation);
        }
    }

    [Theory]
    [InlineData("/events")]
    [InlineData("/socket")]
    public async Task Streams_and_WebSockets_go_where_their_page_goes(string path)
    {
        Share(percent: 1);
        foreach (var (cookie, slot) in new[] { (Member, "green"), (NoMember, "blue") })
        {
            Assert.Equal(slot, path == "/socket" ? await SocketAsync(cookie) : await StreamAsync(cookie));
        }

        async Task<string> StreamAsync(string cookie)
        {
            using var response = await SendAsync(cookie, path, ("Accept", "text/event-stream"));
            return await response.Content.ReadAsStringAsync(Cancellation);
        }

        async Task<string> SocketAsync(string cookie)
        {
            using var socket = new ClientWebSocket();
            socket.Options.SetRequestHeader("Cookie", cookie);
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{_proxy.Address.Port}{path}"), Cancellation);
            var buffer = new byte[16];
            var got = await socket.ReceiveAsync(buffer, Cancellation);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
            return System.Text.Encoding.ASCII.GetString(buffer, 0, got.Count);
        }
    }

    [Fact]
    public async Task The_header_chooses_for_test_clients_and_says_nothing_from_others()
    {
        Share(percent: 1);
        using (var outsider = await SendAsync(NoMember, "/", ("X-EdgeProxy-Slot", "green")))
        {
            Assert.Equal("blue", await outsider.Content.ReadAsStringAsync(Cancellation));
            Assert.False(outsider.Headers.Contains("X-EdgeProxy-Slot"));
        }

        foreach (var slot in (string[])["green", "blue"])
        {
            using var test = await SendAsync(Member, "/", ("X-EdgeProxy-Slot", slot), ("X-Forwarded-For", "10.7.7.7"));
            Assert.Equal(slot, await test.Content.ReadAsStringAsync(Cancellation));
            Assert.Equal(slot, test.Headers.GetValues("X-EdgeProxy-Slot").Single());
            Assert.Equal("no-store, private", test.Headers.CacheControl!.ToString()); // a cache would show it to others
            Assert.False(test.Headers.Contains("Set-Cookie"));
        }

        using var claimed = await SendAsync(NoMember, "/", ("X-EdgeProxy-Slot", "green"), ("X-Forwarded-For", "10.7.7.7, 10.1.1.1"));
        Assert.Equal("blue", await claimed.Content.ReadAsStringAsync(Cancellation)); // the address that a client writes in front is not its own
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public async Task A_request_that_the_candidate_does_not_take_is_the_active_slots(string method)
    {
        Share(percent: 100);
        await _green.DisposeAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), _proxy.Address);
        request.Content = method == "POST" ? new StringContent("body") : null;

        using var response = await _client.SendAsync(request, Cancellation);

        Assert.Equal((HttpStatusCode.OK, "blue"), (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation)));
        Assert.True(_proxy.Connections.Failures(SlotName.Green) > 0);
        Assert.Equal(0, _proxy.Slots[SlotName.Green].Errors);
    }

    /// <summary>As a worker does that dies of a page. The clients of a canary get the active slot's; the judge learns of it, and who asks for the
    /// candidate.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")]
    public async Task A_candidate_that_ends_without_a_response_has_failed(string sent)
    {
        await using var dying = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, sent, cancellation);
        });
        await _proxy.DisposeAsync();
        _proxy = await StartAsync(green: dying.Address);
        Share(percent: 1);

        using var response = await SendAsync(Member);
        using var asked = await SendAsync(NoMember, "/", ("X-EdgeProxy-Slot", "green"), ("X-Forwarded-For", "10.7.7.7"));

        Assert.Equal((HttpStatusCode.OK, "blue"), (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation)));
        Assert.Equal(HttpStatusCode.BadGateway, asked.StatusCode);
        Assert.Equal((2, 0), (_proxy.Slots[SlotName.Green].Errors, _proxy.Slots[SlotName.Blue].Errors));
    }

    /// <summary>A page and what belongs to it are of one version, however many of its client's requests are under way.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 1)]
    public async Task A_request_that_finds_no_place_with_the_candidate_waits_for_one(int places, int perClient)
    {
        await _proxy.DisposeAsync();
        _proxy = await StartAsync(options => (options.Upstream.MaxConcurrent, options.Upstream.MaxConcurrentPerClient) = (places, perClient));
        Share(percent: 1);
        var first = SendAsync(Member, "/wait");
        await Eventually.TrueAsync(() => _proxy.Slots[SlotName.Green].InFlight.Http == 1, "it is with the candidate");

        var waiting = SendAsync(Member);
        await Eventually.TrueAsync(() => Queue.Waiting == 1, "it waits");
        if (places == 1)
        {
            using var other = await SendAsync(NoMember).Within(); // the other slot has a place, and nobody waits for it
            Assert.Equal("blue", await other.Content.ReadAsStringAsync(Cancellation));
        }

        _released.SetResult();
        foreach (var response in await Task.WhenAll(first, waiting).Within())
        {
            Assert.Equal("green", await response.Content.ReadAsStringAsync(Cancellation));
            response.Dispose();
        }

        Assert.All(SlotNameExtensions.All, slot => Assert.Equal(0, _proxy.Slots[slot].Places!.Used));
    }

    [Fact]
    public async Task A_client_that_waits_for_a_place_with_the_candidate_gets_the_active_slot_when_the_share_ends()
    {
        await _proxy.DisposeAsync();
        _proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        Share(percent: 1);
        var first = SendAsync(Member, "/wait");
        await Eventually.TrueAsync(() => _proxy.Slots[SlotName.Green].InFlight.Http == 1, "it is with the candidate");
        var waiting = SendAsync(Member, "/", ("X-Forwarded-For", "10.1.1.1")); // another client than the first one, by its share of the places
        await Eventually.TrueAsync(() => Queue.Waiting == 1, "it waits");

        _proxy.Slots.Share(null);

        using var response = await waiting.Within();
        Assert.Equal("blue", await response.Content.ReadAsStringAsync(Cancellation));
        _released.SetResult();
        (await first.Within()).Dispose();
    }

    [Theory]
    [InlineData("public, max-age=60", false)]
    [InlineData("max-age=60, s-maxage=5", false)]
    [InlineData("max-age=60", false)]
    [InlineData("max-age=60, must-revalidate", false)]
    [InlineData("max-age=60, private=\"x, no-store, y\"", false)]
    [InlineData("max-age=60, no-cache=\"Set-Cookie\"", false)]
    [InlineData("!Expires", false)]
    [InlineData("!CDN-Cache-Control", false)]
    [InlineData("!Surrogate-Control", false)]
    [InlineData("!X-Accel-Expires", false)]
    [InlineData("", true)]
    [InlineData("private", true)]
    [InlineData("private, max-age=60", true)]
    [InlineData("no-cache, max-age=60", true)]
    [InlineData("max-age=0, no-cache, no-store, must-revalidate, private", true)] // Django's never_cache
    public async Task A_response_that_caches_share_gets_no_cookie(string control, bool isSet)
    {
        Share(percent: 50);

        using var response = await SendAsync("", "/cached?" + Uri.EscapeDataString(control));

        Assert.Equal(isSet, response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public void A_flip_ends_the_share_and_the_active_slot_is_no_candidate()
    {
        Share(percent: 30);
        Assert.Equal((70, 30), (_proxy.Slots.Plan.PercentOf(SlotName.Blue), _proxy.Slots.Plan.PercentOf(SlotName.Green)));

        _proxy.Slots.Activate(SlotName.Green);

        Assert.Null(_proxy.Slots.Plan.Candidate);
        Assert.Equal((0, 100), (_proxy.Slots.Plan.PercentOf(SlotName.Blue), _proxy.Slots.Plan.PercentOf(SlotName.Green)));
        Assert.Throws<ArgumentException>(() => Share(percent: 1));
    }

    public async ValueTask DisposeAsync()
    {
        _released.TrySetResult();
        _client.Dispose();
        await _proxy.DisposeAsync();
        await _blue.DisposeAsync();
        await _green.DisposeAsync();
    }

    private readonly TaskCompletionSource _released = new();

    /// <summary>The first of all to get the candidate.</summary>
    private string Member => $"{Cookie}={ClientNumber.Sign(_key, 0)}";

    /// <summary>The last one.</summary>
    private string NoMember => $"{Cookie}={ClientNumber.Sign(_key, CandidateShare.Whole - 1)}";

    private PlaceQueue Queue => _proxy.Get<ProxiedApps>().All[0].Places!;

    private Task<DataPlane> StartAsync(Action<EdgeProxyOptions>? configure = null, string? green = null) =>
        DataPlane.StartAsync(_blue.Address, green ?? _green.Address, options =>
    {
        options.TrustedProxies = ["127.0.0.0/8"];
        options.Switch.TestClients = ["10.7.7.0/24"];
        configure?.Invoke(options);
    });

    private void Share(double percent) =>
        _proxy.Slots.Share(new CandidateShare(_proxy.Slots[SlotName.Green], (int)(percent * CandidateShare.Whole / 100), _key));

    private async Task<HttpResponseMessage> SendAsync(string cookies, string path = "/", params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_proxy.Address, path));
        request.Headers.TryAddWithoutValidation("Cookie", cookies);
        foreach (var (name, value) in fields)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _client.SendAsync(request, Cancellation);
    }

    private async Task RespondAsync(HttpContext context, string name)
    {
        switch (context.Request.Path.Value)
        {
            case "/socket":
                using (var socket = await context.WebSockets.AcceptWebSocketAsync())
                {
                    await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(name), WebSocketMessageType.Text, endOfMessage: true, context.RequestAborted);
                    await socket.ReceiveAsync(new byte[16], context.RequestAborted);
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                }

                return;
            case "/events":
                context.Response.ContentType = "text/event-stream";
                break;
            case "/wait":
                await _released.Task.WaitAsync(context.RequestAborted);
                break;
            case "/cached":
                var control = Uri.UnescapeDataString(context.Request.QueryString.Value![1..]);
                if (control.StartsWith('!'))
                {
                    context.Response.Headers.CacheControl = "private"; // which does not count for a field of its own
                    context.Response.Headers[control[1..]] = control == "!Expires" ? "Fri, 30 Nov 2029 12:00:00 GMT" : "max-age=60";
                    context.Response.Headers.CacheControl = control == "!Expires" ? default : context.Response.Headers.CacheControl;
                }
                else if (control.Length > 0)
                {
                    context.Response.Headers.CacheControl = control;
                }

                break;
        }

        await context.Response.WriteAsync(name);
    }
}
