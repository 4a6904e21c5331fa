using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class AvailabilityWatchTests
{
    [Fact]
    public async Task Good_responses_are_a_line_each_and_exit_0()
    {
        await using var sample = await Sample.StartAsync();

        var run = await CommandLine.RunAsync("watch", sample.Url, "--interval", "1ms", "--count", "3");

        Assert.Equal(0, run.ExitCode);
        var lines = run.Output.TrimEnd().Split('\n');
        Assert.All(lines[..3], line => Assert.Matches(@"^\d\d:\d\d:\d\d 200 \d+\.\d{3}s$", line));
        Assert.StartsWith("3 requests, 0 failed; median ", Assert.Single(lines[3..]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/status/302", "302")]
    [InlineData("/status/503", "503")]
    public async Task Any_response_but_a_2xx_is_a_failure(string path, string status)
    {
        await using var sample = await Sample.StartAsync();

        var run = await CommandLine.RunAsync("watch", sample.Url + path, "--count", "1");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains($" {status} ", run.Output, StringComparison.Ordinal);
        Assert.Contains("1 requests, 1 failed", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_response_is_a_failure_with_its_reason()
    {
        var sample = await Sample.StartAsync();
        var url = sample.Url;
        await sample.DisposeAsync();

        var run = await CommandLine.RunAsync("watch", url, "--count", "1", "--json");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("\"status\":null", run.Output, StringComparison.Ordinal);
        Assert.Contains("refused", run.Output, StringComparison.Ordinal);
    }

    /// <summary>.NET's client has no exception of its own for that, where the reset comes before it has looked at its connection; so not each of many
    /// connections meets it.</summary>
    [Fact]
    public async Task A_connection_that_is_reset_at_once_is_a_failure_like_others()
    {
        using var server = new ResettingServer();

        var run = await CommandLine.RunAsync("watch", server.Address, "--interval", "1ms", "--count", "200");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("200 requests, 200 failed", run.Output, StringComparison.Ordinal);
        Assert.All(run.Output.Split('\n')[..200], line => Assert.Matches("  .*[Cc]onnection reset by peer", line));
    }

    [Fact]
    public async Task An_interrupt_ends_it_with_the_summary()
    {
        await using var sample = await Sample.StartAsync();
        using var interrupt = new CancellationTokenSource();
        var watch = CommandLine.RunUntilAsync(["watch", sample.Url, "--interval", "1h"], interrupt.Token);
        await interrupt.CancelAsync();

        var run = await watch;

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(" failed; median ", run.Output, StringComparison.Ordinal);
    }
}
