using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using EdgeProxy.Tests.Runner;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Lab;

/// <summary>What a command said, and its exit code.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>The output, without the last line's end. Fails the test when the command failed.</summary>
    public string Text
    {
        get
        {
            Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}{Output}");
            return Output.TrimEnd('\n');
        }
    }
}

/// <summary>A real systemd with a real system bus and journal, as PID 1 of a namespace of its own; several may run at once. Made by
/// <c>tests/lab-systemd</c>.</summary>
/// <remarks>
/// Inside, / is an overlay of the machine's: what is written is gone after <see cref="DisposeAsync"/>. The network is the machine's, or one of its own. A lab
/// whose test process was killed is taken down by the next test process that boots one.
/// </remarks>
public sealed class SystemdLab : IAsyncDisposable
{
    /// <summary>Where the tests' build output is found inside.</summary>
    public const string TestsInside = "/opt/edgeproxy-tests";

    /// <summary>Where dotnet is found inside.</summary>
    public const string DotnetInside = "/opt/dotnet";

    private const string DirectoryPrefix = "edgeproxy-lab-";

    private static readonly string Script = Path.Combine(AppContext.BaseDirectory, "lab-systemd");
    private static readonly Lazy<string?> Reason = new(FindReason);
    private static int s_count;

    private SystemdLab(string stateDirectory) => StateDirectory = stateDirectory;

    /// <summary>Null: a lab can run here. Otherwise why not, for <c>Assert.SkipWhen</c>.</summary>
    public static string? SkipReason => Reason.Value;

    /// <summary>Where the script keeps what it must know to take the lab down.</summary>
    public string StateDirectory { get; }

    /// <summary>The process that is PID 1 inside, as this machine numbers it.</summary>
    public int Pid { get; private set; }

    /// <summary>The root directory of the lab, as it is reached from outside.</summary>
    public string Root => $"/proc/{Pid}/root";

    /// <summary>Its network namespace, if it has one of its own: a reboot does not end it.</summary>
    public string Network => Path.Combine(StateDirectory, "net");

    /// <summary>Its system bus, as it is reached from outside (as root only; inside, the default address works).</summary>
    public string BusAddress => $"unix:path={Root}/run/dbus/system_bus_socket";

    /// <summary>Boots and waits until systemd says <c>running</c>.</summary>
    /// <param name="shares">More paths of this machine to see inside, <c>SOURCE</c> or <c>SOURCE:TARGET</c>; /tmp is not seen otherwise.</param>
    public static Task<SystemdLab> BootAsync(params IEnumerable<string> shares) => BootAsync([], shares);

    /// <summary>The same with a network of its own, only loopback, whose ports are all free: 80, 443 and those of the units as they are shipped. Reached from
    /// inside only.</summary>
    /// <remarks>It may be rebooted.</remarks>
    public static Task<SystemdLab> BootAloneAsync(params IEnumerable<string> shares) => BootAsync(["--net", "--keep"], shares);

    private static async Task<SystemdLab> BootAsync(string[] options, IEnumerable<string> shares)
    {
        await RemoveLeftoversAsync();
        var number = Interlocked.Increment(ref s_count);
        var lab = new SystemdLab(Path.Combine(Path.GetTempPath(), $"{DirectoryPrefix}{Environment.ProcessId}-{number}"));
        try
        {
            string[] all = [$"{AppContext.BaseDirectory.TrimEnd('/')}:{TestsInside}", $"{DotnetRoot}:{DotnetInside}", .. shares];
            var booted = await RunScriptAsync(["up", lab.StateDirectory, .. all.SelectMany(share => new[] { "--share", share }), .. options]);
            lab.Pid = PidOf(booted);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Powers off and boots again; what was written outside /run and /tmp is still there. Only for one that was booted alone.</summary>
    /// <param name="cutsPower">Every process is killed at once instead of being stopped.</param>
    public async Task RebootAsync(bool cutsPower) =>
        Pid = PidOf(await RunScriptAsync(["reboot", StateDirectory, .. cutsPower ? ["--cut"] : Array.Empty<string>()]));

    /// <summary>Runs a command inside, as root, and waits for its end.</summary>
    public Task<CommandResult> RunAsync(params IEnumerable<string> command) => RunScriptAsync(["exec", StateDirectory, .. command]);

    /// <summary>Runs a .NET program of the tests' build output inside.</summary>
    public Task<CommandResult> RunDotnetAsync(string user, string program, params IEnumerable<string> arguments) =>
        RunAsync(["runuser", "-u", user, "--", "env", "DOTNET_CLI_HOME=/tmp", $"{DotnetInside}/dotnet", $"{TestsInside}/{program}.dll", .. arguments]);

    /// <summary>Writes a file inside, with its directories.</summary>
    public async Task WriteFileAsync(string path, string content)
    {
        var outside = Root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(outside)!);
        await File.WriteAllTextAsync(outside, content, TestContext.Current.CancellationToken);
    }

    /// <summary>Writes a unit file and has systemd read it.</summary>
    public async Task WriteUnitAsync(string unit, string content)
    {
        await WriteFileAsync($"/etc/systemd/system/{unit}", content);
        _ = (await RunAsync("systemctl", "daemon-reload")).Text;
    }

    /// <summary>Powers off and removes every trace, also of a boot that failed.</summary>
    public async ValueTask DisposeAsync() => await RunScriptAsync(["down", StateDirectory]);

    private static int PidOf(CommandResult booted) =>
        int.Parse(booted.Text.Split(' ').Single(word => word.StartsWith("pid=", StringComparison.Ordinal)).AsSpan("pid=".Length), CultureInfo.InvariantCulture);

    private static string DotnetRoot => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    private static string? FindReason()
    {
        using var check = Process.Start(new ProcessStartInfo(Script, ["check"]) { RedirectStandardOutput = true })!;
        var reason = check.StandardOutput.ReadToEnd().Trim();
        Assert.True(check.WaitForExit(Eventually.Patience));
        return check.ExitCode == 0 ? null : $"needs a disposable systemd: {reason}";
    }

    private static async Task RemoveLeftoversAsync()
    {
        foreach (var directory in Directory.GetDirectories(Path.GetTempPath(), DirectoryPrefix + "*"))
        {
            var owner = Path.GetFileName(directory)[DirectoryPrefix.Length..].Split('-')[0];
            if (!Directory.Exists($"/proc/{owner}"))
            {
                await RunScriptAsync(["down", directory]);
            }
        }
    }

    private static async Task<CommandResult> RunScriptAsync(IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Script, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        // Not the test's token: a lab is taken down after a cancelled test, too. The script bounds its own waits, but not those of a command that it runs.
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        using var bound = new CancellationTokenSource(BoundedTestFramework.Timeout, TimeProvider.System);
        try
        {
            await process.WaitForExitAsync(bound.Token);
        }
        catch (OperationCanceledException)
        {
            process.KillAndWait(withChildren: true);
            throw new TimeoutException($"not within {BoundedTestFramework.Timeout}: {Script} {string.Join(' ', arguments)}");
        }

        return new CommandResult(process.ExitCode, await output, await error);
    }
}
