using System.Diagnostics;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>A deploy that goes on while the test looks.</summary>
public sealed class RunningDeploy(SystemdLab lab, Process process, string log, string pid) : IDisposable
{
    /// <summary>Django starts half a dozen times in a deploy, and pip may run.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    public string Output => File.ReadAllText(lab.Root + log);

    /// <summary>Returns when it has said the text.</summary>
    public Task SaysAsync(string text) =>
        Eventually.TrueAsync(() => process.HasExited || Output.Contains(text, StringComparison.Ordinal), $"the deploy says '{text}'", _patience);

    /// <summary>Ctrl-C: every process of the terminal gets it.</summary>
    public async Task InterruptAsync() => _ = (await lab.RunAsync("kill", "-INT", "--", $"-{pid}")).Text;

    /// <summary>The script alone, which can do nothing about it.</summary>
    public async Task KillAsync() => _ = (await lab.RunAsync("kill", "-KILL", pid)).Text;

    public async Task<int> EndAsync()
    {
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(_patience, TestContext.Current.CancellationToken);
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        process.Dispose();
    }
}
