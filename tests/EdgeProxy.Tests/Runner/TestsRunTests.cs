using System.Diagnostics;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Runner;

/// <summary><c>tests/run</c> passes only when everything was built and run: with a <c>dotnet</c> of the test's own, which comes to grief in one way or
/// another.</summary>
public sealed class TestsRunTests : IDisposable
{
    private const string Summary = """
        echo 'Test run summary: Passed!'; echo "  total: $1"; echo "  failed: $2"; echo "  succeeded: $3"; echo "  skipped: ${4:-1}"
        """;

    private readonly TemporaryDirectory _directory = new();

    public TestsRunTests()
    {
        foreach (var name in new[] { "bin", "tests", "deploy" })
        {
            Directory.CreateDirectory(_directory[name]);
        }

        File.Copy(Repository.File("tests/run"), Script);
        WriteScript("deploy/install-packages", "exit 0");
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Script => _directory["tests/run"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("summary 5 0 4; exit 0", 0, "6 passed, 0 failed, 1 skipped", "passed: the solution builds")]
    [InlineData("summary 9 0 8; exit 0", 0, "10 passed, 0 failed, 1 skipped", "passed: the solution builds")] // rows that are made while they run
    [InlineData("summary 5 2 2; exit 2", 1, "4 passed, 2 failed, 1 skipped", "total: 5")]
    [InlineData("summary 4 0 3; exit 0", 1, "5 passed, 1 failed, 1 skipped", "FAILED: only 4 of 5 tests were run; the test runner ended by exit code 0")]
    [InlineData("summary 4 0 3; exit 137", 1, "5 passed, 1 failed, 1 skipped", "FAILED: only 4 of 5 tests were run; the test runner ended by signal KILL")]
    [InlineData(
        "progress; summary 0 0 0 0; exit 7", 1, "4 passed, 2 failed, 3 skipped", "FAILED: only 0 of 5 tests were run; the test runner ended by exit code 7")]
    [InlineData("summary 5 0 4; exit 7", 1, "6 passed, 1 failed, 1 skipped", "FAILED: no test failed, but the test runner ended by exit code 7")]
    [InlineData(
        "exit 0", 1, "2 passed, 1 failed, 0 skipped", "FAILED: the test runner ended without a summary, by exit code 0: not all of the 5 tests were run")]
    [InlineData("progress; kill -KILL $$", 1, "4 passed, 2 failed, 3 skipped", "FAILED: the test runner ended without a summary, by signal KILL")]
    [InlineData("progress; kill -TERM $$", 1, "4 passed, 2 failed, 3 skipped", "FAILED: the test runner ended without a summary, by signal TERM")]
    [InlineData("progress; exec sleep 600", 1, "4 passed, 2 failed, 3 skipped", "FAILED: the test runner ended without a summary, by its time limit of 1 s")]
    public async Task A_run_of_five_tests_that_ends_so(string runner, int exitCode, string lastLine, string says)
    {
        WriteDotnet(build: "exit 0", list: "echo 'Discovered 5 tests.'", runner);

        var (code, output) = await RunAsync(limit: runner.Contains("sleep", StringComparison.Ordinal) ? "1" : "60", "--quick");

        Assert.Equal(lastLine, output[^1]);
        Assert.Equal(exitCode, code);
        Assert.Contains(output, line => line.Contains(says, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, "summary 1 0 1 0", 0, "6 passed, 0 failed, 1 skipped", "UNSTABLE: Some.Tests.Method1 failed among the others and passed twice alone")]
    [InlineData(2, "summary 1 0 1 0", 0, "6 passed, 0 failed, 1 skipped", "UNSTABLE: Some.Tests.Method2 failed among the others and passed twice alone")]
    [InlineData(3, "summary 1 0 1 0", 1, "3 passed, 3 failed, 1 skipped", "failed Some.Tests.Method3(row: 1) (2s 001ms)")]
    [InlineData(1, "summary 1 1 0 0; exit 2", 1, "5 passed, 1 failed, 1 skipped", "it fails alone, too:")]
    [InlineData(1, "mkdir \"$0.once\" && summary 1 0 1 0", 1, "5 passed, 1 failed, 1 skipped", "it fails alone, too:")] // the second time
    [InlineData(1, "summary 1 0 1 0", 1, "5 passed, 1 failed, 1 skipped", "failed Some.Tests.Method1(row: 1) (2s 001ms)", "exit 137")]
    [InlineData(
        1, "summary 1 0 1 0", 1, "5 passed, 1 failed, 1 skipped", "failed [Test Class Cleanup Failure (Some)]",
        "echo 'failed [Test Class Cleanup Failure (Some)]'; exit 2")]
    [InlineData(1, "summary 0 0 0 0; exit 0", 1, "5 passed, 1 failed, 1 skipped", "it fails alone, too:")]
    public async Task A_test_that_fails_and_passes_twice_alone_is_called_unstable(
        int failures, string alone, int exitCode, string lastLine, string says, string ends = "exit 2")
    {
        var failed = string.Concat(Enumerable.Range(1, failures).Select(n => $"echo 'failed Some.Tests.Method{n}(row: 1) (2s 001ms)'; "));
        WriteDotnet(build: "exit 0", list: "echo 'Discovered 5 tests.'", runner: $"{failed} summary 5 {failures} {4 - failures}; {ends}", alone);

        var (code, output) = await RunAsync(arguments: "--quick");

        Assert.Equal(lastLine, output[^1]);
        Assert.Equal(exitCode, code);
        Assert.Contains(says, output);
        Assert.Contains("failed Some.Tests.Method1(row: 1) (2s 001ms)", output[^14..]);
    }

    [Fact]
    public async Task After_a_build_that_failed_no_test_is_run()
    {
        WriteDotnet(build: "echo 'error CS1002'; exit 1", list: "echo 'Discovered 5 tests.'", runner: "summary 5 0 4");

        var (code, output) = await RunAsync(arguments: "--quick");

        Assert.Equal("0 passed, 1 failed, 0 skipped", output[^1]);
        Assert.Equal(1, code);
        Assert.Contains("FAILED: the solution builds without a warning", output);
    }

    [Fact]
    public async Task Without_the_packages_root_has_not_run_all_tests()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "not root: what needs packages is skipped, and says so");
        WriteScript("deploy/install-packages", "exit 1");
        WriteDotnet(build: "exit 0", list: "echo 'Discovered 5 tests.'", runner: "summary 5 0 4");

        var (code, output) = await RunAsync(arguments: "--quick");

        Assert.Equal("6 passed, 1 failed, 1 skipped", output[^1]);
        Assert.Equal(1, code);
        Assert.Contains("FAILED: the packages that the tests need could not be installed", output);
    }

