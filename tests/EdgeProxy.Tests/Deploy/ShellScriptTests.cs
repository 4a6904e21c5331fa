using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>Every shell script of the repository passes shellcheck, with what it sources.</summary>
public sealed class ShellScriptTests
{
    private static readonly string _root = Repository.File("");

    [Fact]
    public async Task Shellcheck_has_nothing_to_say()
    {
        Tool.Demand("shellcheck");
        foreach (var script in await FindAsync())
        {
            var run = await Tool.RunAsync("shellcheck", ["--external-sources", "--source-path=SCRIPTDIR", script]);
            Assert.Equal("", run.Output + run.Error);
        }
    }

    /// <summary>The scripts of the repository, also those that are not committed yet.</summary>
    internal static async Task<IReadOnlyList<string>> FindAsync()
    {
        var tracked = await Tool.RunAsync("git", ["-C", _root, "ls-files", "--cached", "--others", "--exclude-standard"]);
        Assert.SkipWhen(tracked.ExitCode != 0, "not a git checkout");
        var scripts = tracked.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(path => Path.Combine(_root, path)).Where(IsShell).ToList();

        Assert.Contains(scripts, script => script.EndsWith("deploy/setup_bluegreen.sh", StringComparison.Ordinal));
        return scripts;
    }

    private static bool IsShell(string file)
    {
        if (!File.Exists(file))
        {
            return false;
        }

        using var reader = new StreamReader(file);
        var first = reader.ReadLine() ?? "";
        return file.EndsWith(".sh", StringComparison.Ordinal)
            || (first.StartsWith("#!", StringComparison.Ordinal) && (
                first.EndsWith("bash", StringComparison.Ordinal) || first.EndsWith("/sh", StringComparison.Ordinal)));
    }
}
