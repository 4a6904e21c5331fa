using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Switching;

public sealed class HealthProbeTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly HealthOptions _options = new() { Path = "/healthz", Timeout = TimeSpan.FromSeconds(20) };
    private readonly SlotApp _app;

    public HealthProbeTests() => _app = new(_directory["app.sock"]);

    [Fact]
    public async Task It_asks_as_a_client_behind_TLS_does_and_over_a_new_connection()
    {
        var seen = new List<(string Line, string Host, string Proto, string Agent, string Connection)>();
        _options.Path = "/he%2Fal;th/?deep=1";
        _app.Handler = context =>
        {
            var headers = context.Request.Headers;
            lock (seen)
            {
                seen.Add((
                    $"{context.Request.Method} {context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget} " +
                        $"{context.Request.Protocol}",
                    headers.Host.ToString(), headers["X-Forwarded-Proto"].ToString(), headers.UserAgent.ToString(), context.Connection.Id));
            }

            return context.Response.WriteAsync("fine");
        };
        await _app.ListenAsync();

        var probe = Probe("api.example.com");
        var responses = new[] { await AskAsync(probe), await AskAsync(probe) };

        Assert.All(responses, response => Assert.Equal((200, "fine", null), (response.Status, response.Body, response.Error)));
        Assert.All(seen, request => Assert.Equal(
            ("GET /he%2Fal;th/?deep=1 HTTP/1.1", "api.example.com", "https"), (request.Line, request.Host, request.Proto)));
        Assert.Matches(@"^edgeproxy-probe/\d+\.\d+\.\d+$", seen[0].Agent);
        Assert.NotEqual(seen[0].Connection, seen[1].Connection);
    }

    [Fact]
    public async Task Without_a_name_it_asks_by_the_slots_own_address()
    {
        _app.Handler = context => context.Response.WriteAsync(context.Request.Host.Value!);
        await _app.ListenAsync();

        Assert.Equal("localhost", (await AskAsync()).Body);
    }

    [Theory]
    [InlineData("/v1/config/feature-flags/")] // the default of earlier versions
    [InlineData("/healthz")]
    [InlineData("/up")]
    [InlineData("/")]
    public async Task Where_no_path_is_set_the_first_that_the_app_has_is_the_one_and_stays_it(string has)
    {
        _options.Path = null;
        _app.Handler = context => Status(context, context.Request.Path == has || context.Request.Path == "/" ? 200 : 404);
        await _app.ListenAsync();
        var probe = Probe();
        Assert.True((await AskAsync(probe)).IsGood);

        // The next version has another one: it is not looked for.
        _app.Handler = context => Status(context, context.Request.Path == has ? 404 : 200);
        var next = await AskAsync(probe);

        Assert.True(next.IsNotFound);
        Assert.Equal($"{has} responds with 404, expected 200-299: is Health:Path right?", next.Error);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(400)]
    public async Task An_app_that_fails_at_a_usual_path_is_not_well_because_of_another_one(int status)
    {
        _options.Path = null;
        _app.Handler = context => Status(context, context.Request.Path == "/healthz" ? status : context.Request.Path == "/" ? 200 : 404);
        await _app.ListenAsync();
        var probe = Probe();

        var failing = await AskAsync(probe);

        Assert.Equal((status, false, false), (failing.Status, failing.IsGood, failing.IsNotFound));
        Assert.StartsWith($"/healthz responds with {status}, expected 200-299", failing.Error, StringComparison.Ordinal);
        _app.Handler = context => Status(context, context.Request.Path == "/healthz" ? 200 : 404);
        Assert.True((await AskAsync(probe)).IsGood);
    }

    [Fact]
    public async Task An_app_without_a_usual_path_is_told_what_it_says_to_each()
    {
        _options.Path = null;
        _app.Handler = context => Status(context, context.Request.Path == "/" ? 302 : 404);
        await _app.ListenAsync();

        var none = await AskAsync();

        Assert.True(none.IsNotFound);
        Assert.Equal(
            "Health:Path is not set, and none of the paths that many apps have responds with 200-299 (/v1/config/feature-flags/ 404, /healthz 404, " +
                "/health 404, /up 404, / 302): set it to one that does, and only when the app is well",
            none.Error);
    }

    [Theory]
    [InlineData("200-299,404", 404, true)]
    [InlineData("204", 200, false)]
    public async Task What_counts_as_good_is_a_setting(string expected, int status, bool good)
    {
        _options.ExpectedStatus = expected;
        _app.Handler = SlotApp.Responds(status);
        await _app.ListenAsync();

        Assert.Equal(good, (await AskAsync()).IsGood);
    }

    [Theory]
    [InlineData("ready", true)]
    [InlineData("steady", false)]
    public async Task A_text_may_be_demanded(string expected, bool good)
    {
        _options.ExpectedBody = expected;
        _app.Handler = context => context.Response.WriteAsync("I am ready");
        await _app.ListenAsync();

        var response = await AskAsync();

        Assert.Equal(good, response.IsGood);
        Assert.Equal(!good, response.Error?.Contains("\"steady\" (Health:ExpectedBody) is not in its body", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public async Task An_endless_body_ends_the_probe_not_the_proxy()
    {
        _app.Handler = async context =>
        {
            var block = new byte[8192];
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(block, context.RequestAborted);
            }
        };
        await _app.ListenAsync();

        var response = await AskAsync();

        Assert.True(response.IsGood, response.Error);
        Assert.Equal(512, response.Body!.Length);
    }

    [Fact]
    public async Task What_hangs_is_named_after_the_timeout()
    {
        _options.Timeout = TimeSpan.FromMilliseconds(100);
        _app.Handler = SlotApp.Hangs;
        await _app.ListenAsync();

        var response = await AskAsync();

        Assert.Null(response.Status);
        Assert.Contains("did not respond within 0.1 s", response.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_who_cancels_gets_no_response()
    {
        using var patience = new CancellationTokenSource();
        _app.Handler = async context =>
        {
            await patience.CancelAsync();
            await SlotApp.Hangs(context);
        };
        await _app.ListenAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Probe().ProbeAsync(Address(_app.Address), patience.Token));
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "something that is not HTTP")]
    [InlineData("", "closed the connection without a complete response")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "closed the connection during its response")]
    public async Task What_is_not_a_response_is_told_in_words(string bytes, string words)
    {
        await using var server = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, bytes, cancellation);
        });

        var response = await Probe().ProbeAsync(Address(server.Address), TestContext.Current.CancellationToken);

        Assert.Null(response.Status);
        Assert.Contains(words, response.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_there_is_told_in_words()
    {
        var tcp = await Probe().ProbeAsync(
            Address($"http://127.0.0.1:{Backend.FreePort()}"), TestContext.Current.CancellationToken);

        Assert.Contains("(connection refused)", tcp.Error, StringComparison.Ordinal);
        Assert.Contains("there is no such socket", (await AskAsync()).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("own.example.com", "acme.example.com", "allowed.example.com", "own.example.com")]
    [InlineData(null, "acme.example.com", "allowed.example.com", "acme.example.com")]
    [InlineData(null, null, "*.example.com; api.example.com;other", "api.example.com")]
    [InlineData(null, null, "*", null)]
    [InlineData(null, null, null, null)]
    public void The_name_comes_from_the_first_setting_that_has_one(string? own, string? acme, string? allowed, string? expected)
    {
        var tls = new TlsOptions { Acme = new AcmeOptions { Domains = acme is null ? null : [acme] } };

        Assert.Equal(expected, ProbeHost.Resolve(new HealthOptions { Host = own }, hosts: null, tls, allowed));
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    private static SlotAddress Address(string text) => SlotAddress.TryParse(text, out var address) ? address : throw new ArgumentException(text);

    /// <summary>In the moment in which it is made, or later: who looks first is a race, so not each of many connections meets the same.</summary>
    [Fact]
    public async Task A_connection_that_is_reset_at_once_is_no_response_like_others()
    {
        using var server = new ResettingServer();
        var probe = Probe();

        for (var i = 0; i < 200; i++)
        {
            var response = await probe.ProbeAsync(Address(server.Address), TestContext.Current.CancellationToken);
            Assert.Null(response.Status);
            Assert.NotNull(response.Error);
        }
    }

    private static Task Status(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private HealthProbe Probe(string? host = null) => new(_options, host, TimeProvider.System, NullLogger<HealthProbe>.Instance);

    private Task<ProbeSummary> AskAsync(HealthProbe? probe = null) =>
        (probe ?? Probe()).ProbeAsync(Address(_app.Address), TestContext.Current.CancellationToken);
}
