using System.ComponentModel;
using System.Diagnostics;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Processes;

/// <summary>One run of a command: from the fork to the end of the last process of its group.</summary>
internal sealed class Child : IDisposable
{
    /// <summary>How long the last output may take to arrive after the end: processes that left the group may keep the pipe open for ever.</summary>
    private static readonly TimeSpan OutputTimeout = TimeSpan.FromMilliseconds(250);

    private readonly OsProcess? _process; // null: another process's child
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

    private Child(ProcessGroup group, string invocationId, TimeProvider time)
    {
        (Group, InvocationId, _ready, _output) = (group, invocationId, Task.CompletedTask, Task.CompletedTask);
        _exited = group.WaitLeaderEndedAsync(time);
    }

    /// <summary>The child of another process, which has handed it over. How it ends by itself is not known.</summary>
    public static Child Adopt(ProcessGroup group, string invocationId, TimeProvider time) => new(group, invocationId, time);

    public bool IsAdopted => _process is null;

    /// <summary>Completes when the leader has ended.</summary>
    public Task Exited => _exited;

    public string InvocationId { get; }

    public ProcessGroup Group { get; }

    /// <summary>Forks. The command runs when <see cref="WaitReadyAsync"/> says so.</summary>
    /// <exception cref="Win32Exception">Nothing was started: no such directory, no more processes.</exception>
    public static async Task<Child> StartAsync(ChildLauncher launcher, ChildStart start, Action<string> onLine)
    {
        string[] user = start.User is { } name ? [ExecChild.UserOption, name] : [];
        var info = new ProcessStartInfo(
            ChildLauncher.OwnExecutable, [ExecChild.Verb, "--parent", $"{Environment.ProcessId}", .. user, "--", .. start.Command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = start.WorkingDirectory ?? "",
        };
        start.SetEnvironment(info.Environment);
        var process = await launcher.StartAsync(info);
        var child = new Child(process, start.InvocationId, onLine);
        _ = child.GiveInputAsync(start.Input);
        return child;
    }

    /// <summary>Ends the process itself, whether it leads its group yet or not. Nothing happens to one that has ended, or is another process's child.</summary>
    public void Kill() => _process?.Kill();

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
        const int bySignal = 128;
        var endsByItself = !Group.LeaderRuns;
        var killed = !await Group.EndAsync(timeout, time);
        await _exited;
        await Task.WhenAny(_output, Task.Delay(OutputTimeout, time));
        var exit = _process is not null ? new ExitStatus(_process.ExitCode)
            : endsByItself ? ExitStatus.Unknown
            : new ExitStatus(bySignal + (killed ? ProcessGroup.Kill : ProcessGroup.Terminate));
        return (exit, killed);
    }

    public void Dispose() => _process?.Dispose();

    /// <summary>Ends with the child at the latest: the pipe breaks then. Never throws.</summary>
    private async Task GiveInputAsync(ReadOnlyMemory<byte> input)
    {
        try
        {
            await using var pipe = _process!.StandardInput.BaseStream;
            await pipe.WriteAsync(input);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It does not want (all of) it.
        }
    }
}
