using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>What <c>setup_bluegreen.sh</c> writes to <c>deploy.conf</c>, by checkouts, environments and units of many kinds. Git and the files are real; what
/// systemd would say of a unit is in a file.</summary>
public sealed class DeployConfTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task One_tree_for_both_slots_needs_no_more_than_its_directory_and_its_Python()
    {
        await GitAsync("init", "--quiet", At("site"));
        AddProject("site/app server");
        AddScript("env/bin/gunicorn", $"#!{At("env/bin/python3.11")}");
        AddScript("env/bin/python3.11", "#!/bin/sh");
        AddUnits("site/app server", "site/app server", At("env/bin/gunicorn"));

        Assert.Equal(["APP_DIR=app server", $"PYTHON={At("env/bin/python3.11")}", "REQUIREMENTS="], await WrittenAsync());
    }

    /// <summary>pip writes another first line where the kernel would not take so long a one.</summary>
    [Fact]
    public async Task Worktrees_name_their_repository_its_remote_and_the_Python_beside_gunicorn()
    {
        await MakeWorktreesAsync("--origin", "upstream");
        AddScript("env/bin/gunicorn", "#!/bin/sh", "'''exec' /somewhere/else \"$0\" \"$@\"", "' '''");
        AddScript("env/bin/python", "#!/bin/sh");
        AddUnits("blue", "green", At("env/bin/gunicorn"));

        Assert.Equal([$"REPOSITORY={At("the site.git")}", "REMOTE=upstream", $"PYTHON={At("env/bin/python")}", "REQUIREMENTS="], await WrittenAsync());
    }

    [Fact]
    public async Task A_Python_that_runs_gunicorn_is_taken_itself()
    {
        await MakeWorktreesAsync();
        AddUnits("blue", "green", "/usr/bin/python3 -m gunicorn");

        Assert.Equal([$"REPOSITORY={At("the site.git")}", "PYTHON=/usr/bin/python3", "REQUIREMENTS="], await WrittenAsync());
    }

    [Theory]
    [InlineData("nowhere", "nowhere", "/usr/bin/python3", "blue.service runs in */nowhere, which is in no git checkout")]
    [InlineData("empty", "empty", "/usr/bin/python3", "blue.service runs in */empty, where there is no manage.py")]
    [InlineData("clone", "green", "/usr/bin/python3", "are clones of their own, not worktrees of one repository")]
    [InlineData("blue", "green/part", "/usr/bin/python3", "the two units run in another directory of their checkouts each")]
    [InlineData("blue", "green", "/bin/sh", "which Python runs blue.service is not to be seen from its ExecStart")]
    public async Task What_cannot_be_told_is_said_and_not_guessed(string blue, string green, string program, string why)
    {
        await MakeWorktreesAsync();
        await GitAsync("clone", "--quiet", At("the site.git"), At("clone"));
        await GitAsync("init", "--quiet", At("empty"));
        AddProject("green/part");
        AddUnits(blue, green, program);

        var run = await RunAsync();

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(why.Replace("*", _directory.Path, StringComparison.Ordinal), run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('=', run.Output);
    }

    private string At(string path) => _directory[path];

    /// <summary>Without comments.</summary>
    private async Task<IEnumerable<string>> WrittenAsync()
    {
        var run = await RunAsync();
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        return run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#'));
    }

    private Task<CommandLine> RunAsync() => Tool.RunAsync("bash", ["-c", """
        set -euo pipefail
        cd "$1"
        . changes.sh
        . units.sh
        . deploy_conf.sh
        units=$2
        app_units() { printf 'blue.service green.service'; }
        property() { cat "$units/$1.$2"; }
        command_of() { tr ' ' '\n' < "$units/$1.ExecStart"; }
        deploy_conf
        """, "bash", Repository.File("deploy/lib"), _directory.Path]);

    private void AddUnits(string blue, string green, string program)
    {
        foreach (var (unit, directory) in new[] { ("blue.service", blue), ("green.service", green) })
        {
            File.WriteAllText(At($"{unit}.WorkingDirectory"), At(directory) + "\n");
            File.WriteAllText(At($"{unit}.ExecStart"), program + "\n");
        }
    }

    private void AddProject(string path)
    {
        Directory.CreateDirectory(At(path));
        File.WriteAllText(At($"{path}/manage.py"), "");
    }

    private void AddScript(string path, params string[] lines)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllLines(At(path), lines);
        File.SetUnixFileMode(At(path), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private async Task MakeWorktreesAsync(params string[] options)
    {
        await GitAsync("init", "--quiet", At("origin"));
        AddProject("origin");
        await GitAsync("-C", At("origin"), "add", "--all");
        await GitAsync("-C", At("origin"), "-c", "user.name=d", "-c", "user.email=d@example.com", "commit", "--quiet", "--message", "It begins");
        await GitAsync(["clone", "--quiet", "--bare", .. options, At("origin"), At("the site.git")]);
        foreach (var slot in (string[])["blue", "green"])
        {
            await GitAsync("-C", At("the site.git"), "worktree", "add", "--quiet", "--detach", At(slot), "HEAD");
        }
    }

    private static async Task GitAsync(params string[] arguments)
    {
        Tool.Demand("git");
        var run = await Tool.RunAsync("git", arguments);
        Assert.True(run.ExitCode == 0, run.Error);
    }
}
