using System.Text.RegularExpressions;
using EdgeProxy.Processes;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Cli;

/// <summary>A switch as it is seen on a real terminal, one that script(1) makes.</summary>
public sealed partial class TerminalTests
{
    [Fact]
    public async Task On_a_terminal_the_phases_are_a_list_that_changes_in_place()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);

        var run = await OnTerminalAsync($"switch --admin {admin.Url}");

        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"\u001b\[[0-9;]*3[0-9]", run.Output); // colours
        Assert.Matches(@"\u001b\[\d*A|\u001b\[1?F|\u001b\[H|\r", run.Output); // the cursor goes back
        var text = Plain(run.Output);
        Assert.Contains("switch 20260131-000000-0001 from blue to green", text, StringComparison.Ordinal);
        Assert.Matches(@"✓ +StartIdle +0\.120s +pid 42", text);
        Assert.Contains("StopOld", text, StringComparison.Ordinal); // what comes is seen, too
        Assert.Matches(@"\d\d:\d\d:\d\d Completed: blue -> green in 2\.000s; traffic is on green", text);
    }

    [Fact]
    public async Task With_NO_COLOR_there_is_none()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);

        var run = await OnTerminalAsync($"switch --admin {admin.Url}", "NO_COLOR=1 ");

        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotMatch(@"\u001b\[[0-9;]*[34][0-9]m", run.Output);
        Assert.Contains("StartIdle", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminal_that_can_do_nothing_gets_lines()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(SwitchOutcome.Completed);

        var run = await OnTerminalAsync($"switch --admin {admin.Url}", "TERM=dumb ");

        Assert.DoesNotContain('\u001b', run.Output);
        Assert.Matches(@"\d\d:\d\d:\d\d StartIdle 0\.120s  pid 42", run.Output);
    }

    /// <summary>What an app writes into its log or sends to a probe does not reach the terminal as a command.</summary>
    [Fact]
    public async Task Control_sequences_of_an_app_are_not_passed_on()
    {
        await using var admin = await FakeAdmin.StartAsync();
        admin.EndsWith(
            SwitchOutcome.Aborted,
            "it said \u001b]0;title\a",
            new ProbeSummary(500, TimeSpan.Zero, "\u001b[2J<h1>", "responds with \u009b31m500"),
            "log \u001b[1;31mred",
            "\r next");

        var run = await CommandLine.RunAsync("switch", "--admin", admin.Url);

        Assert.Equal(1, run.ExitCode);
        Assert.DoesNotContain(run.Output + run.Error, character => char.IsControl(character) && character is not '\n');
        Assert.Contains("<h1>", run.Error, StringComparison.Ordinal);
    }

    private static Task<CommandLine> OnTerminalAsync(string arguments, string environment = "") => Tool.RunAsync(
        "script",
        [
            "--quiet",
            "--return",
            "--command",
            $"stty cols 120 rows 40; env -u NO_COLOR TERM=xterm-256color LANG=C.UTF-8 {environment}{CommandTemplate.Quote(ChildLauncher.OwnExecutable)} " +
                $"{arguments}",
            "/dev/null"]);

    private static string Plain(string output) => Escape().Replace(output, "");

    [GeneratedRegex(@"\u001b\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Escape();
}
