using EdgeProxy.Processes;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Packages;

/// <summary>What <c>deploy/package.sh</c> has built.</summary>
/// <param name="Deb">The Debian package.</param>
/// <param name="Tar">The tar.gz.</param>
internal sealed record Package(string Deb, string Tar)
{
    /// <summary>The native binary; null: <c>EDGEPROXY_BINARY</c> does not name one.</summary>
    public static string? NativeBinary => Environment.GetEnvironmentVariable("EDGEPROXY_BINARY") is { Length: > 0 } binary ? binary : null;

    /// <summary>It compresses tens of megabytes.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    /// <summary>Of the native binary where there is one; else of the tests' own program, which is enough to look at the files.</summary>
    public static async Task<Package> BuildAsync(string output, string version)
    {
        Tool.Demand("dpkg-deb");
        var built = await Tool.RunAsync(
            "bash",
            [
                Repository.File("deploy/package.sh"), "--binary", NativeBinary ?? ChildLauncher.OwnExecutable, "--version", version, "--output", output,
                "--level", "1"],
            patience: _patience);
        Assert.True(built.ExitCode == 0, built.Error);
        var files = built.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new Package(files[0], files[1]);
    }

    /// <summary>The same files under another version, for upgrades: quicker than another build.</summary>
    public async Task<Package> AsAsync(string version)
    {
        using var directory = new TemporaryDirectory();
        await RunAsync("dpkg-deb", "--raw-extract", Deb, directory["root"]);
        var control = directory["root/DEBIAN/control"];
        var lines = await File.ReadAllLinesAsync(control, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            control,
            lines.Select(line => line.StartsWith("Version:", StringComparison.Ordinal) ? $"Version: {version}" : line),
            TestContext.Current.CancellationToken);
        var deb = Path.Combine(Path.GetDirectoryName(Deb)!, $"edgeproxy_{version}.deb");
        await RunAsync("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", directory["root"], deb);
        return this with { Deb = deb };
    }

    /// <summary>To be called before dpkg on a machine: it would have the manuals of all that is installed there indexed anew.</summary>
    public static async Task LeaveManualsAloneAsync(SystemdLab lab) => _ = (await lab.RunAsync("rm", "-f", "/var/lib/man-db/auto-update")).Text;

    /// <summary>What the program says; it must succeed.</summary>
    public static async Task<string> RunAsync(string tool, params string[] arguments)
    {
        var run = await Tool.RunAsync(tool, arguments, patience: _patience);
        Assert.True(run.ExitCode == 0, run.Error);
        return run.Output;
    }
}
