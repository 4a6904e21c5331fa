using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>What the set-up scripts, which root runs, must not let others do: by a lock, by a git configuration, or by a line that is pasted.</summary>
public sealed class SetupSafetyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("install -m 0666 /dev/null \"$LOCK\"")] // as another version may have left it
    public async Task Nobody_else_can_take_the_lock(string before)
    {
        var run = await Tool.RunAsync("bash", ["-c", $$"""
            set -Eeuo pipefail
            umask 000
            . <(sed "s|^readonly LOCK=.*|readonly LOCK=$1/lock|" "$2/lib/changes.sh")
            program=test
            {{before}}
            take_lock
            stat --format %a "$LOCK"
            """, "bash", _directory.Path, Repository.File("deploy")]);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal("600", run.Output.Trim());
    }

    [Fact]
    public async Task Git_runs_as_the_owner_of_a_tree_and_never_as_root()
    {
        Assert.SkipUnless(Environment.UserName == "root", "needs root, to make a tree of somebody else's");
        var run = await Tool.RunAsync("bash", ["-c", """
            set -Eeuo pipefail
            here=$2
            . "$here/lib/install.sh"
            chmod 0755 "$1"
            mkdir "$1/tree"
            cd "$1/tree"
            git init --quiet .
            git -c user.name=a -c user.email=a@a commit --quiet --allow-empty --message first
            git rev-parse --short HEAD
            chown --recursive nobody .
            chmod 0700 .git
            # Git refuses to be run there by anybody else.
            ! GIT_CONFIG_SYSTEM=/dev/null git rev-parse --short HEAD 2> /dev/null
            export GIT_CONFIG_SYSTEM=/dev/null
            commit_of "$1/tree"
            """, "bash", _directory.Path, Repository.File("deploy")]);

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(lines[0], lines[1]);
    }

    [Theory]
    [InlineData(
        "new-site", "--host", "a.example", "--repository", "/srv/a;id.git", "--settings", "a.settings", "--branch", "$(id)&&`id`", "--deployer", "root")]
    [InlineData("new-site", "--host", "a.example;id")]
    [InlineData("setup_bluegreen.sh", "--caddyfile", "/etc/my caddy/$(id)", "--single", "a';id #", "--health-path", "/x?a=1&b=2")]
    [InlineData("uninstall.sh", "--upstream-file", "/tmp/a\nid")]
    public async Task The_line_to_run_next_has_the_very_words_that_were_given(string script, params string[] given)
    {
        var file = Repository.File($"deploy/{script}");
        var run = await Tool.RunAsync("bash", ["-c", """id() { echo 1000; }; export -f id; exec "$@" """, "bash", file, .. given]);

        Assert.Equal(2, run.ExitCode);
        // As the shell takes it that it is pasted into.
        var pasted = await Tool.RunAsync("bash", ["-c", """sudo() { printf '%s\0' "$@"; }; eval "$(tail -n 1)" """], run.Error);
        Assert.Equal([file, .. given, ""], pasted.Output.Split('\0'));
    }

    [Theory]
    [InlineData("--app-dir", "/srv", false)]
    [InlineData("--app-dir", "/", false)]
    [InlineData("--app-dir", "//shop", false)]
    [InlineData("--app-dir", "./shop", false)]
    [InlineData("--app-dir", "shop/./x", false)]
    [InlineData("--app-dir", "shop//x", false)]
    [InlineData("--app-dir", "..", false)]
    [InlineData("--app-dir", "../shop", false)]
    [InlineData("--app-dir", "shop/../..", false)]
    [InlineData("--app-dir", "-shop", false)]
    [InlineData("--app-dir", "my shop", false)]
    [InlineData("--app-dir", "shop|x", false)]
    [InlineData("--app-dir", "%h", false)]
    [InlineData("--app-dir", ".", true)]
    [InlineData("--app-dir", "", true)]
    [InlineData("--app-dir", "shop", true)]
    [InlineData("--app-dir", "src/my-shop_2.0/", true)]
    [InlineData("--app-dir", ".src/a", true)]
    [InlineData("--requirements", "/etc/passwd", false)]
    [InlineData("--requirements", "a.txt:-r", false)]
    [InlineData("--requirements", "../a.txt", false)]
    [InlineData("--requirements", "requirements/base.txt:requirements/prod.txt", true)]
    [InlineData("--repository", "shop.git", false)]
    [InlineData("--repository", "./shop.git", false)]
    [InlineData("--repository", "../shop.git", false)]
    [InlineData("--repository", "~/shop.git", false)]
    [InlineData("--repository", "--upload-pack=id", false)]
    [InlineData("--repository", "ext::sh -c id", false)]
    [InlineData("--repository", "ext::id", false)]
    [InlineData("--repository", "fd::17", false)]
    [InlineData("--repository", "ftp://a.example/shop.git", false)]
    [InlineData("--repository", "ssh://-oProxyCommand=id/shop", false)]
    [InlineData("--repository", "-a.example:shop.git", false)]
    [InlineData("--repository", "https://", false)]
    [InlineData("--repository", "https://a.example/shop.git", true)]
    [InlineData("--repository", "https://user:secret@a.example:8443/~a/shop", true)]
    [InlineData("--repository", "ssh://git@a.example:2222/shop.git", true)]
    [InlineData("--repository", "git@github.com:shop/shop.git", true)]
    [InlineData("--repository", "my_alias:shop.git", true)]
    [InlineData("--repository", "git@a.example:/srv/shop.git", true)]
    [InlineData("--repository", "file:///srv/shop.git", true)]
    [InlineData("--repository", "/srv/shop.git", true)]
    public async Task A_value_that_would_mean_something_else_is_refused_by_the_name_of_its_option(string option, string value, bool isTaken)
    {
        // Where the value is fine, it is the deployer that is refused.
        var run = await Tool.RunAsync(
            Repository.File("deploy/new-site"),
            ["--host", "a.example", "--repository", "https://a.example/a.git", "--settings", "a.settings", "--deployer", "root", option, value]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(isTaken ? "new-site: --deployer root" : $"new-site: {option} {value}: wants ", run.Error, StringComparison.Ordinal);
    }
}
