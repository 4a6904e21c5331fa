using System.Diagnostics;

namespace EdgeProxy.Tests.Support;

/// <summary>A program of another project that reads what EdgeProxy writes. <c>tests/run</c> installs them.</summary>
internal static class Tool
{
    /// <summary>Skips the test where the program is not installed.</summary>
    public static bool IsHere(string name) => File.Exists(PathOf(name));

    public static void Demand(string name) => Assert.SkipWhen(!IsHere(name), $"{name} is not installed");

    /// <summary>Runs it to its end.</summary>
    /// <param name="input">For its standard input.</param>
    /// <param name="patience">How long it may take; null: three minutes.</param>
    public static async Task<CommandLine> RunAsync(string name, IEnumerable<string> arguments, string input = "", TimeSpan? patience = null)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var process = Process.Start(
            new ProcessStartInfo(PathOf(name), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
        process.StandardInput.Close();
        var code = await process.EndWithin(patience ?? TimeSpan.FromMinutes(3), name); // lintian takes 20 s where nothing else runs
        return new CommandLine(code, await output.Within(), await error.Within());
    }

    /// <summary>Starts it; disposing kills it.</summary>
    public static RunningTool Start(string name, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(PathOf(name), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        return new RunningTool(Process.Start(start)!);
    }

    private static string PathOf(string name) =>
        new[] { "/usr/bin", "/usr/sbin", "/bin" }.Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists) ?? name;
}

/// <summary>A program that runs beside a test.</summary>
internal sealed class RunningTool : IDisposable
{
    private readonly Process _process;

    public RunningTool(Process process)
    {
        _process = process;
        _process.OutputDataReceived += (_, _) => { }; // a full pipe would stop it
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Waits until it has ended by itself; fails the test when it does not.</summary>
    /// <returns>Its exit code.</returns>
    public Task<int> WaitAsync(TimeSpan patience) => _process.EndWithin(patience, _process.StartInfo.FileName);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.KillAndWait(withChildren: true);
        }

        _process.Dispose();
    }
}
