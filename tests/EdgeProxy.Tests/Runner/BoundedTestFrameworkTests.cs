using System.Diagnostics;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Runner;

/// <summary>A test that hangs is named and does not take the others with it. With a real run of tests that hang.</summary>
public sealed class BoundedTestFrameworkTests : IDisposable
{
    private const int Killed = 128 + 9;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_test_that_hangs_fails_by_its_name_and_the_others_run()
    {
        var (exitCode, progress) = await RunAsync(nameof(HangingTests), timeout: "00:00:03");

        Assert.Equal(1, exitCode); // xUnit's for failed tests
        Assert.Contains(progress, line => IsFailure(line, "HangingTests.Waits_for_what_never_comes"));
        Assert.Contains(progress, line => IsFailure(line, "HangingTests.Blocks_its_thread"));
        Assert.Contains(progress, line => line.Contains("running: ", StringComparison.Ordinal) && line.Contains("HangingTests.", StringComparison.Ordinal));
        Assert.Contains(" 1 passed, 2 failed, 0 skipped of 3]", progress[^1], StringComparison.Ordinal);

        static bool IsFailure(string line, string test) =>
            line.Contains($"FAILED after ", StringComparison.Ordinal) && line.Contains($"{test}: Test execution timed out", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fixture_that_hangs_is_named_and_its_process_killed()
    {
        var (exitCode, progress) = await RunAsync(nameof(HangingFixtureTests), timeout: "00:00:05");

        Assert.Equal(Killed, exitCode);
        Assert.Contains("KILLED, as no test began or ended for ", progress[^1], StringComparison.Ordinal);
        Assert.Contains(typeof(HangingFixtureTests).FullName!, progress[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_does_not_end_after_its_last_test_is_killed()
    {
        var (exitCode, progress) = await RunAsync(nameof(LeftoverThreadTests), timeout: "00:00:05");

        Assert.Equal(Killed, exitCode);
        Assert.Contains(" 1 passed, 0 failed, 0 skipped of 1] KILLED, as the process does not end after its last test", progress[^1], StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string[] Progress)> RunAsync(string testClass, string timeout)
    {
        var progress = _directory["progress"];
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "EdgeProxy.Tests"), ["-explicit", "only", "-class", $"EdgeProxy.Tests.Runner.{testClass}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                [BoundedTestFramework.TimeoutVariable] = timeout,
                [BoundedTestFramework.ProgressVariable] = progress,
                [BoundedTestFramework.SoakVariable] = null,
                [BoundedTestFramework.ExplicitVariable] = "1",
            },
        };
        using var run = new RunningTool(Process.Start(start)!);
        return (await run.WaitAsync(Eventually.Patience), await File.ReadAllLinesAsync(progress, TestContext.Current.CancellationToken));
    }
}
