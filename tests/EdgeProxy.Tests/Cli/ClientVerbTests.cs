using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class ClientVerbTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_completed_switch_is_followed_phase_by_phase()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);

        var run = await CommandLine.RunAsync("switch", "--to", "green", "--label", "a1b2c3", "--admin", admin.Url);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.True(admin.WasListenedToFirst);
        Assert.Equal("""{"to":"green","label":"a1b2c3","force":false}""", admin.Order);
        var lines = run.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches(@"^\d\d:\d\d:\d\d switch 20260131-000000-0001 from blue to green$", lines[0]);
        Assert.Matches(@"^\d\d:\d\d:\d\d StartIdle 0\.120s  pid 42$", lines[1]);
        Assert.EndsWith("Completed: blue -> green in 2.000s; traffic is on green", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_switch_says_why_where_traffic_is_and_what_to_do()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(
            SwitchOutcome.Aborted,
            "Probe: it responds with 400.",
            new ProbeSummary(400, TimeSpan.FromMilliseconds(12), "<h1>Bad Request", "is example.org in ALLOWED_HOSTS?"),
            "DisallowedHost");

        var run = await CommandLine.RunAsync("switch", "--admin", admin.Url);

        Assert.Equal(1, run.ExitCode);
        Assert.EndsWith("traffic is on blue\n", run.Output, StringComparison.Ordinal);
        foreach (
            var part in (string[])[
                "why: Probe: it responds with 400.", "400 after 0.012s, is example.org in ALLOWED_HOSTS?", "<h1>Bad Request", "  DisallowedHost", "next: "])
        {
            Assert.Contains(part, run.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(SwitchOutcome.Completed, 0)]
    [InlineData(SwitchOutcome.Aborted, 1)]
    [InlineData(SwitchOutcome.RolledBack, 1)]
    [InlineData(SwitchOutcome.CompletedWithWarnings, 5)]
    public async Task The_exit_code_is_the_outcome_also_when_the_events_break_off(SwitchOutcome outcome, int exitCode)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(outcome);
        admin.BreakEvents = true;

        var run = await CommandLine.RunAsync("switch", "--json", "--admin", admin.Url);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains($"\"outcome\":\"{outcome}\"", Assert.Single(run.Output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    /// <summary>The running switch that was called back ends RolledBack, as was wanted; a switch of its own that does so has failed.</summary>
    [Theory]
    [InlineData(true, SwitchOutcome.RolledBack, 0)]
    [InlineData(true, SwitchOutcome.CompletedWithWarnings, 5)]
    [InlineData(false, SwitchOutcome.Completed, 0)]
    [InlineData(false, SwitchOutcome.RolledBack, 1)]
    public async Task A_rollback_is_done_when_traffic_is_back(bool isCalledBack, SwitchOutcome outcome, int exitCode)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(outcome);
        admin.IsCalledBack = isCalledBack;

        var run = await CommandLine.RunAsync("rollback", "--force", "--admin", admin.Url);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Equal("""{"force":true}""", admin.Order);
    }

    [Theory]
    [InlineData(409, """{"id":"x","from":"blue","to":"green","startedAt":"2026-01-31T00:00:00Z","phase":"Drain"}""", 4, "switch x to green runs already (in Drain)")]
    [InlineData(422, """{"title":"Unprocessable","detail":"green is active already"}""", 4, "green is active already")]
    [InlineData(422, """{"title":"The switch is not possible","detail":"green is active already","from":"green","to":"green"}""", 4, "next: nothing was started, traffic is on green")]
    [InlineData(401, """{"title":"Unauthorized"}""", 4, "--token-file")]
    [InlineData(403, """{"detail":"foreign Origin"}""", 4, "foreign Origin")]
    [InlineData(500, "oops", 3, "responded with 500: oops")]
    public async Task A_refusal_is_told_in_the_words_of_the_proxy(int status, string body, int exitCode, string words)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (status, body);

        foreach (var verb in (string[][])[["switch"], ["switch", "--no-wait"]])
        {
            var run = await CommandLine.RunAsync([.. verb, "--admin", admin.Url]);

            Assert.Equal(exitCode, run.ExitCode);
            Assert.Contains(words, run.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Probe", "", ", or end it with 'edgeproxy abort'")]
    [InlineData("Flip", "Flip", ", or end it with 'edgeproxy abort'")]
    [InlineData("Canary", "", ", or call it back with 'edgeproxy rollback'")]
    [InlineData("Observe", "Flip", ", or call it back with 'edgeproxy rollback'")]
    [InlineData("Drain", "Flip Observe Flip", "")]
    [InlineData("Drain", "Canary!", "")]
    [InlineData("StopOld", "Flip", "; 'edgeproxy rollback' goes back after that")]
    [InlineData("AfterEnd", "Flip StopOld!", ", or go back with 'edgeproxy rollback', which ends its hooks")]
    [InlineData("AfterEnd", "Probe!", "")]
    public async Task What_can_be_done_about_a_switch_that_runs_is_said(string phase, string phases, string hint)
    {
        await using var admin = await FakeAdmin.StartAsync();
        var runs = phases.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(run =>
            $$"""{"phase":"{{run.TrimEnd('!')}}","startedAt":"2026-01-31T00:00:00Z","failed":{{(run.EndsWith('!') ? "true" : "false")}}}""");
        admin.Refusal = (
            409, $$"""{"id":"x","from":"blue","to":"green","startedAt":"2026-01-31T00:00:00Z","phase":"{{phase}}","phases":[{{string.Join(',', runs)}}]}""");

        var run = await CommandLine.RunAsync("switch", "--admin", admin.Url);

        Assert.Equal(4, run.ExitCode);
        Assert.EndsWith($"wait for its end, 'edgeproxy status' shows it{hint}", run.Error.Trim(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(409, """{"id":"x","from":"blue","to":"green","startedAt":"2026-01-31T00:00:00Z","phase":"Drain"}""", "\"id\":\"x\"")]
    [InlineData(422, """{"detail":"green is active already","from":"green","to":"green"}""", "\"detail\":\"green is active already\"")]
    public async Task A_script_gets_a_refusal_as_json(int status, string body, string expected)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (status, body);

        var run = await CommandLine.RunAsync("switch", "--json", "--admin", admin.Url);

        Assert.Equal((4, ""), (run.ExitCode, run.Error));
        Assert.Contains(expected, Assert.Single(run.Output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_waiting_the_begun_switch_is_the_response()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Aborted);

        var run = await CommandLine.RunAsync("switch", "--no-wait", "--admin", admin.Url);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("has begun", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_socket_needs_no_token_and_the_url_takes_it_from_a_file()
    {
        await using var bySocket = await FakeAdmin.StartAsync(_directory["admin.sock"]);
        bySocket.EndsWith(SwitchOutcome.Completed);
        Assert.Equal(0, (await CommandLine.RunAsync("switch", "--socket", _directory["admin.sock"])).ExitCode);
        Assert.Equal("", bySocket.Authorization ?? "");

        await using var byUrl = await FakeAdmin.StartAsync();
        byUrl.EndsWith(SwitchOutcome.Completed);
        await File.WriteAllTextAsync(_directory["token"], "s3cret\n", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLine.RunAsync("switch", "--admin", byUrl.Url, "--token-file", _directory["token"])).ExitCode);
        Assert.Equal("Bearer s3cret", byUrl.Authorization);
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_is_exit_code_3_with_advice()
    {
        var gone = await FakeAdmin.StartAsync();
        var url = gone.Url;
        await gone.DisposeAsync();

        foreach (var where in (string[][])[["--admin", url], ["--socket", _directory["no.sock"]]])
        {
            foreach (var verb in (string[])["status", "switch"])
            {
                var run = await CommandLine.RunAsync([verb, .. where]);
                Assert.Equal(3, run.ExitCode);
                Assert.Contains("is the proxy running?", run.Error, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("none")] // does not exist
    [InlineData("")] // the directory itself
    public async Task A_token_file_that_cannot_be_read_is_wrong_usage(string name)
    {
        var run = await CommandLine.RunAsync("status", "--admin", "http://127.0.0.1:1", "--token-file", _directory[name]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"edgeproxy: the token file {_directory[name]} cannot be read: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_is_a_table_for_people_and_the_body_itself_as_json()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = """
            {"version":"0.1.0","pid":7,"uptime":"01:00:00.000","active":"green","slots":{
            "blue":{"unit":"app-blue.service","unitState":"Inactive","memory":null,"health":"Stopped","inFlight":{"http":0,"stream":0,"webSocket":0},"requests":12,"errors":0},
            "green":{"unit":"app-green.service","unitState":"Active","memory":104857600,"health":"Healthy","label":"a1b2c3","inFlight":{"http":2,"stream":0,"webSocket":1},"requests":30,"errors":1}},
            "switch":null,"lastSwitch":{"id":"s1","from":"blue","to":"green","startedAt":"2026-01-31T00:00:00.000Z","outcome":"Completed","duration":"00:00:02.000","reason":null}}
            """;

        var text = (await CommandLine.RunAsync("status", "--admin", admin.Url)).Output.Split('\n');
        Assert.Equal("edgeproxy 0.1.0, pid 7, up 01:00:00.000; traffic is on green", text[0]);
        Assert.Matches("^blue +idle +app-blue.service +Inactive +Stopped +0 +12 +0$", text[2]);
        Assert.Matches("^green +active +app-green.service +Active +Healthy +a1b2c3 +2 http 1 webSocket +30 +1 +100.0 MB$", text[3]);
        Assert.Equal("last switch s1, blue -> green, 2026-01-31T00:00:00.000Z: Completed after 00:00:02.000", text[4]);

        Assert.Equal(admin.Status, (await CommandLine.RunAsync("status", "--json", "--admin", admin.Url)).Output.TrimEnd('\n'));
    }

    [Fact]
    public async Task Something_that_is_no_proxy_is_exit_code_3()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = "<html>";

        Assert.Equal(3, (await CommandLine.RunAsync("status", "--admin", admin.Url)).ExitCode);
    }
}
