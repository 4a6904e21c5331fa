using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary><c>switch --canary</c> and <c>--preview</c>, <c>preview</c>, <c>promote</c>, <c>abort</c>.</summary>
public sealed class ProgressiveVerbTests
{
    [Theory]
    [InlineData("5%", """[{"share":5}]""")]
    [InlineData("0.5%/30s,10%/2m", """[{"share":0.5,"for":"00:00:30.000"},{"share":10,"for":"00:02:00.000"}]""")]
    [InlineData("5%/7d", """[{"share":5,"for":"168:00:00.000"}]""")]
    [InlineData("off", "[]")]
    public async Task A_canary_is_asked_for(string text, string steps)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);

        var run = await CommandLine.RunAsync("switch", "--canary", text, "--preview", "15m", "--admin", admin.Url);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal($$"""{"to":null,"label":null,"force":false,"canary":{{steps}},"preview":"00:15:00.000"}""", admin.Order);
    }

    [Theory]
    [InlineData("5")]
    [InlineData("5%/")]
    [InlineData("5%/30")]
    [InlineData("%")]
    [InlineData("5%/30s/2m")]
    [InlineData("-5%")]
    [InlineData("5%/7w")]
    [InlineData("nan%")]
    [InlineData("Infinity%")]
    public async Task What_is_no_canary_is_said(string text)
    {
        var run = await CommandLine.RunAsync("switch", "--canary", text, "--admin", "http://127.0.0.1:1");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"'{text}' is no canary; write 5%, or steps such as 1%/30s,10%/2m, or off", run.Error, StringComparison.Ordinal);
        Assert.Contains("500ms, 30s, 2m, 1h, 7d or 00:00:30, at most 365d", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("promote", SwitchOutcome.Completed, 0)]
    [InlineData("promote", SwitchOutcome.RolledBack, 1)]
    [InlineData("promote", SwitchOutcome.CompletedWithWarnings, 5)]
    [InlineData("abort", SwitchOutcome.Aborted, 0)]
    [InlineData("abort", SwitchOutcome.RolledBack, 0)]
    [InlineData("abort", SwitchOutcome.Completed, 1)]
    public async Task The_exit_code_says_whether_it_ended_as_asked(string verb, SwitchOutcome outcome, int exitCode)
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(outcome);

        var run = await CommandLine.RunAsync(verb, "--admin", admin.Url);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Equal("{}", admin.Order);
    }

    [Fact]
    public async Task A_preview_prints_the_link_alone()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.Refusal = (200, """{"link":"https://shop.example.com/?edgeproxy-preview=1.a","expiresAt":"2026-01-31T23:59:59.000Z"}""");

        var run = await CommandLine.RunAsync("preview", "https://shop.example.com/", "--admin", admin.Url);

        Assert.Equal((0, "https://shop.example.com/?edgeproxy-preview=1.a\n"), (run.ExitCode, run.Output));
        Assert.StartsWith("valid until ", run.Error, StringComparison.Ordinal);
        Assert.Equal("""{"url":"https://shop.example.com/"}""", admin.Order);
    }
}
