using System.ComponentModel;
using System.Diagnostics;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Units.Process;

/// <summary>One run of a slot's command: from the fork to the end of the last process of its group.</summary>
internal sealed class Child : IDisposable
{
    /// <summary>How long the last output may take to arrive after the end: processes that left the group may keep the pipe open for ever.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(250);

    private readonly OsProcess _process;
    private readonly Task _ready;
    private readonly Task _output;
    private readonly Task _exited;

    private Child(OsProcess process, string invocationId, Action<string> onLine)
    {
        _process = process;
        InvocationId = invocationId;
        Group = ProcessGroup.Of(process.Id) ?? new ProcessGroup(process.Id, 0);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ready = ready.Task;
        _output = Task.WhenAll(OutputRing.PumpAsync(process.StandardOutput, OnOutput), OutputRing.PumpAsync(process.StandardError, onLine));
        _exited = process.WaitForExitAsync(CancellationToken.None);

        void OnOutput(string line)
        {
            if (!ready.Task.IsCompleted && line == ExecChild.ReadyLine)
            {
                ready.SetResult();
            }
            else
            {
                onLine(line);
            }
        }
    }

    public string InvocationId { get; }

    public ProcessGroup Group { get; }

    /// <summary>Forks. The command runs when <see cref="WaitReadyAsync"/> says so.</summary>
    /// <exception cref="Win32Exception">Nothing was started: no such directory, no more processes.</exception>
    public static async Task<Child> StartAsync(
        ChildLauncher launcher, IReadOnlyList<string> command, ProcessUnitsOptions options, Action<string> onLine)
    {
        var invocationId = Guid.NewGuid().ToString("N");
        var info = new ProcessStartInfo(ChildLauncher.OwnExecutable, [ExecChild.Verb, "--parent", $"{Environment.ProcessId}", "--", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = options.WorkingDirectory ?? "",
        };
        foreach (var name in (string[])["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"])
        {
            info.Environment.Remove(name); // between systemd and the proxy
        }

        foreach (var (name, value) in options.Environment ?? [])
        {
            info.Environment[name] = value;
        }

        // As systemd does; it tells our processes from a stranger's when the proxy was killed and their leader is gone.
        info.Environment[Leftovers.InvocationVariable] = invocationId;
        var process = await launcher.StartAsync(info);
        process.StandardInput.Close();
        return new Child(process, invocationId, onLine);
    }

    /// <summary>Completes when the process leads its group and is about to become the command.</summary>
    /// <returns>False: it ended before.</returns>
    public async Task<bool> WaitReadyAsync()
    {
        await Task.WhenAny(_ready, _exited);
        return _ready.IsCompleted;
    }

    /// <summary>Waits until the leader has ended, or the token fires.</summary>
    /// <returns>False: the token fired first.</returns>
    public async Task<bool> WaitExitAsync(CancellationToken cancellationToken)
    {
        await _exited.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _exited.IsCompleted;
    }

    /// <summary>Ends whatever of the group still runs, and reads the last output.</summary>
    /// <returns>How the leader ended, and whether SIGKILL was needed.</returns>
    public async Task<(ExitStatus Exit, bool Killed)> EndAsync(TimeSpan timeout, TimeProvider time)
    {
        var killed = !await Group.EndAsync(timeout, time);
        await _exited;
        await Task.WhenAny(_output, Task.Delay(LastWords, time));
        return (new ExitStatus(_process.ExitCode), killed);
    }

    public void Dispose() => _process.Dispose();
}
