using System.Diagnostics;
using EdgeProxy.Processes;
using EdgeProxy.State;
using EdgeProxy.Tests.Packages;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Tests.Support;

/// <summary>EdgeProxy as a process of its own, for what cannot be tested from inside: signals and sudden death. Killed when disposed.</summary>
internal sealed class CommandProcess : IDisposable
{
    /// <summary>What tests send. A parent may ignore them, as nohup(1) and a shell's <c>&amp;</c> do, and a child inherits that (execve(2)).</summary>
    private const string DefaultSignals = "--default-signal=HUP,INT,QUIT,TERM";

    private readonly OsProcess _process;

    private CommandProcess(OsProcess process) => _process = process;

    public StreamReader Output => _process.StandardOutput;

    public static CommandProcess Start(params string[] arguments) =>
        new(OsProcess.Start(new ProcessStartInfo("env", [DefaultSignals, ChildLauncher.OwnExecutable, .. arguments]) { RedirectStandardOutput = true })!);

    /// <summary>Another file that is the program, such as a link to it.</summary>
    /// <param name="crashAt">See <see cref="CrashPoint"/>; null: nowhere.</param>
    public static CommandProcess StartProgram(string program, string? crashAt, params string[] arguments) =>
        new(
            OsProcess.Start(
                new ProcessStartInfo("env", [DefaultSignals, .. crashAt is null ? [] : new[] { $"{CrashPoint.Variable}={crashAt}" }, program, .. arguments])
                {
                    RedirectStandardOutput = true,
                })!);

    /// <summary>As nohup(1) does: SIGHUP is ignored.</summary>
    public static CommandProcess StartUnderNohup(params string[] arguments) =>
        new(
            OsProcess.Start(
                new ProcessStartInfo("env", ["--ignore-signal=HUP", ChildLauncher.OwnExecutable, .. arguments]) { RedirectStandardOutput = true })!);

    /// <summary>As by systemd's units of sockets: it starts when the first connection comes in, and gets the sockets.</summary>
    /// <param name="sockets">On this machine, with the name that the unit gives each.</param>
    public static CommandProcess StartOnSockets((string Name, int Port)[] sockets, params string[] arguments) =>
        new(
            OsProcess.Start(
                new ProcessStartInfo(
                    "systemd-socket-activate",
                    [
                        .. sockets.Select(socket => $"--listen=127.0.0.1:{socket.Port}"), $"--fdname={string.Join(':', sockets.Select(socket => socket.Name))}",
                        "env", DefaultSignals, ChildLauncher.OwnExecutable, .. arguments,
                    ])
                {
                    RedirectStandardOutput = true,
                })!);

    /// <summary>As with <c>LimitFSIZE=</c>.</summary>
    /// <remarks>
    /// The native binary where there is one: a build whose coverage is measured writes a large file as it ends. CoreCLR, where it hosts the build, has one for
    /// code that it compiles.
    /// </remarks>
    /// <param name="bytes">The largest file that it may write.</param>
    public static CommandProcess StartWithFileSizeLimit(int bytes, params string[] arguments) =>
        new(
            OsProcess.Start(
                new ProcessStartInfo(
                    "prlimit",
                    [
                        $"--fsize={bytes}", "env", DefaultSignals, "DOTNET_EnableWriteXorExecute=0",
                        Package.NativeBinary ?? ChildLauncher.OwnExecutable, .. arguments,
                    ])
                {
                    RedirectStandardOutput = true,
                })!);

    /// <summary>Runs to the end.</summary>
    public static async Task<CommandLine> RunAsync(params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo(ChildLauncher.OwnExecutable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var run = new CommandProcess(OsProcess.Start(start)!);
        var output = run.Output.ReadToEndAsync(cancellation);
        var error = run._process.StandardError.ReadToEndAsync(cancellation);
        var code = await run._process.EndWithin(what: string.Join(' ', arguments));
        return new CommandLine(code, await output.Within(), await error.Within());
    }

    /// <summary>Reads on until a line contains the text.</summary>
    public Task<string> ReadToAsync(string text)
    {
        return ReadAsync().Within(what: $"a line with '{text}'");

        async Task<string> ReadAsync()
        {
            while (await Output.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    return line;
                }
            }

            throw new InvalidOperationException($"the output ended without '{text}'");
        }
    }

    public int Id => _process.Id;

    /// <summary>Returns when it is gone, and with it the lock on its state.</summary>
    public void Kill() => _process.KillAndWait();

    public Task HangUpAsync() => SignalAsync("HUP");

    public async Task<int> TerminateAsync()
    {
        await SignalAsync("TERM");
        return await _process.EndWithin();
    }

    private async Task SignalAsync(string name)
    {
        using var kill = OsProcess.Start("kill", [$"-{name}", $"{_process.Id}"]);
        await kill.EndWithin();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
