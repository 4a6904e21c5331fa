using EdgeProxy.Cli.Top;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Admin;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary><c>history</c>, <c>top</c> and <c>switch --wait-lock</c>.</summary>
public sealed class ComfortVerbTests
{
    private const string Running = """{"id":"20260131-235959-aaaa","from":"blue","to":"green","phase":"Drain","startedAt":"2026-01-31T23:59:59.000Z"}""";

    private const string Run = """
        {
          "id": "20260131-235959-3fa2", "from": "blue", "to": "green", "label": "a1\u001b[31m", "outcome": "RolledBack", "byRescue": true,
          "reason": "Observe: 7 of 20 failed.", "startedAt": "2026-01-31T23:59:59.000Z", "duration": "00:00:14.200",
          "phases": [
            { "phase": "StartIdle", "startedAt": "2026-01-31T23:59:59.000Z", "duration": "00:00:02.000", "detail": "green was started" },
            { "phase": "Observe", "startedAt": "2026-02-01T00:00:01.000Z", "duration": "00:00:10.000", "detail": "7 of 20 failed", "failed": true }
          ],
          "hooks": [{ "hook": "BeforeFlip", "command": "/bin/smoke", "duration": "00:00:00.100", "exitStatus": 0, "output": ["all good"] }],
          "unitLog": ["Traceback"]
        }
        """;

    [Fact]
    public async Task History_shows_a_line_for_each_switch()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Switches = $$"""{"switches":[{{Running}},{{Run}}]}""";

        var run = await CommandLine.RunAsync("history", "--admin", admin.Url);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var lines = run.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^20260131-235959-aaaa  2026-01-31T23:59:59.000Z  blue  green .* runs, in Drain", lines[1]);
        Assert.Matches(@"^20260131-235959-3fa2 .* a1\S*\[31m +RolledBack \(failover\) +00:00:14.200 +Observe 00:00:10.000$", lines[2]);
        Assert.DoesNotContain('\u001b', run.Output);
    }

    /// <summary>Neither a terminal's commands, nor what turns the direction of the words beside it, nor a line of its own.</summary>
    [Theory]
    [InlineData("status")]
    [InlineData("history")]
    public async Task What_others_have_written_is_printable_and_stays_in_its_line(string verb)
    {
        const string text = @"a\u001b[2J\u202eb\u2028c\nDOWN since now";
        await using var admin = await FakeAdmin.StartAsync();
        admin.Status = $$"""
            {
              "active": "blue", "rescue": { "since": "{{text}}", "reason": "{{text}}" },
              "slots": { "blue": { "label": "{{text}}", "unit": "{{text}}", "health": "{{text}}" } },
              "companions": [{ "name": "{{text}}", "unit": "{{text}}" }],
              "lastSwitch": { "id": "1", "from": "blue", "to": "green", "label": "{{text}}", "outcome": "Aborted", "reason": "{{text}}" },
              "sites": [{ "name": "{{text}}", "hosts": ["{{text}}"], "routes": [{ "name": "{{text}}", "takes": "{{text}}", "does": "{{text}}" }] }]
            }
            """;
        admin.Switches = $$"""{"switches":[{"id":"{{text}}","label":"{{text}}","outcome":"Aborted","reason":"{{text}}"}]}""";

        var run = await CommandLine.RunAsync(verb, "--admin", admin.Url);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("a\ufffd[2J\ufffdb\ufffdc DOWN since now", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(run.Output, character => character is '\u001b' or '\u202e' or '\u2028');
        Assert.DoesNotContain(run.Output.Split('\n'), line => line.StartsWith("DOWN since now", StringComparison.Ordinal));
    }

    [Fact]
    public async Task History_of_one_shows_the_figures_of_its_phases()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.RolledBack, "Observe: worse", log: "Traceback");

        var run = await CommandLine.RunAsync("history", "20260131-000000-0001", "--admin", admin.Url);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.StartsWith(
            "switch 20260131-000000-0001, blue -> green, label none\nRolledBack, begun 1970-01-01T00:00:00.000Z", run.Output, StringComparison.Ordinal);
        Assert.Matches("StartIdle +1970-01-01T00:00:00.000Z +00:00:00.120 +pid 42", run.Output);
        Assert.EndsWith("unit log:\n  Traceback\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_switch_is_refused()
    {
        await using var host = await AdminHost.StartAsync();

        var run = await CommandLine.RunAsync("history", "nope", "--admin", host.ByPort.BaseAddress!.ToString());

        Assert.Equal((4, ""), (run.ExitCode, run.Output));
        Assert.Contains("There is no switch \"nope\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_switch_waits_while_another_one_runs()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);
        admin.Status = $$"""{"switch":{{Running}}}""";
        using var error = new StringWriter();

        var run = CommandLine.RunAsync("switch", "--admin", admin.Url, "--wait-lock");
        await Eventually.TrueAsync(() => admin.StatusReads > 1, "it looks again");
        Assert.Null(admin.Order);
        admin.Status = "{}";

        var ended = await run.Within();
        Assert.Equal(0, ended.ExitCode);
        Assert.Equal("edgeproxy: waits for switch 20260131-235959-aaaa to green", ended.Error.TrimEnd());
    }

    [Fact]
    public async Task It_waits_no_longer_than_it_is_told()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (409, Running); // each time another one was quicker

        var run = await CommandLine.RunAsync("switch", "--admin", admin.Url, "--wait-lock", "1s").Within();

        Assert.Equal(4, run.ExitCode);
        Assert.Contains("refused: switch 20260131-235959-aaaa to green runs already", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Top_shows_a_real_proxy_once()
    {
        await using var host = await AdminHost.StartAsync();

        var run = await CommandLine.RunAsync("top", "--once", "--interval", "100ms", "--admin", host.ByPort.BaseAddress!.ToString());

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("app app: traffic is on blue", run.Output, StringComparison.Ordinal);
        Assert.Matches("SLOT +HEALTH +LABEL +IN FLIGHT +REQ/S +5XX/S +P50 +P95 +P99 +MEMORY", run.Output);
        Assert.Matches(@"\nblue +active +\w+ +0 +0\.0 +0\.0", run.Output);
        Assert.DoesNotContain('\u001b', run.Output);
    }

    [Fact]
    public void Latency_is_that_of_the_requests_in_between()
    {
        var before = LatencyBuckets.Read(Metrics(fast: 1000, slow: 1000));
        var now = LatencyBuckets.Read(Metrics(fast: 1090, slow: 1100)); // ten of a hundred were slow

        Assert.Equal(0.0278, now.Quantile("app", "blue", 0.5, before)!.Value, 0.001);
        Assert.Equal(0.275, now.Quantile("app", "blue", 0.95, before)!.Value, 0.001);
        Assert.Null(now.Quantile("app", "blue", 0.5, now));
        Assert.Null(now.Quantile("app", "green", 0.5, before));
        Assert.Equal(0.5, LatencyBuckets.Read(Metrics(0, 0) + Line("+Inf", 5)).Quantile("app", "blue", 0.5, null));

        static string Metrics(int fast, int slow) => $"# HELP x\n{Line("0.05", fast)}{Line("0.5", slow)}{Line("+Inf", slow)}";

        static string Line(string bound, int count) =>
            $"edgeproxy_request_duration_seconds_bucket{{app=\"app\",slot=\"blue\",class=\"http\",le=\"{bound}\"}} {count} 1769903999000\n";
    }
}
