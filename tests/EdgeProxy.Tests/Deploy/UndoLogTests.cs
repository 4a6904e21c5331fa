using System.Reflection;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>The undo log of the set-up scripts: a closed list of kinds, as data, and what each of them does. None of it needs root.</summary>
public sealed class UndoLogTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Log => $"{_directory.Path}/setup/undo.jsonl";

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("put_back /copy /file", "put_back /copy /file")]
    [InlineData("remove /file", "rm -f /file")]
    [InlineData("remove_tree /directory", "rm -rf /directory")]
    [InlineData("remove_empty /directory", "remove_empty /directory")]
    [InlineData("forget /file", "forget /file")]
    [InlineData("rename /from /to", "rename /from /to")]
    [InlineData("reload_units", "systemctl daemon-reload")]
    [InlineData("start a.service b.socket", "systemctl start a.service b.socket")]
    [InlineData("stop a.service", "systemctl stop a.service")]
    [InlineData("restart a.service", "systemctl restart a.service")]
    [InlineData("enable a.service", "systemctl --quiet enable a.service")]
    [InlineData("disable a.service", "systemctl --quiet disable a.service")]
    [InlineData("reset_failed a.service", "reset_failed a.service")]
    [InlineData("remove_user app", "userdel app")]
    [InlineData("leave_group deploy edgeproxy", "gpasswd --delete deploy edgeproxy")]
    [InlineData("restore_access /acl", "setfacl --restore /acl")]
    [InlineData("take_access /directory", "take_access /directory")]
    [InlineData("caddy_forgets", "caddy_forgets")]
    [InlineData("end_rehearsal", "end_rehearsal")]
    [InlineData("front_takes_ports caddy a.service a.example http://127.0.0.1:8000 /", "front_takes_ports caddy a.service a.example http://127.0.0.1:8000 /")]
    [InlineData("proxy_has_them_again nginx", "proxy_has_them_again nginx")]
    [InlineData("remove_product a.service /upstream 1", "remove_product a.service /upstream 1")]
    public async Task Each_kind_has_its_command(string entry, string command)
    {
        await AddAsync(entry.Split(' '));

        var read = await ReadAsync();

        Assert.True(read.ExitCode == 0, read.Error);
        var words = command.Split(' ');
        Assert.Equal([$"{words.Length}", .. words, ""], read.Output.Split('\0'));
    }

    [Fact]
    public async Task All_kinds_are_tested()
    {
        var kinds = (await File.ReadAllTextAsync(Repository.File("deploy/lib/undo_log.py"), TestContext.Current.CancellationToken))
            .Split('\n').Where(line => line.StartsWith("    \"", StringComparison.Ordinal) && line.Contains("\": ([", StringComparison.Ordinal))
            .Select(line => line.Split('"')[1]);
        var tested = typeof(UndoLogTests).GetMethod(nameof(Each_kind_has_its_command))!.GetCustomAttributesData()
            .Where(data => data.AttributeType == typeof(InlineDataAttribute))
            .Select(data => (IReadOnlyList<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!)
            .Select(given => given[0].Value!.ToString()!.Split(' ')[0]);

        Assert.Equal(kinds.Order(), tested.Order());
    }

    [Theory]
    [InlineData("run", "touch", "/tmp/x")] // there is no such kind
    [InlineData("rm", "-rf", "/")]
    [InlineData("stop")]
    [InlineData("rename", "/from")]
    [InlineData("reload_units", "a.service")]
    [InlineData("remove_tree", "/a", "/b")]
    [InlineData("stop", "--root=/", "a.service")] // an option is no name
    public async Task Nothing_else_is_written_or_done(params string[] entry)
    {
        var written = await Tool.RunAsync("python3", ["-I", Repository.File("deploy/lib/undo_log.py"), "entry", .. entry]);
        Assert.Equal(1, written.ExitCode);
        Assert.Equal("", written.Output);

        // Written by another version: nothing of it is undone, not even what is known.
        await AddAsync("remove", _directory.Path + "/file");
        await File.AppendAllTextAsync(
            Log, $"[{string.Join(", ", entry.Select(word => $"\"{word}\""))}]\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{_directory.Path}/file", "", TestContext.Current.CancellationToken);

        var back = await GoBackAsync();

        Assert.Equal("went back: 1\n", back.Output);
        Assert.Contains($"\"{entry[0]}\" ", back.Error, StringComparison.Ordinal);
        Assert.True(File.Exists($"{_directory.Path}/file"));
        Assert.True(File.Exists(Log));
    }

    [Theory]
    [InlineData("[\"remove_tree\", \"/ap")]
    [InlineData("[\"remove_tree\"")]
    [InlineData("40 rm -rf /ap")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("[\"remove_tree\", 1]")]
    [InlineData("null")]
    [InlineData("\u00ff\u0000")]
    public async Task A_line_that_is_not_whole_is_left_out_and_named(string line)
    {
        await File.WriteAllTextAsync($"{_directory.Path}/file", "", TestContext.Current.CancellationToken);
        await AddAsync("remove", $"{_directory.Path}/file");
        await File.AppendAllTextAsync(Log, line, TestContext.Current.CancellationToken);

        var back = await GoBackAsync();

        Assert.Equal("went back: 0\n", back.Output);
        Assert.Contains("undo.jsonl is not whole, and was left out: ", back.Error, StringComparison.Ordinal);
        Assert.False(File.Exists($"{_directory.Path}/file"));
        Assert.False(File.Exists(Log));
    }

    [Fact]
    public async Task What_is_undone_are_words_and_no_shell_ever_reads_them()
    {
        var odd = $"{_directory.Path}/a b'\"$(touch {_directory.Path.Replace('/', ':')})`;\n\\ü*";
        await File.WriteAllTextAsync(odd, "", TestContext.Current.CancellationToken);
        await AddAsync("remove", odd);

        Assert.Equal("went back: 0\n", (await GoBackAsync()).Output);
        Assert.False(File.Exists(odd));
    }

    [Fact]
    public async Task Changes_go_back_last_one_first_and_once_more_when_a_way_back_was_cut_off()
    {
        var there = $"{_directory.Path}/there";
        await File.WriteAllTextAsync(there, "before", TestContext.Current.CancellationToken);
        var setup = await ShellAsync("""
            mkdir -p "$1/old" "$1/new/inner"
            put "$1/there" 0600 "$(id -un):$(id -gn)" <<< 'after'
            put "$1/there" 0600 "$(id -un):$(id -gn)" <<< 'after all'
            put "$1/made/file" 0600 "$(id -un):$(id -gn)" <<< 'new'
            undo remove_tree "$1/new"
            undo rename "$1/renamed" "$1/old"
            mv "$1/old" "$1/renamed"
            undo stop a.service
            undo start b.service
            undo remove_user nobody-there
            cp "$JOURNAL" "$1/journal"
            cp -a "$BACKUP/run" "$1/run"
            go_back
            cat "$1/there"; ls -A "$1"
            [ ! -e "$BACKUP" ] || ls -A "$BACKUP"
            # Cut off at its end: all of it comes again.
            mkdir -p "$BACKUP"; cp "$1/journal" "$JOURNAL"
            go_back
            cat "$1/there"
            """);

        Assert.True(setup.ExitCode == 0, setup.Output + setup.Error);
        Assert.Equal(
            """
              write DIR/there
              write DIR/there
              write DIR/made/file
            userdel nobody-there
            systemctl start b.service
            systemctl stop a.service
            beforejournal
            old
            run
            there
            userdel nobody-there
            systemctl start b.service
            systemctl stop a.service
            before
            """,
            setup.Output.Replace(_directory.Path, "DIR", StringComparison.Ordinal));
        Assert.Equal("", setup.Error);
    }

    private Task<CommandLine> GoBackAsync() => ShellAsync("code=0; go_back || code=$?; echo \"went back: $code\"", keepsLog: true);

    private async Task AddAsync(params string[] entry)
    {
        var line = await Tool.RunAsync("python3", ["-I", Repository.File("deploy/lib/undo_log.py"), "entry", .. entry]);
        Assert.True(line.ExitCode == 0, line.Error);
        Directory.CreateDirectory(Path.GetDirectoryName(Log)!);
        await File.AppendAllTextAsync(Log, line.Output, TestContext.Current.CancellationToken);
    }

    private Task<CommandLine> ReadAsync() => Tool.RunAsync("python3", ["-I", Repository.File("deploy/lib/undo_log.py"), "read", Log]);

    /// <summary>With the scripts' functions, below a directory of the test's own; what only root can do is told instead.</summary>
    private Task<CommandLine> ShellAsync(string script, bool keepsLog = false) => Tool.RunAsync("bash", ["-c", $$"""
        set -Eeuo pipefail
        here=$2
        . <(sed "s|^readonly BACKUP=.*|readonly BACKUP=$1/setup|" "$here/lib/changes.sh")
        has_package() { true; }
        systemctl() { echo "systemctl $*"; }
        userdel() { echo "userdel $*"; }
        program=test
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        {{(keepsLog ? "" : "may_change")}}
        {{script}}
        """, "bash", _directory.Path, Repository.File("deploy")]);
}
