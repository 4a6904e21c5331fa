using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Places;

/// <summary>An app with two workers, which work until they are told to end, whether their clients are there or not.</summary>
public sealed class PlacesTests : IAsyncDisposable
{
    private readonly WorkingApp _blue = new("blue");
    private readonly WorkingApp _green = new("green");
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _blue.DisposeAsync();
        await _green.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task So_many_requests_are_with_the_app_and_the_others_have_their_turn()
    {
        await using var proxy = await StartAsync(options => (options.Upstream.MaxConcurrent, options.Upstream.MaxConcurrentPerClient) = (2, 2));
        var responses = Enumerable.Range(0, 12).Select(n => proxy.Client.GetStringAsync($"/{n}", Cancellation)).ToList();
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 10, "ten wait");
        await _blue.WorksOnAsync(2);
        Assert.Equal((2, 2), (proxy.Slots.Active.InFlight.Total, proxy.Slots.Active.Places!.Used));

        for (var ended = 0; ended < 12; ended++)
        {
            _blue.EndOne();
        }

        Assert.Equal(12, (await Task.WhenAll(responses).Within()).Distinct().Count());
        Assert.Equal(2, _blue.MostAtATime);
        AssertNobodyIsThere(proxy);
    }

    [Theory]
    [InlineData("Accept", "text/event-stream")]
    [InlineData("Accept", "application/x-ndjson")]
    [InlineData("Upgrade", "websocket")]
    public async Task What_a_client_wishes_for_takes_a_place_as_any_request(string name, string value)
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        using var first = new HttpRequestMessage(HttpMethod.Get, "/first");
        first.Headers.TryAddWithoutValidation(name, value);
        if (name == "Upgrade")
        {
            first.Headers.Connection.Add("Upgrade");
            first.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
            first.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        }

        var wished = proxy.Client.SendAsync(first, Cancellation);
        await _blue.WorksOnAsync(1);
        var other = proxy.Client.GetAsync("/other", Cancellation);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 1, "the other one waits for its place");

        _blue.EndOne();
        _blue.EndOne();

        (await wished.Within()).Dispose();
        (await other.Within()).Dispose();
        Assert.Equal(1, _blue.MostAtATime);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task A_request_without_its_turn_gets_503_which_says_so()
    {
        await using var proxy = await StartAsync(options =>
            (options.Upstream.MaxConcurrent, options.Upstream.QueueTimeout, options.AccessLog.Format) =
            (1, TimeSpan.FromMilliseconds(150), AccessLogFormat.Json));
        var first = proxy.Client.GetAsync("/", Cancellation);
        await _blue.WorksOnAsync(1);

        using var response = await proxy.Client.GetAsync("/late", Cancellation).Within();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Contains("Upstream:QueueTimeout", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        _blue.EndOne();
        (await first.Within()).Dispose();
        Assert.Equal(["/"], _blue.Paths);
        Assert.Equal(0, proxy.Slots.Active.Errors); // a busy app has not failed
        var line = await LineOfAsync("/late");
        Assert.InRange(line.GetProperty("queuedMs").GetDouble(), 100, 30_000);
    }

    /// <summary>An app whose places are all taken by what it does not respond to has failed those who waited for one; where a client keeps it waiting, it has
    /// not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_wait_in_vain_is_an_error_of_a_slot_that_is_stuck(bool isWhole)
    {
        await using var proxy = await StartAsync(options =>
        {
            (options.Upstream.MaxConcurrent, options.Upstream.QueueTimeout) = (1, TimeSpan.FromSeconds(2));
            options.Upstream.Buffering.ExcludePaths = ["/up"];
        });
        using var first = await RawClient.ConnectAsync(proxy);
        await first.SendAsync("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n" + (isWhole ? "abc" : "a"));
        await Eventually.TrueAsync(() => proxy.Slots.Active.Places!.Used == 1, "it has the place");

        using var response = await proxy.Client.GetAsync("/late", Cancellation).Within();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(isWhole ? (1, 1) : (0, 0), (proxy.Slots.Active.Requests, proxy.Slots.Active.Errors));
        first.ResetWhenClosed();
        _blue.EndOne();
    }

    [Fact]
    public async Task A_request_whose_client_leaves_the_queue_never_reaches_the_app()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        var first = proxy.Client.GetAsync("/", Cancellation);
        await _blue.WorksOnAsync(1);
        using var leaves = new CancellationTokenSource();
        var left = proxy.Client.GetAsync("/left", leaves.Token);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 1, "it waits");
        var last = proxy.Client.GetAsync("/last", Cancellation);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 2, "both wait");

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 1, "its turn is given up");
        _blue.EndOne();
        _blue.EndOne();

        (await first.Within()).Dispose();
        (await last.Within()).Dispose();
        Assert.Equal(["/", "/last"], _blue.Paths);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task A_flip_sends_the_queue_to_the_new_slot()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        var old = proxy.Client.GetStringAsync("/old", Cancellation);
        await _blue.WorksOnAsync(1);
        var queued = Enumerable.Range(0, 3).Select(n => proxy.Client.GetStringAsync($"/{n}", Cancellation)).ToList();
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 3, "they wait");
        Assert.Equal(1, proxy.Slots[SlotName.Blue].InFlight.Total); // no drain waits for the queue

        proxy.Slots.Activate(SlotName.Green);

        await _green.WorksOnAsync(1); // while blue is as busy as before
        for (var ended = 0; ended < 3; ended++)
        {
            _green.EndOne();
        }

        Assert.All(await Task.WhenAll(queued).Within(), response => Assert.StartsWith("green", response, StringComparison.Ordinal));
        _blue.EndOne();
        Assert.StartsWith("blue", await old.Within(), StringComparison.Ordinal);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task A_pause_takes_over_the_holder_of_the_turn_and_holds_no_place()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        var first = proxy.Client.GetStringAsync("/", Cancellation);
        await _blue.WorksOnAsync(1);
        var queued = Enumerable.Range(0, 2).Select(n => proxy.Client.GetStringAsync($"/{n}", Cancellation)).ToList();
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 2, "they wait");

        proxy.App.Close(new Pause(DateTimeOffset.UnixEpoch, TimeSpan.FromMinutes(5)));
        _blue.EndOne();
        await first.Within();
        await Eventually.TrueAsync(() => proxy.App.Held == 2, "both wait for the end of the pause");
        Assert.Equal((0, 0, 0), (proxy.Slots.Active.InFlight.Total, proxy.Slots.Active.Places!.Used, QueueOf(proxy).Waiting));

        proxy.App.Open();
        _blue.EndOne();
        _blue.EndOne();
        await Task.WhenAll(queued).Within();
        Assert.Equal(1, _blue.MostAtATime);
    }

    [Fact]
    public async Task Maintenance_that_begins_meanwhile_turns_waiting_requests_away()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        var (first, queued) = await OneWorksAndOneWaitsAsync(proxy);

        proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, "back at noon"));
        _blue.EndOne();
        (await first.Within()).Dispose();

        using var response = await queued.Within();
        Assert.Contains("back at noon", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(["/"], _blue.Paths);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task The_end_of_the_proxy_turns_the_queue_away()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        var (first, queued) = await OneWorksAndOneWaitsAsync(proxy);

        proxy.Get<StopDeadline>().Pass();

        using var response = await queued.Within();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("Shutdown:DrainTimeout", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        (await first.Within()).Dispose();
        Assert.Equal(["/"], _blue.Paths);
    }

    [Fact]
    public async Task One_bound_holds_for_all_that_wait()
    {
        await using var proxy = await StartAsync(options => (options.Upstream.MaxConcurrent, options.Upstream.MaxHeldRequests) = (1, 1));
        var (first, queued) = await OneWorksAndOneWaitsAsync(proxy);

        using (var third = await proxy.Client.GetAsync("/third", Cancellation).Within())
        {
            Assert.Contains("Upstream:MaxHeldRequests", await third.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        proxy.App.Close(new Pause(DateTimeOffset.UnixEpoch, TimeSpan.FromMinutes(5)));
        using (var paused = await proxy.Client.GetAsync("/paused", Cancellation).Within())
        {
            Assert.Contains("paused for a moment, and 1 requests wait", await paused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        proxy.App.Open();
        await EndBothAsync(first, queued);
    }

    /// <summary>An outage in between: who was held has its turn in the queue, too.</summary>
    [Fact]
    public async Task A_client_that_was_held_takes_a_place_like_any_other()
    {
        var port = Backend.FreePort();
        await using var proxy = await DataPlane.StartAsync(
            $"http://127.0.0.1:{port}", "http://127.0.0.1:1", options => options.Upstream.MaxConcurrent = 1);
        var held = Enumerable.Range(0, 5).Select(n => proxy.Client.GetStringAsync($"/{n}", Cancellation)).ToList();
        await Eventually.TrueAsync(() => proxy.Gate.Held + QueueOf(proxy).Waiting == 5 && proxy.Gate.Held > 0, "all wait");
        _blue.Listen(port);
        for (var ended = 0; ended < 5; ended++)
        {
            _blue.EndOne();
        }

        await Task.WhenAll(held).Within();
        Assert.Equal(1, _blue.MostAtATime);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task A_place_is_free_when_the_response_of_the_app_has_ended_however_slowly_it_is_read()
    {
        await using var app = await Backend.StartAsync(context =>
            context.Response.Body.WriteAsync(new byte[context.Request.Path == "/large" ? 20_000_000 : 10]).AsTask());
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Upstream.MaxConcurrent = 1);
        using var slow = await proxy.Client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead, Cancellation);

        Assert.Equal(10, (await proxy.Client.GetByteArrayAsync("/", Cancellation).Within()).Length);

        Assert.Equal(20_000_000, (await slow.Content.ReadAsByteArrayAsync(Cancellation).Within()).Length);
        AssertNobodyIsThere(proxy);
    }

    [Fact]
    public async Task An_upload_takes_its_place_when_it_is_complete()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf ");
        _blue.EndOne();
        Assert.StartsWith("blue", await proxy.Client.GetStringAsync("/", Cancellation).Within(), StringComparison.Ordinal);

        await client.SendAsync("whole");
        await _blue.WorksOnAsync(1);
        Assert.Equal(1, proxy.Slots.Active.Places!.Used);
        _blue.EndOne();
        await Eventually.TrueAsync(() => proxy.Slots.Active.Places!.Used == 0, "it has been served");
    }

    /// <summary>A worker that nobody waits for works on; so does its place, but no drain waits for it.</summary>
    [Fact]
    public async Task A_client_that_leaves_gets_no_place_for_another_request_before_the_app_is_done_with_the_first()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        using (var leaves = new CancellationTokenSource())
        {
            var left = proxy.Client.GetAsync("/left", leaves.Token);
            await _blue.WorksOnAsync(1);
            await leaves.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        await AssertItsPlaceIsTakenAsync(proxy);
    }

    /// <summary>An app that does not read the body does not see its end, either, and works to its own.</summary>
    [Theory]
    [InlineData("leaves", "Content-Length: 100", "a piece")]
    [InlineData("leaves", "Transfer-Encoding: chunked", "7\r\na piece\r\n")]
    [InlineData("invalid", "Transfer-Encoding: chunked", "7\r\na piece\r\nno size\r\n")]
    [InlineData("too large", "Transfer-Encoding: chunked", "7\r\na piece\r\n400\r\n")]
    public async Task Nor_one_whose_body_ends_in_the_middle(string how, string framing, string body)
    {
        await using var proxy = await StartAsync(options =>
        {
            options.Upstream.MaxConcurrent = 1;
            options.Upstream.MaxRequestBodySize = 1000;
            options.Upstream.Buffering.Requests = false;
        });
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync($"POST /left HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
            await _blue.WorksOnAsync(1);
            await client.SendAsync(body);
            if (how == "too large")
            {
                await client.SendAsync(new string('x', 0x400) + "\r\n");
            }

            if (how != "leaves")
            {
                Assert.Equal(how == "invalid" ? 400 : 413, (await client.ReadResponseAsync())?.Status);
            }
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        await AssertItsPlaceIsTakenAsync(proxy);
    }

    /// <summary>Over HTTP/2 it costs the client least.</summary>
    [Fact]
    public async Task Nor_one_whose_stream_is_reset_in_its_body()
    {
        await using var proxy = await StartAsync(
            options => (options.Upstream.MaxConcurrent, options.Upstream.Buffering.Requests) = (1, false), ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        (proxy.Client.DefaultRequestVersion, proxy.Client.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        using var client = await RawHttp2.ConnectAsync(proxy);
        await client.SendAsync([.. RawHttp2.Open(1, "POST", "/left", ("content-length", "100")), .. RawHttp2.Data(1, "a piece")]);
        await _blue.WorksOnAsync(1);
        await client.SendAsync(RawHttp2.Reset(1));

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        await AssertItsPlaceIsTakenAsync(proxy);
    }

    /// <summary>The app has begun to respond, and works on: what it has still to say costs it a worker, whoever listens.</summary>
    [Theory]
    [InlineData("GET", "/begun/length", "Content-Length: 1000000", true)]
    [InlineData("GET", "/begun/chunks", "Transfer-Encoding: chunked", true)]
    [InlineData("POST", "/begun/body", "Content-Length: 1000000", true)]
    [InlineData("GET", "/begun/close", "X: y", true)]
    [InlineData("GET", "/begun/unbuffered", "X-Accel-Buffering: no", false)]
    [InlineData("GET", "/begun/large", "Content-Length: 40000000", true)]
    public async Task Nor_one_that_leaves_a_response_which_has_begun(string method, string path, string framing, bool buffers)
    {
        await using var proxy = await StartAsync(options => (options.Upstream.MaxConcurrent, options.Upstream.Buffering.Responses) = (1, buffers));
        var beginning = framing.Contains("chunked", StringComparison.Ordinal) ? "5\r\nbegun\r\n" : "begun";
        _blue.Begins = $"HTTP/1.1 200 OK\r\n{framing}\r\nConnection: close\r\n\r\n{beginning}";
        _blue.BeginsWith = path.EndsWith("large", StringComparison.Ordinal) ? 20_000_000 : 0;
        using (var client = await RawClient.ConnectAsync(proxy))
        {
            await client.SendAsync($"{method} {path} HTTP/1.1\r\nHost: a\r\n{(method == "POST" ? "Content-Length: 10\r\n\r\n0123456789" : "\r\n")}");
            await _blue.WorksOnAsync(1);
            Assert.Contains("HTTP/1.1 200", await client.ReadAsync(30), StringComparison.Ordinal);
            client.ResetWhenClosed();
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        _blue.Begins = null;
        await AssertItsPlaceIsTakenAsync(proxy);
        Assert.Equal(1, _blue.MostAtATime);
    }

    /// <summary>A response without a body is whole with its head; an app may make the body nevertheless, and be at work for as long.</summary>
    [Theory]
    [InlineData("HEAD", "200 OK")]
    [InlineData("GET", "304 Not Modified")]
    public async Task Nor_one_that_has_its_whole_response_while_the_app_works_on_what_nobody_gets(string method, string status)
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        _blue.Begins = $"HTTP/1.1 {status}\r\nContent-Length: 1000\r\n\r\n";
        using (var request = new HttpRequestMessage(new HttpMethod(method), "/left"))
        {
            (await proxy.Client.SendAsync(request, Cancellation).Within()).Dispose();
        }

        _blue.Begins = null;
        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        await AssertItsPlaceIsTakenAsync(proxy);
    }

    /// <summary>As a framework does that begins its response, and then looks at a database.</summary>
    [Fact]
    public async Task Nor_one_that_has_left_before_the_response_begins_and_the_app_goes_on_behind_it()
    {
        await using var proxy = await StartAsync(options => options.Upstream.MaxConcurrent = 1);
        _blue.Begins = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun";
        _blue.BeginsWhenTold = true;
        using (var leaves = new CancellationTokenSource())
        {
            var left = proxy.Client.GetAsync("/left", leaves.Token);
            await _blue.WorksOnAsync(1);
            await leaves.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "no drain waits for it");
        _blue.EndOne(); // it begins now
        _blue.Begins = null;
        await AssertItsPlaceIsTakenAsync(proxy);
        Assert.Equal(1, _blue.MostAtATime);
    }

    /// <summary>CVE-2023-44487 against the workers instead of the proxy: every stream is reset as soon as it is open.</summary>
    [Fact]
    public async Task A_flood_of_requests_that_are_reset_reaches_the_app_no_more_often_than_a_client_may()
    {
        await using var proxy = await StartAsync(
            options =>
            {
                (options.Upstream.MaxConcurrent, options.Upstream.MaxConcurrentPerClient) = (4, 2);
                options.TrustedProxies = ["127.0.0.1"];
            },
            ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var flood = await RawHttp2.ConnectAsync(proxy);
        foreach (var stream in new[] { 1, 3 })
        {
            await flood.SendAsync(RawHttp2.Get(stream, $"/flood/{stream}", ("x-forwarded-for", "203.0.113.66")));
        }

        await _blue.WorksOnAsync(2); // and goes on with these two, when Kestrel has had enough of the connection
        for (var stream = 5; stream < 2_000; stream += 2)
        {
            byte[] frames = [.. RawHttp2.Get(stream, $"/flood/{stream}", ("x-forwarded-for", "203.0.113.66")), .. RawHttp2.Reset(stream)];
            if (!await TrySendAsync(flood, frames))
            {
                break;
            }
        }

        using var other = await RawHttp2.ConnectAsync(proxy);
        await other.SendAsync(RawHttp2.Get(1, "/other", ("x-forwarded-for", "203.0.113.7")));
        await _blue.WorksOnAsync(3); // at once, in spite of all that came before
        Assert.Equal(3, _blue.Paths.Count);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 0, "all resets are known: none of the flood has a turn any more");
        for (var ended = 0; ended < 10; ended++)
        {
            _blue.EndOne();
        }

        Assert.Equal("blue /other", await other.ReadBodyAsync(1).Within());
        await Eventually.TrueAsync(() => proxy.Slots.Active.Places!.Used == 0 && QueueOf(proxy).Waiting == 0, "all is over");
        Assert.Equal(3, _blue.Paths.Count);
    }

    [Fact]
    public async Task Metrics_say_how_many_places_are_used_how_many_requests_wait_and_how_many_got_none()
    {
        await using var proxy = await StartAsync(options => (options.Upstream.MaxConcurrent, options.Upstream.MaxHeldRequests) = (1, 1));
        using var metrics = new MetricsReader(proxy.Get<Meter>());
        var (first, queued) = await OneWorksAndOneWaitsAsync(proxy);
        (await proxy.Client.GetAsync("/refused", Cancellation).Within()).Dispose();

        Assert.Equal(1, metrics.Read("edgeproxy.places.limit", ("slot", "blue")));
        Assert.Equal((1, 0), (metrics.Read("edgeproxy.places.used", ("slot", "blue")), metrics.Read("edgeproxy.places.used", ("slot", "green"))));
        Assert.Equal(1, metrics.Read("edgeproxy.requests.held", ("reason", "queue")));
        Assert.Equal((1, 0), (metrics.Read("edgeproxy.queue.refused", ("reason", "full")), metrics.Read("edgeproxy.queue.refused", ("reason", "timeout"))));

        await EndBothAsync(first, queued);
        Assert.True(metrics.Read("edgeproxy.queue.duration", ("end", "Granted")) > 0);
        Assert.Equal(0, metrics.Read("edgeproxy.requests.held", ("reason", "queue")));
    }

    [Fact]
    public async Task Nothing_is_counted_where_nothing_is_set()
    {
        await using var proxy = await StartAsync(_ => { });
        Assert.Null(proxy.Slots.Active.Places);
        Assert.Null(proxy.Get<ProxiedApps>().All[0].Places);
    }

    /// <summary>The app has one place.</summary>
    private async Task<(Task<HttpResponseMessage> First, Task<HttpResponseMessage> Queued)> OneWorksAndOneWaitsAsync(DataPlane proxy)
    {
        var first = proxy.Client.GetAsync("/", Cancellation);
        await _blue.WorksOnAsync(1);
        var queued = proxy.Client.GetAsync("/queued", Cancellation);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 1, "it waits");
        return (first, queued);
    }

    private async Task EndBothAsync(params Task<HttpResponseMessage>[] responses)
    {
        foreach (var response in responses)
        {
            _blue.EndOne();
        }

        foreach (var response in await Task.WhenAll(responses).Within())
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            response.Dispose();
        }
    }

    private static async Task<bool> TrySendAsync(RawHttp2 client, byte[] frames)
    {
        try
        {
            await client.SendAsync(frames);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static PlaceQueue QueueOf(DataPlane proxy) => proxy.Get<ProxiedApps>().All[0].Places!;

    /// <summary>By <c>/left</c>, until the app is done with it.</summary>
    private async Task AssertItsPlaceIsTakenAsync(DataPlane proxy)
    {
        Assert.Equal(1, proxy.Slots.Active.Places!.Used);
        var next = proxy.Client.GetStringAsync("/next", Cancellation);
        await Eventually.TrueAsync(() => QueueOf(proxy).Waiting == 1, "it waits");
        Assert.Single(_blue.Paths);

        _blue.EndOne();
        _blue.EndOne();

        await next.Within();
        Assert.Equal(1, _blue.MostAtATime);
        AssertNobodyIsThere(proxy);
        await Eventually.TrueAsync(() => proxy.Connections.Open(SlotName.Blue) <= 1, "its connection is closed");
    }

    private static void AssertNobodyIsThere(DataPlane proxy)
    {
        Assert.Equal((0, 0), (QueueOf(proxy).Waiting, proxy.Get<ProxiedApps>().All[0].Room.Count));
        Assert.All(SlotNameExtensions.All, slot => Assert.Equal(0, proxy.Slots[slot].Places!.Used));
    }

    private Task<DataPlane> StartAsync(Action<EdgeProxyOptions> configure, params (string Key, string Value)[] settings)
    {
        _blue.Listen();
        _green.Listen();
        return DataPlane.StartAsync(
            _blue.Address,
            _green.Address,
            options =>
            {
                options.AccessLog.Path = _directory["access.log"];
                configure(options);
            },
            settings);
    }

    private async Task<JsonElement> LineOfAsync(string path)
    {
        JsonElement? found = null;
        await Eventually.TrueAsync(
            () =>
            {
                var lines = File.Exists(_directory["access.log"]) ? File.ReadAllLines(_directory["access.log"]) : [];
                found = lines.Select(line => (JsonElement?)JsonDocument.Parse(line).RootElement)
                    .FirstOrDefault(line => line!.Value.GetProperty("path").GetString() == path);
                return found is not null;
            },
            $"a line of {path}");
        return found!.Value;
    }

    /// <summary>Requests end when the test says so, one at a time, in no order.</summary>
    private sealed class WorkingApp(string name) : IAsyncDisposable
    {
        private readonly SemaphoreSlim _mayEnd = new(0);
        private readonly List<string> _paths = [];
        private readonly Lock _lock = new();
        private RawServer? _server;
        private int _working;

        public string Address => _server!.Address;

        public int MostAtATime { get; private set; }

        /// <summary>The beginning of a response, sent before the work is done; null: nothing is.</summary>
        public string? Begins { get; set; }

        /// <summary>So many bytes more.</summary>
        public int BeginsWith { get; set; }

        /// <summary>After a first <see cref="EndOne"/>.</summary>
        public bool BeginsWhenTold { get; set; }

        public IReadOnlyList<string> Paths
        {
            get
            {
                lock (_lock)
                {
                    return [.. _paths];
                }
            }
        }

        public void Listen(int port = 0) => _server = new RawServer((connection, _, _) => WorkAsync(connection), port: port);

        public void EndOne() => _mayEnd.Release();

        public Task WorksOnAsync(int count) => Eventually.TrueAsync(
            () => Volatile.Read(ref _working) == count, string.Create(CultureInfo.InvariantCulture, $"{name} works on {count}"));

        public async ValueTask DisposeAsync()
        {
            _mayEnd.Release(10_000);
            if (_server is not null)
            {
                await _server.DisposeAsync();
            }
        }

        private async Task WorkAsync(Stream connection)
        {
            var head = await RawServer.ReadHeadAsync(connection, CancellationToken.None);
            if (head.Contains("Content-Length: 10\r\n", StringComparison.Ordinal))
            {
                await connection.ReadExactlyAsync(new byte[10], CancellationToken.None);
            }

            var path = head.Split(' ')[1];
            lock (_lock)
            {
                _paths.Add(path);
                MostAtATime = Math.Max(MostAtATime, ++_working);
            }

            if (Begins is { } begins)
            {
                await (BeginsWhenTold ? _mayEnd.WaitAsync(CancellationToken.None) : Task.CompletedTask);
                await RawServer.WriteAsync(connection, begins, CancellationToken.None);
                await connection.WriteAsync(new byte[BeginsWith], CancellationToken.None);
            }

            await _mayEnd.WaitAsync(CancellationToken.None); // as a sync worker, which sees no client leave
            lock (_lock)
            {
                _working--;
            }

            var body = $"{name} {path}";
            var response = $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";
            await RawServer.WriteAsync(connection, response, CancellationToken.None);
        }
    }
}
