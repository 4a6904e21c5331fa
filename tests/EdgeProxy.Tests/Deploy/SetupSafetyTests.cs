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
    [InlineData("new-site", "--host", "a.example;id", "--repository", "/srv/a.git", "--settings", "a.settings")]
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

    /// <summary>By its name alone, by a link, from a directory that the shell would say aloud, without the right to run it.</summary>
    [Theory]
    [InlineData("cd $1; bash new-site --host=a.example", "sudo $1/new-site --host=a.example")]
    [InlineData("ln -s $1/new-site here; ./here --host a.example", "sudo ./here --host a.example")]
    [InlineData("cd $1/..; CDPATH=.:/ deploy/new-site --host=a.example", "sudo deploy/new-site --host=a.example")]
    [InlineData("cp -r $1 copy; chmod -x copy/new-site; bash copy/new-site --host a.example", "sudo bash copy/new-site --host a.example")]
    public async Task However_a_script_is_called_it_finds_its_parts_and_the_line_to_run_next_is_one(string call, string next)
    {
        var deploy = Repository.File("deploy");
        var run = await Tool.RunAsync("bash", ["-c", $"cd $2; {call}", "bash", deploy, _directory.Path]);

        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            "new-site: each site needs --host, --repository and --settings; with the values of yours:\n" +
                $"{next.Replace("$1", deploy, StringComparison.Ordinal)} --repository https://git.example.com/shop.git --settings shop.settings\n",
            run.Error);
    }

    /// <summary>A umask that hides what services are to read, root's own directory for files, and programs that are named as the system's.</summary>
    [Fact]
    public async Task Nothing_of_the_callers_shell_counts()
    {
        var run = await Tool.RunAsync("bash", ["-c", """
            set -Eeuo pipefail
            printf '#!/bin/sh\n' | tee "$1/python3" "$1/curl" > /dev/null
            chmod +x "$1"/*
            printf 'fail\n' > "$1/.curlrc"
            umask 077
            export HOME=$1 TMPDIR=$1 LC_ALL=de_DE.UTF-8 SYSTEMD_COLORS=1 POSIXLY_CORRECT=1 PATH=$1:$PATH
            . "$2/lib/changes.sh"
            . "$2/lib/site.sh"
            case $(command -v python3) in "$1"/*) exit 7 ;; esac
            work=$1
            declare -f curl | grep -q -- --disable
            mkdir "$1/made"
            stat --format %a "$1/made"
            printf '%s %s %s\n' "$LC_ALL" "${TMPDIR-none}" "${SYSTEMD_COLORS-none}"
            """, "bash", _directory.Path, Repository.File("deploy")]);

        Assert.True(run.ExitCode == 0, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Equal("755\nC none none\n", run.Output);
    }

    [Theory]
    [InlineData("STATIC_ROOT: /srv/app/green/static files", " --static-root static\\ files")]
    [InlineData("green responds, but not at its health path: /healthz responds with 404, expected 200-299: is Health:Path right?", " --health-path /PATH")]
    [InlineData("manage.py migrate failed (above)", "")]
    public async Task A_first_deploy_that_fails_for_want_of_an_option_names_it(string told, string option)
    {
        var run = await Tool.RunAsync(
            "bash",
            ["-c", """
                . "$2/lib/changes.sh"
                . "$2/lib/new_site.sh"
                work=$1
                cat > "$work/deploy"
                again=''
                suggest_options
                printf '%s' "$again"
                """, "bash", _directory.Path, Repository.File("deploy")],
            told + "\n");

        Assert.Equal(option, run.Output);
    }

    [Theory]
    [InlineData("--host", "a..example", false)]
    [InlineData("--host", "https://a.example", false)]
    [InlineData("--host", "a.example:443", false)]
    [InlineData("--host", "-a.example", false)]
    [InlineData("--host", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", false)]
    [InlineData("--host", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", true)]
    [InlineData("--host", "Shop.Example.com", true)]
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
