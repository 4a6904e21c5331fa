using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Diagnostics.ServerEvents;

/// <summary>What becomes of Kestrel's own events: what a client causes is for debugging, whatever Kestrel calls it.</summary>
public sealed class ServerLogTests
{
    private const string Http2 = ServerLog.Category + ".Http2";

    private readonly FakeTimeProvider _time = new();
    private readonly LogLines<ServerLog> _lines = new();
    private readonly ServerLog _log;

    public ServerLogTests() => _log = new ServerLog(_time);

    [Theory]
    [InlineData(Http2, LogLevel.Critical, 60, "exceeded the output operations maximum queue size", LogLevel.Debug)]
    [InlineData(Http2, LogLevel.Critical, 61, "data still remaining in the pipe", LogLevel.Debug)]
    [InlineData(Http2, LogLevel.Critical, 63, "The event loop in connection failed unexpectedly.", LogLevel.Debug)]
    [InlineData(ServerLog.Category, LogLevel.Warning, 0, "Connection processing ended abnormally.", LogLevel.Debug)]
    [InlineData(ServerLog.Category, LogLevel.Error, 0, "Unhandled exception while processing 0HN.", LogLevel.Debug)]
    [InlineData(ServerLog.Category, LogLevel.Critical, 0, "Unexpected exception in HttpConnection.ProcessRequestsAsync.", LogLevel.Debug)]
    [InlineData(ServerLog.Category, LogLevel.Error, 0, "Unexpected exception in TimingPipeFlusher.FlushAsync.", LogLevel.Debug)]
    [InlineData(ServerLog.Category + ".Connections", LogLevel.Warning, 24, "rejected: too many connections", LogLevel.Debug)]
    [InlineData(ServerLog.Category, LogLevel.Critical, 0, "The connection listener failed to accept any new connections.", LogLevel.Critical)]
    [InlineData(ServerLog.Category, LogLevel.Critical, 0, "Unable to start Kestrel.", LogLevel.Critical)]
    [InlineData(ServerLog.Category, LogLevel.Error, 13, "An unhandled exception was thrown by the application.", LogLevel.Error)]
    [InlineData(ServerLog.Category, LogLevel.Error, 67, "Reading is already in progress", LogLevel.Debug)] // a client left in the middle of a body
    [InlineData(ServerLog.Category, LogLevel.Warning, 22, "the heartbeat has been running", LogLevel.Warning)]
    [InlineData("EdgeProxy.Anything", LogLevel.Critical, 60, "ours", LogLevel.Critical)]
    public void What_a_client_causes_is_for_debugging_and_the_rest_stays(string category, LogLevel level, int id, string text, LogLevel expected)
    {
        Write(category, level, id, text, new InvalidOperationException());

        Assert.Equal((id, expected, text), Assert.Single(_lines.All));
        Assert.Equal(level == expected ? 0 : 1, _log.Suppressed);
    }

    [Fact]
    public void A_body_that_cannot_be_read_is_no_failure_of_the_proxy()
    {
        Write(ServerLog.Category, LogLevel.Error, 13, "An unhandled exception.", new BadHttpRequestException("Bad chunk size data."));

        Assert.Equal(LogLevel.Debug, Assert.Single(_lines.All).Level);
    }

    [Fact]
    public void A_flood_is_counted_and_some_of_it_is_logged_each_second()
    {
        for (var i = 0; i < 10_000; i++)
        {
            Write(Http2, LogLevel.Critical, 61, "data still remaining", null);
        }

        Assert.Equal((20, 10_000L), (_lines.All.Count, _log.Suppressed));
        _time.Advance(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 10_000; i++)
        {
            Write(Http2, LogLevel.Critical, 61, "data still remaining", null);
        }

        Assert.Equal((30, 20_000L), (_lines.All.Count, _log.Suppressed));
    }

    [Fact]
    public void A_fault_that_each_request_meets_is_logged_ten_times_then_every_six_seconds()
    {
        for (var i = 0; i < 1000; i++)
        {
            Write(ServerLog.Category, LogLevel.Error, 13, "An unhandled exception was thrown by the application.", new InvalidOperationException());
        }

        Assert.Equal(10, _lines.All.Count(line => line.Level == LogLevel.Error));
        _time.Advance(TimeSpan.FromSeconds(7));
        Write(ServerLog.Category, LogLevel.Error, 13, "An unhandled exception was thrown by the application.", new InvalidOperationException());
        Assert.Equal(11, _lines.All.Count(line => line.Level == LogLevel.Error));
    }

    [Fact]
    public async Task Once_a_minute_it_is_said_how_many_were_left_out()
    {
        var said = new LogLines<ServerLogReport>();
        using var report = new ServerLogReport(_log, _time, said);
        await report.StartAsync(TestContext.Current.CancellationToken);
        Write(Http2, LogLevel.Critical, 61, "data still remaining", null);
        Write(Http2, LogLevel.Critical, 61, "data still remaining", null);

        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(30));
                return said.All.Count > 0;
            },
            "it is said");
        _time.Advance(TimeSpan.FromMinutes(5)); // nothing since
        await report.StopAsync(TestContext.Current.CancellationToken);

        var (id, level, text) = Assert.Single(said.All);
        Assert.Equal((730, LogLevel.Warning), (id, level));
        Assert.StartsWith("2 errors of requests and of clients' connections", text, StringComparison.Ordinal);
        Assert.Contains("data still remaining", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(29, "ConnectionId", "0HN", null, true)]
    [InlineData(31, "ConnectionId", "0HN", null, true)]
    [InlineData(30, "ConnectionId", "0HN", null, false)]
    [InlineData(35, "TraceIdentifier", "0HN:00000001", "PROTOCOL_ERROR", false)]
    [InlineData(35, "TraceIdentifier", "0HN:00000001", "INTERNAL_ERROR", null)] // a response that was broken off
    [InlineData(48, "ConnectionId", "0HN", null, null)]
    public void Malformed_HTTP2_is_heard_of_though_nobody_debugs(int id, string name, string value, string? error, bool? isConnection)
    {
        var heard = new List<(string, bool)>();
        _log.Http2Failed = (connection, whole) => heard.Add((connection, whole));
        using var factory = new ServerLoggerFactory(new OneLogger(_lines, LogLevel.Warning), _log);
        var logger = factory.CreateLogger(Http2);

        Assert.True(logger.IsEnabled(LogLevel.Debug));
        List<KeyValuePair<string, object?>> state = [new(name, value), new("error", error)];
        logger.Log(LogLevel.Debug, new EventId(id), state, null, (_, _) => "text");

        Assert.Equal(isConnection is { } whole ? [("0HN", whole)] : [], heard);
    }

    private void Write(string category, LogLevel level, int id, string text, Exception? failure)
    {
        using var factory = new ServerLoggerFactory(new OneLogger(_lines, LogLevel.Debug), _log);
        factory.CreateLogger(category).Log(level, new EventId(id), text, failure, (state, _) => state);
    }

    private sealed class OneLogger(ILogger logger, LogLevel least) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => new Filter(logger, least);

        public void Dispose()
        {
            // It holds nothing.
        }

        private sealed class Filter(ILogger logger, LogLevel least) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                logger.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
