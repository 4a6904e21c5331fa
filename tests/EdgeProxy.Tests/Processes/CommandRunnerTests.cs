using System.Globalization;
using System.Text;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Processes;

/// <summary>Real commands, each to its end.</summary>
public sealed class CommandRunnerTests : IDisposable
{
    private readonly CommandRunner _runner = new(TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _runner.Dispose();

    [Fact]
    public async Task Output_without_end_is_kept_in_bounds()
    {
        var end = await RunAsync("i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last");

        Assert.Null(end.Problem);
        Assert.Equal(CommandRunner.MaxLines, end.Output.Count);
        Assert.All(end.Output, line => Assert.InRange(line.Length, 0, CommandRunner.MaxLineLength));
        Assert.Equal("last", end.Output[^1]);
    }

    [Fact]
    public async Task A_command_gets_its_input_and_may_leave_it_unread()
    {
        var input = Encoding.UTF8.GetBytes(new string('x', 1_000_000));

        Assert.Equal(["1000000"], (await RunAsync("wc -c", input)).Output);
        Assert.Equal(["done"], (await RunAsync("echo done", input)).Output);
    }

    [Fact]
    public async Task What_a_command_leaves_running_ends_with_it()
    {
        var end = await RunAsync("sleep 600 >/dev/null 2>&1 & echo $!");

        Assert.Null(end.Problem);
        Assert.False(Runs(Assert.Single(end.Output)));
    }

    [Fact]
    public async Task A_command_that_ignores_SIGTERM_is_killed()
    {
        var end = await RunAsync("trap '' TERM; echo $$; while :; do sleep 1; done", timeout: TimeSpan.FromMilliseconds(500));

        Assert.Contains("was not done within 0.5 s and was ended", end.Problem, StringComparison.Ordinal);
        Assert.False(Runs(end.Output[0]));
    }

    [Fact]
    public async Task A_caller_that_cancels_waits_for_the_end_of_the_command()
    {
        using var cancelled = new CancellationTokenSource();
        using var directory = new TemporaryDirectory();
        var run = _runner.RunAsync(
            new ChildStart(["/bin/sh", "-c", $"echo $$ > {directory["pid"]}; exec sleep 600"]), TimeSpan.FromMinutes(10), cancelled.Token);
        await Eventually.TrueAsync(() => File.Exists(directory["pid"]) && new FileInfo(directory["pid"]).Length > 0, "it runs");

        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.Within());
        Assert.False(Runs(await File.ReadAllTextAsync(directory["pid"], Cancellation)));
    }

    [Fact]
    public void Whom_a_command_may_run_as_depends_on_the_proxys_user()
    {
        Assert.Null(UserAccount.WhyNot(UserAccount.OwnName));
        Assert.Equal("is not a user of this machine", UserAccount.WhyNot("no-such-user-here"));
        Assert.Equal(0u, UserAccount.Find("root")!.Id);
    }

    /// <summary>Not as one that has ended and that nobody has waited for.</summary>
    internal static bool Runs(string pid) => ProcessGroup.Of(int.Parse(pid, CultureInfo.InvariantCulture)) is { LeaderRuns: true };

    private Task<CommandEnd> RunAsync(string line, ReadOnlyMemory<byte> input = default, TimeSpan? timeout = null) => _runner.RunAsync(
        new ChildStart(["/bin/sh", "-c", line]) { IsClean = true, Input = input }, timeout ?? TimeSpan.FromMinutes(1), Cancellation).Within();
}