    [Theory]
    [InlineData("echo 'error: no such assembly'; exit 1")]
    [InlineData("echo 'Discovered 0 tests.'")]
    public async Task Without_a_list_of_tests_none_is_run(string list)
    {
        WriteDotnet(build: "exit 0", list, runner: "summary 5 0 4");

        var (code, output) = await RunAsync(arguments: "--quick");

        Assert.Equal("2 passed, 1 failed, 0 skipped", output[^1]);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData("cover 0.9049 0.81", "0", 0, "8 passed, 0 failed, 0 skipped", "coverage: 90.5 % of lines, 81.0 % of branches; the floor is 90 % of lines")]
    [InlineData("cover 0.9312 0.81", "0", 0, "8 passed, 0 failed, 0 skipped", "Write 93 into tests/coverage-floor: it only rises.")]
    [InlineData(
        "cover 0.8989 0.81", "0", 1, "8 passed, 1 failed, 0 skipped", "FAILED: 89.9 % of lines are covered, less than the 90 % of tests/coverage-floor")]
    [InlineData("cover 0.5 0.5", "1", 0, "8 passed, 0 failed, 1 skipped", "The floor is not looked at, as tests were skipped.")]
    [InlineData("true", "0", 1, "8 passed, 1 failed, 0 skipped", "FAILED: the coverage was not measured")]
    [InlineData("cover 0 0 0", "0", 1, "8 passed, 1 failed, 0 skipped", "FAILED: the coverage was not measured")] // no code was looked at
    public async Task A_whole_run_covers_what_it_did_before(string coverage, string skipped, int exitCode, string lastLine, string says)
    {
        WriteDotnet(build: "exit 0", list: "echo 'Discovered 4 tests.'", $"{coverage}; summary 4 0 4 {skipped}");
        WriteScript("deploy/publish", "exit 0");
        Directory.CreateDirectory(_directory["artifacts/native"]);
        WriteScript("artifacts/native/edgeproxy", "exit 0");
        File.WriteAllText(_directory["tests/coverage-floor"], "90\n");

        var (code, output) = await RunAsync(arguments: []);

        Assert.Equal(lastLine, output[^1]);
        Assert.Equal(exitCode, code);
        Assert.Contains(says, output);
    }

