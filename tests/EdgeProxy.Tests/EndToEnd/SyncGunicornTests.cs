using System.Globalization;
using EdgeProxy.Demo;
using EdgeProxy.Proxying;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Three sync workers of a real gunicorn, which see no client leave, and clients that want all of them.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SyncGunicornTests : IAsyncDisposable
{
    private const int Workers = 3;

    /// <summary>Each request that an app has begun is a line of the file, whoever waits for it.</summary>
    private const string App = """
        import os, time

        def app(environ, start_response):
            path = environ["PATH_INFO"]
            with open(os.environ["SEEN"], "a") as seen:
                seen.write(path + "\n")
            if path.startswith("/slow"):
                time.sleep(0.3)
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"ok"
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
            return [body]

        """;

    private readonly TemporaryDirectory _directory = new();
    private RunningTool? _gunicorn;
    private DataPlane? _proxy;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        _gunicorn?.Dispose();
        _directory.Dispose();
    }

    /// <summary>Each request that reaches a worker costs it 0.3 s, although nobody reads the response.</summary>
    [Fact]
    public async Task Requests_that_are_opened_and_reset_have_no_more_workers_than_one_client_may()
    {
        var proxy = await StartAsync();
        using var flood = await RawHttp2.ConnectAsync(proxy);
        using var other = await RawHttp2.ConnectAsync(proxy);
        var start = TimeProvider.System.GetTimestamp();
        var longest = TimeSpan.Zero;
        const int rounds = 20, batch = 10;
        for (var round = 0; round < rounds; round++)
        {
            var streams = Enumerable.Range(round * batch, batch).Select(number => (2 * number) + 1).ToList();
            foreach (var stream in streams)
            {
                await flood.SendAsync(RawHttp2.Get(stream, "/slow", ("x-forwarded-for", "203.0.113.66")));
            }

            var asked = TimeProvider.System.GetTimestamp();
            await other.SendAsync(RawHttp2.Get((2 * round) + 1, "/other", ("x-forwarded-for", "203.0.113.7")));
            Assert.Equal("ok", await other.ReadBodyAsync((2 * round) + 1).Within());
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, TimeProvider.System.GetElapsedTime(asked).Ticks));
            foreach (var stream in streams)
            {
                await flood.SendAsync(RawHttp2.Reset(stream));
            }
        }

        await Eventually.TrueAsync(() => proxy.Slots.Active.Places!.Used == 0, "all is over");
        var took = TimeProvider.System.GetElapsedTime(start);
        var seen = (await File.ReadAllLinesAsync(_directory["seen"], Cancellation)).Count(path => path == "/slow");
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"{rounds * batch} requests opened and reset over HTTP/2: {seen} reached gunicorn; another client waited for at most " +
                $"{longest.TotalMilliseconds:F0} ms"));
        Assert.InRange(seen, 1, 2 * (1 + (int)(took.TotalSeconds / 0.3))); // two at a time, however often they are reset
    }

    [Fact]
    public async Task A_hundred_slow_uploads_on_one_connection_delay_nobody_and_are_whole()
    {
        var proxy = await StartAsync();
        using var slow = await RawHttp2.ConnectAsync(proxy);
        for (var stream = 1; stream < 200; stream += 2)
        {
            await slow.SendAsync([
                .. RawHttp2.Open(stream, "POST", "/upload", ("x-forwarded-for", "203.0.113.66")), .. RawHttp2.Data(stream, $"half of {stream}, ")]);
        }

        using var other = await RawHttp2.ConnectAsync(proxy);
        for (var stream = 1; stream < 100; stream += 2)
        {
            await other.SendAsync(RawHttp2.Get(stream, "/other", ("x-forwarded-for", "203.0.113.7")));
            Assert.Equal("ok", await other.ReadBodyAsync(stream).Within());
        }

        Assert.DoesNotContain("/upload", await File.ReadAllLinesAsync(_directory["seen"], Cancellation));
        for (var stream = 1; stream < 200; stream += 2)
        {
            await slow.SendAsync(RawHttp2.Data(stream, "and the rest", isLast: true));
        }

        var bodies = new Dictionary<int, string>();
        while (bodies.Count < 100 || bodies.Values.Any(body => !body.EndsWith("rest", StringComparison.Ordinal)))
        {
            var frame = await slow.ReadAsync().Within();
            Assert.True(frame is { Type: Http2Frame.Data or Http2Frame.Headers }, $"{frame}");
            if (frame!.Type == Http2Frame.Data)
            {
                bodies[frame.Stream] = bodies.GetValueOrDefault(frame.Stream, "") + System.Text.Encoding.ASCII.GetString(frame.Payload);
            }
        }

        Assert.All(bodies, body => Assert.Equal($"half of {body.Key}, and the rest", body.Value));
        Assert.Equal(0, proxy.Get<ProxiedApps>().All[0].Room.Count);
    }

    private async Task<DataPlane> StartAsync()
    {
        Assert.SkipWhen(await DjangoSample.ProblemAsync(Cancellation) is not null, "gunicorn is not installed");
        await File.WriteAllTextAsync(_directory["app.py"], App, Cancellation);
        await File.WriteAllTextAsync(_directory["seen"], "", Cancellation);
        var port = Backend.FreePort();
        _gunicorn = Tool.Start(
            "python3",
            ["-m", "gunicorn", "--workers", $"{Workers}", "--chdir", _directory.Path, "--bind", $"127.0.0.1:{port}", "app:app"],
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("SEEN", _directory["seen"]));
        _proxy = await DataPlane.StartAsync(
            $"http://127.0.0.1:{port}",
            "http://127.0.0.1:1",
            options => (options.TrustedProxies, options.Upstream.MaxConcurrent) = (["127.0.0.1"], Workers),
            ("Kestrel:Endpoints:Http:Protocols", "Http2"));
        using var first = await RawHttp2.ConnectAsync(_proxy);
        await first.SendAsync(RawHttp2.Get(1, "/first", ("x-forwarded-for", "203.0.113.1")));
        Assert.Equal("ok", await first.ReadBodyAsync(1).Within()); // held until gunicorn listens
        return _proxy;
    }
}
