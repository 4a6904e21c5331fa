using System.Diagnostics;
using EdgeProxy.Units.Process;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Tests.Support;

/// <summary>EdgeProxy as a process of its own, for what cannot be tested from inside: signals and sudden death. Killed when disposed.</summary>
internal sealed class CommandProcess : IDisposable
{
    private readonly OsProcess _process;

    private CommandProcess(OsProcess process) => _process = process;

    public StreamReader Output => _process.StandardOutput;

    public static CommandProcess Start(params string[] arguments) =>
        new(OsProcess.Start(new ProcessStartInfo(ChildLauncher.OwnExecutable, arguments) { RedirectStandardOutput = true })!);

    /// <summary>Runs to the end.</summary>
    public static async Task<CommandLine> RunAsync(params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var run = new CommandProcess(OsProcess.Start(new ProcessStartInfo(ChildLauncher.OwnExecutable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!);
        var output = run.Output.ReadToEndAsync(cancellation);
        var error = run._process.StandardError.ReadToEndAsync(cancellation);
        await run._process.WaitForExitAsync(cancellation).WaitAsync(Eventually.Patience, cancellation);
        return new CommandLine(run._process.ExitCode, await output, await error);
    }

    /// <summary>Reads on until a line contains the text.</summary>
    public async Task<string> ReadToAsync(string text)
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

    public int Id => _process.Id;

    /// <summary>Returns when it is gone, and with it the lock on its state.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public Task HangUpAsync() => SignalAsync("HUP");

    public async Task<int> TerminateAsync()
    {
        await SignalAsync("TERM");
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    private async Task SignalAsync(string name)
    {
        using var kill = OsProcess.Start("kill", [$"-{name}", $"{_process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
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