    [Fact]
    public async Task Progress_is_printed_while_tests_run_and_they_end_with_the_script()
    {
        WriteDotnet(
            build: "exit 0",
            list: "echo 'Discovered 5 tests.'",
            runner: $"trap '' TERM; progress; echo $$ >'{_directory["pid"]}'; exec sleep 600",
            format: $"echo $$ >'{_directory["formatter"]}'; exec sleep 600");
        using var run = Process.Start(Start("60", "--quick"))!;
        var output = await ReadToAsync(run, "XTests: 2 tests in 1.0 s");
        var test = await PidAsync("pid");
        var formatter = await PidAsync("formatter");

        await Tool.RunAsync("kill", ["-TERM", $"{run.Id}"]);
        output.AddRange((await run.StandardOutput.ReadToEndAsync(Cancellation).Within()).TrimEnd('\n').Split('\n'));

        Assert.Contains("FAILED: tests/run was ended by signal TERM", output);
        Assert.Equal("3 passed, 2 failed, 3 skipped", output[^1]); // whether the code is formatted was not known yet
        Assert.Equal(143, await run.EndWithin());
        await Eventually.TrueAsync(() => !Directory.Exists($"/proc/{test}"), "the test process is gone");
        await Eventually.TrueAsync(() => !Directory.Exists($"/proc/{formatter}"), "what formats is gone");

        async Task<string> PidAsync(string file)
        {
            await Eventually.TrueAsync(() => File.Exists(_directory[file]) && File.ReadAllText(_directory[file]).EndsWith('\n'), $"its {file} is there");
            return File.ReadAllText(_directory[file]).Trim();
        }
    }

    /// <summary>It is looked at beside the tests: they are run, whatever it says, and it is waited for.</summary>
    [Fact]
    public async Task Code_that_is_not_formatted_fails_the_run()
    {
        WriteDotnet(
            build: "exit 0",
            list: "echo 'Discovered 5 tests.'",
            runner: $"touch '{_directory["tested"]}'; summary 5 0 4",
            format: $"until [ -e '{_directory["tested"]}' ]; do sleep 0.05; done; echo 'X.cs(1,1): error WHITESPACE'; exit 2");

        var (code, output) = await RunAsync(arguments: "--quick");

        Assert.Equal("5 passed, 1 failed, 1 skipped", output[^1]);
        Assert.Equal(1, code);
        Assert.Contains("X.cs(1,1): error WHITESPACE", output);
        Assert.Contains("FAILED: the code is formatted (dotnet format)", output);
    }

    private static async Task<List<string>> ReadToAsync(Process run, string text)
    {
        var lines = new List<string>();
        while (lines.Count == 0 || !lines[^1].Contains(text, StringComparison.Ordinal))
        {
            lines.Add(await run.StandardOutput.ReadLineAsync(Cancellation).Within() ?? throw new InvalidOperationException(string.Join('\n', lines)));
        }

        return lines;
    }

    private async Task<(int ExitCode, string[] Output)> RunAsync(string limit = "60", params string[] arguments)
    {
        using var run = Process.Start(Start(limit, arguments))!;
        var output = await run.StandardOutput.ReadToEndAsync(Cancellation).Within();
        return (await run.EndWithin(), output.TrimEnd('\n').Split('\n'));
    }

    private ProcessStartInfo Start(string limit, params string[] arguments) => new(Script, arguments)
    {
        RedirectStandardOutput = true,
        Environment = { ["PATH"] = $"{_directory["bin"]}:{Environment.GetEnvironmentVariable("PATH")}", ["EDGEPROXY_TEST_LIMIT"] = limit },
    };

    private void WriteDotnet(string build, string list, string runner, string alone = "exit 2", string format = "exit 0") => WriteScript(
        "bin/dotnet",
        $$"""
        summary() { {{Summary.Trim()}}; }
        progress() { echo '[00:00:09 2 passed, 1 failed, 3 skipped of 5] XTests: 2 tests in 1.0 s' >>"$EDGEPROXY_TEST_PROGRESS"; }
        all="$*"
        results=${all#*--results-directory }
        results=${results%% *}
        cover() { mkdir -p "$results" && printf '<?xml?>\n<coverage line-rate="%s" branch-rate="%s" version="1.9" lines-valid="%s">\n' "$1" "$2" "${3:-9}" >"$results/coverage.xml"; }
        case "$*" in
          build*) {{build}} ;;
          format*) {{format}} ;;
          *--list-tests*) {{list}} ;;
          *--filter-method*) {{alone}} ;;
          test*) {{runner}} ;;
        esac
        """);

    private void WriteScript(string path, string script)
    {
        File.WriteAllText(_directory[path], $"#!/bin/bash\n{script}\n");
        File.SetUnixFileMode(_directory[path], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
