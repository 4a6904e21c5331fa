using System.Security.Cryptography;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Packages;

/// <summary>What is in the packages.</summary>
public sealed class PackageFilesTests
{
    private static readonly string[] _expected =
    [
        "-rwxr-xr-x root/root ./usr/bin/edgeproxy",
        "-rw-r--r-- root/root ./usr/lib/systemd/system/edgeproxy.service",
        "-rw-r--r-- root/root ./usr/lib/systemd/system/edgeproxy-http.socket",
        "-rw-r--r-- root/root ./usr/lib/systemd/system/edgeproxy-https.socket",
        "-rw-r--r-- root/root ./usr/lib/sysusers.d/edgeproxy.conf",
        "-rw-r--r-- root/root ./usr/lib/tmpfiles.d/edgeproxy.conf",
        "-rw-r--r-- root/root ./usr/share/polkit-1/rules.d/49-edgeproxy.rules",
        "-rw-r--r-- root/root ./etc/logrotate.d/edgeproxy",
        "-rw-r--r-- root/root ./usr/share/man/man1/edgeproxy.1.gz",
        "-rw-r--r-- root/root ./usr/share/bash-completion/completions/edgeproxy",
        "-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/edgeproxy.fish",
        "-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_edgeproxy",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/copyright",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/changelog.gz",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/CHANGELOG.md.gz",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/docs/operations.md",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/examples/appsettings.json",
        "-rw-r--r-- root/root ./usr/share/doc/edgeproxy/examples/edgeproxy.rules.yml",
        "-rw-r--r-- root/root ./usr/share/edgeproxy/deploy/systemd/app-server-blue.service",
    ];

    [Fact]
    public async Task They_hold_what_a_site_needs_owned_by_root_and_the_same_bytes_each_time()
    {
        using var directory = new TemporaryDirectory();
        var package = await Package.BuildAsync(directory["one"], "1.2.3~test1");
        var again = await Package.BuildAsync(directory["two"], "1.2.3~test1");

        Assert.Equal(await HashAsync(package.Deb), await HashAsync(again.Deb));
        Assert.Equal(await HashAsync(package.Tar), await HashAsync(again.Tar));

        var files = (await Package.RunAsync("dpkg-deb", "--contents", package.Deb)).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(fields => $"{fields[0]} {fields[1]} {fields[5]}").ToList();
        Assert.Empty(_expected.Except(files));
        Assert.All(files, file => Assert.Contains(" root/root ", file, StringComparison.Ordinal));
        // settings are the operator's
        Assert.DoesNotContain(
            files, file => file.EndsWith("appsettings.json", StringComparison.Ordinal) && !file.Contains("/examples/", StringComparison.Ordinal));
        Assert.Equal("1.2.3~test1\n", await Package.RunAsync("dpkg-deb", "--field", package.Deb, "Version"));
        await CheckControlAsync(package, directory["control"]);
        await CheckTarAsync(package, directory["tar"]);
    }

    /// <summary>Debian's own judge of packages. What it may say all the same is in <c>deploy/package/lintian-overrides</c>, with the reason.</summary>
    [Fact]
    public async Task Lintian_finds_no_error_and_no_warning()
    {
        Tool.Demand("lintian");
        using var directory = new TemporaryDirectory();
        var package = await Package.BuildAsync(directory["one"], "1.2.3");

        var run = await Tool.RunAsync("lintian", ["--no-cfg", "--allow-root", "--fail-on", "error,warning", package.Deb]);

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
    }

    [Theory]
    [InlineData("deploy/package.sh")]
    [InlineData("deploy/package/postinst")]
    [InlineData("deploy/package/prerm")]
    [InlineData("deploy/package/postrm")]
    public async Task Scripts_are_sound(string script)
    {
        Tool.Demand("shellcheck");

        var check = await Tool.RunAsync("shellcheck", [Repository.File(script)]);
        Assert.True(check.ExitCode == 0, check.Output + check.Error);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("--version", "a version")]
    [InlineData("--binary", "/no/such/file")]
    [InlineData("--level", "best")]
    [InlineData("--architecture", "riscv64")]
    [InlineData("--what")]
    public async Task Wrong_usage_exits_2(params string[] arguments)
    {
        Tool.Demand("dpkg-deb");
        string[] otherwise = arguments.Contains("--binary") ? [] : ["--binary", "/bin/true"];
        var run = await Tool.RunAsync("bash", [Repository.File("deploy/package.sh"), .. otherwise, .. arguments]);

        Assert.Equal(2, run.ExitCode);
        Assert.NotEqual("", run.Error);
    }

    private static async Task<string> HashAsync(string file) =>
        Convert.ToHexString(SHA256.HashData(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)));

    private static async Task CheckControlAsync(Package package, string directory)
    {
        await Package.RunAsync("dpkg-deb", "--raw-extract", package.Deb, directory);
        Assert.Equal(
            "/etc/logrotate.d/edgeproxy\n", await File.ReadAllTextAsync(Path.Combine(directory, "DEBIAN/conffiles"), TestContext.Current.CancellationToken));
        var sums = await Tool.RunAsync(
            "bash", ["-c", "cd \"$1\" && md5sum --quiet --check DEBIAN/md5sums && find . -path ./DEBIAN -prune -o -type f -print | wc -l", "bash", directory]);
        Assert.Equal(0, sums.ExitCode);
        var listed = await File.ReadAllLinesAsync(Path.Combine(directory, "DEBIAN/md5sums"), TestContext.Current.CancellationToken);
        Assert.Equal(sums.Output.Trim(), $"{listed.Length}");
        Assert.Matches(@"libc6 \(>= 2\.\d+\), libssl3", await Package.RunAsync("dpkg-deb", "--field", package.Deb, "Depends"));
    }

    /// <summary>Unpacked anywhere, the scripts find the binary beside them.</summary>
    private static async Task CheckTarAsync(Package package, string directory)
    {
        Directory.CreateDirectory(directory);
        await Package.RunAsync("tar", "-C", directory, "-xzf", package.Tar);
        var top = Path.Combine(directory, "edgeproxy-1.2.3~test1-linux-" + (await Package.RunAsync("dpkg", "--print-architecture")).Trim());
        Assert.True(File.GetUnixFileMode(Path.Combine(top, "bin/edgeproxy")).HasFlag(UnixFileMode.OtherExecute));
        foreach (
            var file in new[]
            {
                "deploy/systemd/edgeproxy.service",
                "deploy/polkit/49-edgeproxy.rules",
                "completions/_edgeproxy",
                "docs/edgeproxy.1",
                "appsettings.json",
                "LICENSE",
            })
        {
            Assert.True(File.Exists(Path.Combine(top, file)), file);
        }

        Assert.False(File.Exists(Path.Combine(top, "deploy/package.sh")));
    }
}
