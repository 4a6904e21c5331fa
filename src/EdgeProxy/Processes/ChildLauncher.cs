using System.Collections.Concurrent;
using System.Diagnostics;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Processes;

/// <summary>Starts child processes, all from one thread that lives as long as they may.</summary>
/// <remarks>
/// The parent-death signal comes when the <i>thread</i> that forked ends (prctl(2)), and threads of the pool end when they like. Owned by
/// <c>ProcessUnits</c> or <see cref="CommandRunner"/>, which disposes it after its children have ended.
/// </remarks>
internal sealed class ChildLauncher : IDisposable
{
    private readonly BlockingCollection<(ProcessStartInfo Info, TaskCompletionSource<OsProcess> Started)> _requests = [];

    public ChildLauncher()
    {
        new Thread(Run) { IsBackground = true, Name = "child launcher" }.Start();
    }

    /// <summary>Our own executable, for the verbs that are run as children.</summary>
    /// <remarks>
    /// Another program hosts this code where tests run it in theirs and where <c>dotnet edgeproxy.dll</c> is used; the executable lies beside
    /// the assembly then.
    /// </remarks>
    public static string OwnExecutable { get; } =
        Environment.ProcessPath is { } host && Path.GetFileName(host) == "edgeproxy" ? host : Path.Combine(AppContext.BaseDirectory, "edgeproxy");

    /// <exception cref="System.ComponentModel.Win32Exception">It could not be started.</exception>
    public Task<OsProcess> StartAsync(ProcessStartInfo info)
    {
        var started = new TaskCompletionSource<OsProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        _requests.Add((info, started));
        return started.Task;
    }

    public void Dispose() => _requests.CompleteAdding();

    private void Run()
    {
        foreach (var (info, started) in _requests.GetConsumingEnumerable())
        {
            try
            {
                started.SetResult(OsProcess.Start(info)!); // null only with UseShellExecute
            }
            catch (Exception e)
            {
                started.SetException(e); // the caller deals with it
            }
        }
    }
}
