using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Http;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Diagnostics.AccessLogging;

/// <summary>The writer by itself: its memory, its losses, its reports.</summary>
public sealed class AccessLogWriterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines<AccessLog> _said = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_finds_no_room_is_counted_and_said_once_a_minute()
    {
        using var log = New(_directory["access.log"]);
        var added = 0;
        while (log.Dropped < 100) // nobody writes yet
        {
            log.Add(Record("/" + new string('x', 1000)));
            added++;
        }

        Assert.InRange(added, 3000, 5000); // 4 MB, however many lines that are
        await log.StartAsync(Cancellation);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(30));
                return _said.All.Count > 0;
            },
            "the loss is reported");
        _time.Advance(TimeSpan.FromMinutes(5));
        await log.StopAsync(Cancellation);

        var (id, level, text) = Assert.Single(_said.All); // nothing was lost since
        Assert.Equal((701, LogLevel.Warning), (id, level));
        Assert.StartsWith("100 lines of the access log were lost", text, StringComparison.Ordinal);
        Assert.Equal(added - 100, (await File.ReadAllLinesAsync(_directory["access.log"], Cancellation)).Length);
    }

    [Fact]
    public async Task A_flood_of_refused_and_aborted_requests_is_cut_to_a_hundred_lines_a_second_and_ordinary_requests_never()
    {
        using var log = New(_directory["access.log"]);
        for (var i = 0; i < 3000; i++)
        {
            var refused = Record("/refused");
            refused.Context.Features.Set(RefusedRequest.Instance);
            log.Add(refused);
            log.Add(Record("/ordinary"));
            var aborted = Record("/aborted");
            aborted.Context.Response.StatusCode = ProxyStatusCodes.ClientClosedRequest;
            log.Add(aborted);
        }

        Assert.Equal(5000, log.Suppressed);
        _time.Advance(TimeSpan.FromSeconds(2));
        for (var i = 0; i < 300; i++)
        {
            var refused = Record("/later");
            refused.Context.Features.Set(RefusedRequest.Instance);
            log.Add(refused);
        }

        Assert.Equal(5100, log.Suppressed);
        await log.StartAsync(Cancellation);
        await log.StopAsync(Cancellation);
        var lines = await File.ReadAllLinesAsync(_directory["access.log"], Cancellation);
        Assert.Equal(3000, lines.Count(line => line.Contains("/ordinary", StringComparison.Ordinal)));
        Assert.Equal(1000, lines.Count(line => line.Contains("/refused", StringComparison.Ordinal) || line.Contains("/aborted", StringComparison.Ordinal)));
        Assert.Equal(200, lines.Count(line => line.Contains("/later", StringComparison.Ordinal)));
        var (id, level, text) = Assert.Single(_said.All);
        Assert.Equal((702, LogLevel.Warning), (id, level));
        Assert.StartsWith("5100 requests", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_write_that_fails_is_said_once_and_its_lines_are_counted()
    {
        using var log = New(_directory["missing/access.log"]);
        await log.StartAsync(Cancellation);
        for (var i = 1; i <= 3; i++)
        {
            log.Add(Record("/"));
            await Eventually.TrueAsync(() => log.Dropped == i, "the line is lost");
        }

        Directory.CreateDirectory(_directory["missing"]);
        log.Add(Record("/back"));
        await log.StopAsync(Cancellation);

        Assert.Equal([700, 701], _said.All.Select(said => said.Id));
        Assert.Contains("/back", Assert.Single(await File.ReadAllLinesAsync(_directory["missing/access.log"], Cancellation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_leaves_no_line_that_is_glued_to_another()
    {
        using var full = new LineOutput("/dev/full");
        await Assert.ThrowsAsync<IOException>(() => full.WriteAsync("lost\n"u8.ToArray()).AsTask());
        File.WriteAllText(_directory["target"], "half a li");
        File.CreateSymbolicLink(_directory["access.log"], "/dev/full");
        using var output = new LineOutput(_directory["access.log"]);
        await Assert.ThrowsAsync<IOException>(() => output.WriteAsync("lost\n"u8.ToArray()).AsTask());
        File.Delete(_directory["access.log"]);
        File.CreateSymbolicLink(_directory["access.log"], _directory["target"]);

        output.Reopen();
        await output.WriteAsync("whole\n"u8.ToArray());

        Assert.Equal("half a li\nwhole\n", await File.ReadAllTextAsync(_directory["target"], Cancellation));
    }

    [Theory]
    [InlineData(AccessLogFormat.Json)]
    [InlineData(AccessLogFormat.Caddy)]
    [InlineData(AccessLogFormat.Common)]
    public void A_line_allocates_nothing(AccessLogFormat format)
    {
        using var log = New(_directory["access.log"], format);
        var record = Record("/v1/items/?page=2&token=x");
        while (log.Dropped == 0) // the arrays grow to their full size
        {
            log.Add(record);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            log.Add(record);
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Figures.Report($"access log, {format}: {bytes / 1000.0} bytes allocated a line");
        Assert.InRange(bytes, 0, 1000); // none a line; the runtime may have something of its own to do
    }

    /// <summary>Where a long value is cut, half a character may be left; a client or a library may have sent one, too.</summary>
    [Theory]
    [InlineData(AccessLogFormat.Json)]
    [InlineData(AccessLogFormat.Caddy)]
    [InlineData(AccessLogFormat.Common)]
    public async Task Half_a_character_breaks_no_line(AccessLogFormat format)
    {
        var log = New(_directory["access.log"], format);
        await log.StartAsync(Cancellation);
        var record = Record("/\ud83d?a=\udc00");
        record.Context.Request.Headers.UserAgent = new string('x', 511) + "😀";
        record.Context.Request.Headers.Referer = "/\ud83d?x=1";
        log.Add(record);
        log.Add(Record("/next"));
        await log.StopAsync(Cancellation);
        log.Dispose();

        var lines = await File.ReadAllLinesAsync(_directory["access.log"], Cancellation);
        Assert.Equal(2, lines.Length);
        Assert.Contains("/next", lines[1], StringComparison.Ordinal);
        if (format != AccessLogFormat.Common)
        {
            Assert.All(lines, line => System.Text.Json.JsonDocument.Parse(line).Dispose());
        }
    }

    [Fact]
    public async Task Lines_of_many_threads_stay_whole()
    {
        var log = New(_directory["access.log"]);
        await log.StartAsync(Cancellation);
        await Parallel.ForAsync(0, 5000, Cancellation, (i, _) =>
        {
            log.Add(Record($"/{i}/"));
            return ValueTask.CompletedTask;
        });
        await log.StopAsync(Cancellation);
        log.Dispose();

        var lines = await File.ReadAllLinesAsync(_directory["access.log"], Cancellation);
        var paths = lines.Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("path").GetString());
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"/{i}/").Order(StringComparer.Ordinal), paths.Order(StringComparer.Ordinal));
    }

    private AccessLog New(string file, AccessLogFormat format = AccessLogFormat.Json) =>
        new(LineFormat.Of(new AccessLogOptions { Format = format }), new LineOutput(file), _time, _said);

    private static RequestRecord Record(string target)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Protocol = "HTTP/1.1";
        context.Request.Host = new HostString("shop.example.com");
        context.Request.Headers.UserAgent = "Mozilla/5.0 (X11; Linux x86_64)";
        context.Connection.RemoteIpAddress = System.Net.IPAddress.Parse("::ffff:192.0.2.7");
        context.TraceIdentifier = "0123456789abcdef";
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
        return new RequestRecord(context, DateTimeOffset.UnixEpoch, TimeSpan.FromMilliseconds(12.5), 1234);
    }
}
