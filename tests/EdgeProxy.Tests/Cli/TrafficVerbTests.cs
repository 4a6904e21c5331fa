using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class TrafficVerbTests
{
    [Theory]
    [InlineData("""{"maxWait":"00:00:30.000"}""", "paused: no ordinary request is in the app, and each waits for at most 30 s", "pause")]
    [InlineData("""{"maxWait":"00:01:30.000"}""", "each waits for at most 90 s", "pause", "--max-wait", "90s")]
    [InlineData("{}", "resumed", "resume")]
    [InlineData("""{"on":true,"message":"Back at noon"}""", "maintenance is on", "maintenance", "on", "--message", "Back at noon")]
    [InlineData(
        """{"on":true,"message":"","for":"00:10:00.000"}""", "maintenance is on: clients get 503; it ends in 600 s, 'edgeproxy maintenance off' ends it before",
        "maintenance", "on", "--for", "10m")]
    [InlineData("""{"on":false,"message":""}""", "maintenance is off", "maintenance", "off")]
    public async Task A_verb_sends_its_order_and_says_what_holds_now(string order, string words, params string[] verb)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (200, "{}");

        var run = await CommandLine.RunAsync([.. verb, "--admin", admin.Url]);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(order, admin.Order);
        Assert.Contains(words, run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(504, 1)]
    [InlineData(409, 4)]
    [InlineData(422, 4)]
    public async Task A_pause_that_did_not_come_about_says_why(int status, int exitCode)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (status, """{"detail":"2 requests were still in the app."}""");

        var run = await CommandLine.RunAsync("pause", "--admin", admin.Url);

        Assert.Equal((exitCode, ""), (run.ExitCode, run.Output));
        Assert.Contains("2 requests were still in the app.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("maintenance")]
    [InlineData("maintenance", "perhaps")]
    [InlineData("pause", "--max-wait", "30")]
    [InlineData("pause", "--max-wait", "0s")]
    public async Task Wrong_usage_is_2(params string[] verb) => Assert.Equal(2, (await CommandLine.RunAsync(verb)).ExitCode);

    [Fact]
    public async Task Status_lists_sites_with_their_routes_in_order()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = """
            { "version": "1", "pid": 7, "uptime": "1s", "active": "blue", "slots": {}, "sites": [
              { "name": "main", "hosts": ["a.test", "*.a.test"], "scheme": "Both", "routes": [
                { "name": "/tool/*", "takes": "Path /tool/*", "does": "Upstreams http://127.0.0.1:9" }, { "name": "*", "takes": "everything", "does": "App \u001b[31mred" } ] },
              { "name": "b.test", "hosts": ["b.test"], "scheme": "Https", "routes": [ { "name": "*", "takes": "everything", "does": "Respond 200" } ] } ] }
            """;

        var run = await CommandLine.RunAsync("status", "--admin", admin.Url);

        Assert.Equal(
            """
            SITE                     ROUTE    TAKES         DOES
            main (a.test, *.a.test)  /tool/*  Path /tool/*  Upstreams http://127.0.0.1:9
                                     *        everything    App �[31mred
            b.test, https only       *        everything    Respond 200
            """,
            run.Output[run.Output.IndexOf("SITE ", StringComparison.Ordinal)..].TrimEnd());
    }

    [Fact]
    public async Task The_status_shows_both_first()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = """{"active":"blue","held":7,"pause":{"since":"2026-01-31T23:59:59.000Z","maxWait":"00:00:30.000"},"maintenance":{"since":"2026-01-31T23:59:58.000Z","message":"","until":"2026-02-01T00:10:00.000Z"}}""";

        var run = await CommandLine.RunAsync("status", "--admin", admin.Url);

        Assert.Contains("PAUSED since 2026-01-31T23:59:59.000Z: 7 requests wait, each for at most 00:00:30.000", run.Output, StringComparison.Ordinal);
        Assert.Contains("MAINTENANCE since 2026-01-31T23:59:58.000Z, until 2026-02-01T00:10:00.000Z: clients", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"limit":12,"perClient":6,"used":12,"queued":3,"oldestWait":"00:00:00.750"}""", "places: 12 of 12 used, 3 requests wait, the first one for 00:00:00.750")]
    [InlineData("""{"limit":null,"perClient":6,"used":4,"queued":0,"oldestWait":null}""", "places: 4 used, 0 requests wait\n")]
    [InlineData("null", "")]
    public async Task The_status_shows_places_where_they_are_counted(string places, string expected)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = $$"""{"active":"blue","held":0,"places":{{places}}}""";

        var run = await CommandLine.RunAsync("status", "--admin", admin.Url);

        Assert.Contains(expected, run.Output, StringComparison.Ordinal);
        Assert.Equal(expected.Length > 0, run.Output.Contains("places", StringComparison.Ordinal));
    }
}
