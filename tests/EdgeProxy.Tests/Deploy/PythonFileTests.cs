using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>Every Python file of the repository passes flake8, with lines of at most 160 characters, as everywhere.</summary>
public sealed class PythonFileTests
{
    private static readonly string _root = Repository.File("");

    [Fact]
    public async Task Flake8_has_nothing_to_say()
    {
        Tool.Demand("flake8");
        var tracked = await Tool.RunAsync("git", ["-C", _root, "ls-files", "--cached", "--others", "--exclude-standard"]);
        Assert.SkipWhen(tracked.ExitCode != 0, "not a git checkout");
        var files = tracked.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(path => Path.Combine(_root, path)).Where(IsPython).ToList();

        Assert.Contains(files, file => file.EndsWith("deploy/restart_app/facts.py", StringComparison.Ordinal));
        Assert.Contains(files, file => file.EndsWith("bench/instructions", StringComparison.Ordinal)); // a script without an extension
        var run = await Tool.RunAsync("flake8", ["--isolated", "--max-line-length", "160", .. files], patience: TimeSpan.FromMinutes(2));
        Assert.Equal("", run.Output + run.Error);
        Assert.Equal(0, run.ExitCode);
    }

    private static bool IsPython(string file) => File.Exists(file)
        && (file.EndsWith(".py", StringComparison.Ordinal) || (Path.GetExtension(file).Length == 0 && File.ReadLines(file).FirstOrDefault() is { } first
            && first.StartsWith("#!", StringComparison.Ordinal) && first.Contains("python", StringComparison.Ordinal)));
}
