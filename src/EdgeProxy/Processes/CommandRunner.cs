using System.ComponentModel;
using EdgeProxy.Common;

namespace EdgeProxy.Processes;

/// <summary>Runs commands to their end, with a bound on their time and on what is kept of their output.</summary>
/// <remarks>
/// A command gets SIGTERM with all of its process group when its time is over, when the caller cancels, and when the proxy dies; SIGKILL 5 s later. What it
/// leaves running in its group ends with it. The thread that forks begins with the first command.
/// </remarks>
internal sealed class CommandRunner(TimeProvider time) : IDisposable
{
    /// <summary>The last lines of the output of one command, and their length in characters.</summary>
    public const int MaxLines = 50;
    public const int MaxLineLength = 500;

    /// <summary>Between SIGTERM and SIGKILL.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly Lazy<ChildLauncher> _launcher = new();

    /// <summary>Never fails for the command's sake: the result says what became of it.</summary>
    /// <param name="start">What is run. Its environment should be a clean one.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="cancellationToken">Ends the command, and then throws.</param>
    /// <exception cref="OperationCanceledException">The caller has cancelled; nothing of the command runs any more.</exception>
    public async Task<CommandEnd> RunAsync(ChildStart start, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var output = new OutputRing();
        var started = time.GetTimestamp();
        Child child;
        try
        {
            child = await Child.StartAsync(_launcher.Value, WithAccount(start), line => output.Add(line[..Math.Min(line.Length, MaxLineLength)]));
        }
        catch (Win32Exception e)
        {
            return new CommandEnd($"could not be started: {e.Message}", ExitStatus: null, time.GetElapsedTime(started), []);
        }

        using (child)
        {
            // Before it is ready it does not lead its group, so there would be nobody to send a signal to.
            await child.WaitReadyAsync();
            using var budget = new Deadline(timeout, time, cancellationToken);
            var isInTime = await child.WaitExitAsync(budget.Token);
            var (exit, _) = await child.EndAsync(Grace, time);
            cancellationToken.ThrowIfCancellationRequested();
            var problem = !isInTime ? $"was not done within {timeout.TotalSeconds:0.###} s and was ended" : exit.Code == 0 ? null : exit.ToString();
            return new CommandEnd(problem, exit.Code, time.GetElapsedTime(started), output.Tail(MaxLines));
        }
    }

    public void Dispose()
    {
        if (_launcher.IsValueCreated)
        {
            _launcher.Value.Dispose();
        }
    }

    /// <summary>Programs look up their user in these variables (environ(7)).</summary>
    private static ChildStart WithAccount(ChildStart start)
    {
        if (UserAccount.Find(start.User ?? UserAccount.OwnName) is not { } user)
        {
            return start;
        }

        var variables = new Dictionary<string, string>(start.Variables)
        {
            ["HOME"] = user.Home,
            ["USER"] = user.Name,
            ["LOGNAME"] = user.Name,
            ["SHELL"] = user.Shell,
        };
        return start with { Variables = variables };
    }
}

/// <summary>How a command ended.</summary>
/// <param name="Problem">What went wrong, in a clause without the command; null: it exited with code 0, in time.</param>
/// <param name="ExitStatus">The exit code, or 128 + the signal that ended it; null: it was not started.</param>
/// <param name="Duration">Until the last process of its group had ended.</param>
/// <param name="Output">The last lines of both of its outputs, bounded.</param>
internal sealed record CommandEnd(string? Problem, int? ExitStatus, TimeSpan Duration, IReadOnlyList<string> Output);
