using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Packages;

/// <summary><c>deploy/release</c>, on a clone of this repository. The build is a stand-in: what it takes to build the packages is tested by
/// <see cref="PackageFilesTests"/>.</summary>
public sealed class ReleaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_release_has_its_version_everywhere_its_section_of_the_changelog_a_tag_and_checksums()
    {
        await CloneAsync();

        var run = await ReleaseAsync("7.0.1");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("<VersionPrefix>7.0.1</VersionPrefix>", await ReadAsync("Directory.Build.props"), StringComparison.Ordinal);
        Assert.StartsWith(".TH EDGEPROXY 1 \"\" \"EdgeProxy 7.0.1\"", await ReadAsync("docs/edgeproxy.1"), StringComparison.Ordinal);
        Assert.Matches(
            @"^# Changelog\n\n## Unreleased\n\n## 7\.0\.1 - \d{4}-\d\d-\d\d\n\n- One change\.\n\n## 7\.0\.0\n\n- An older one\.\n$",
            await ReadAsync("CHANGELOG.md"));
        Assert.Equal("- One change.\n\n", await ReadAsync("out/NOTES.md"));
        Assert.Equal("Release 7.0.1\n", await GitAsync("log", "-1", "--format=%s", "v7.0.1"));
        Assert.Equal("tag\n", await GitAsync("cat-file", "-t", "v7.0.1"));
        Assert.Equal("EdgeProxy 7.0.1\n\n- One change.\n\n\n", await GitAsync("tag", "--list", "--format=%(contents)", "v7.0.1"));
        Assert.Equal("", await GitAsync("status", "--porcelain"));
        var sums = await Tool.RunAsync("sh", ["-c", $"cd {_directory["clone/out"]} && sha256sum --check --strict SHA256SUMS"]);
        Assert.Equal(
            "edgeproxy_7.0.1_amd64.deb: OK\nedgeproxy_7.0.1_arm64.deb: OK\n" +
                "edgeproxy-7.0.1.amd64.tar.gz: OK\nedgeproxy-7.0.1.arm64.tar.gz: OK\n",
            sums.Output);
    }

    [Theory]
    [InlineData("7.0", "a version is X.Y.Z, three numbers, not \"7.0\"")]
    [InlineData("07.0.1", "a version is X.Y.Z, three numbers, not \"07.0.1\"")]
    [InlineData("7.0.1;id", "a version is X.Y.Z")]
    [InlineData("7.0.0", "7.0.0 is not higher than 7.0.0, which has a tag")]
    [InlineData("6.9.9", "6.9.9 is not higher than 7.0.0, which has a tag")]
    public async Task A_version_that_cannot_be_is_refused(string version, string says)
    {
        await CloneAsync();

        await RefusedAsync(version, says, code: 2);
    }

    [Fact]
    public async Task Nothing_is_released_of_a_tree_with_changes()
    {
        await CloneAsync();
        await File.WriteAllTextAsync(_directory["clone/new"], "", TestContext.Current.CancellationToken);

        var run = await ReleaseAsync("7.0.1");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("there are changes that are not committed", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_released_where_the_changelog_says_nothing()
    {
        await CloneAsync(changelog: "# Changelog\n\n## Unreleased\n\n## 7.0.0\n\n- An older one.\n");

        await RefusedAsync("7.0.1", "CHANGELOG.md has nothing under \"## Unreleased\"", code: 2);
    }

    [Theory]
    [InlineData("exit 3", "it failed; commit and tag were taken back", 3)]
    [InlineData("echo out/edgeproxy_7.0.0_amd64.deb", "the binary is not of version 7.0.1", 2)]
    public async Task A_build_that_fails_leaves_neither_commit_nor_tag(string build, string says, int code)
    {
        await CloneAsync(build: build);

        await RefusedAsync("7.0.1", says, code);
    }

    private async Task RefusedAsync(string version, string says, int code)
    {
        var head = await GitAsync("rev-parse", "HEAD");

        var run = await ReleaseAsync(version);

        Assert.Contains(says, run.Error, StringComparison.Ordinal);
        Assert.Equal(code, run.ExitCode);
        Assert.Equal(head, await GitAsync("rev-parse", "HEAD"));
        Assert.Equal("v7.0.0\n", await GitAsync("tag", "--list"));
        Assert.Equal("", await GitAsync("status", "--porcelain"));
    }

    /// <summary>A repository with the script, the files that it changes, and one release.</summary>
    private async Task CloneAsync(string changelog = "# Changelog\n\n## Unreleased\n\n- One change.\n\n## 7.0.0\n\n- An older one.\n", string? build = null)
    {
        Directory.CreateDirectory(_directory["clone/deploy"]);
        Directory.CreateDirectory(_directory["clone/docs"]);
        foreach (var file in new[] { "deploy/release", "Directory.Build.props", "docs/edgeproxy.1" })
        {
            File.Copy(Repository.File(file), _directory[$"clone/{file}"]);
        }

        await File.WriteAllTextAsync(_directory["clone/CHANGELOG.md"], changelog, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_directory["clone/.gitignore"], "out/\n", TestContext.Current.CancellationToken);
        const string Build = """
            version=$(sed -n 's|.*<VersionPrefix>\(.*\)</.*|\1|p' Directory.Build.props)
            machine=amd64
            [[ "$*" != *" --architecture arm64 "* ]] || machine=arm64
            for file in "edgeproxy_${version}_$machine.deb" "edgeproxy-$version.$machine.tar.gz"; do echo "$file" >"out/$file"; echo "out/$file"; done
            """;
        await File.WriteAllTextAsync(_directory["clone/deploy/package.sh"], $"#!/bin/bash\nset -e\n{build ?? Build}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(_directory["clone/deploy/package.sh"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await GitAsync("init", "--quiet", "--initial-branch=main");
        await GitAsync("config", "user.name", "Releaser");
        await GitAsync("config", "user.email", "releaser@example.com");
        await GitAsync("add", "--all");
        await GitAsync("commit", "--quiet", "--message", "All");
        await GitAsync("tag", "--annotate", "v7.0.0", "--message", "EdgeProxy 7.0.0");
    }

    private Task<CommandLine> ReleaseAsync(string version) => Tool.RunAsync("bash", [_directory["clone/deploy/release"], version, "--output", "out"]);

    private async Task<string> GitAsync(params string[] arguments)
    {
        var run = await Tool.RunAsync("git", ["-C", _directory["clone"], .. arguments]);
        Assert.True(run.ExitCode == 0, run.Error);
        return run.Output;
    }

    private Task<string> ReadAsync(string file) => File.ReadAllTextAsync(_directory[$"clone/{file}"], TestContext.Current.CancellationToken);
}
