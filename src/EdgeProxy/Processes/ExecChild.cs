using System.Runtime.InteropServices;
using System.Text;
using EdgeProxy.Platform;

namespace EdgeProxy.Processes;

/// <summary>
/// The hidden verb <c>exec-child --parent PID [--user NAME] -- COMMAND</c>: becomes the leader of a session, takes the rights of the user, ties its life to
/// the proxy's, and turns into the command.
/// </summary>
/// <remarks>
/// It exists because none of this can be done to a process from outside, and .NET runs no code of ours between fork and exec. The pid stays
/// the same all through.
/// </remarks>
internal static partial class ExecChild
{
    public const string Verb = "exec-child";
    public const string UserOption = "--user";

    /// <summary>
    /// The first line on standard output: from here on the process leads its group and dies with the proxy. ASCII ACK, which no program
    /// prints by itself.
    /// </summary>
    public const string ReadyLine = "\u0006edgeproxy";

    private const int SetParentDeathSignal = 1; // PR_SET_PDEATHSIG, prctl(2)
    private const uint CloseOnExec = 4; // CLOSE_RANGE_CLOEXEC, close_range(2)

    /// <summary>
    /// SIGPIPE, which the runtime ignores; SIGXFSZ, and at its start SIGHUP and SIGUSR2, which the proxy does; SIGHUP, SIGINT and SIGQUIT, which nohup and
    /// a shell's <c>&amp;</c> do. What is ignored would stay so in the command (execve(2)).
    /// </summary>
    private static readonly int[] _oftenIgnored = [13, FileSizeLimit.Signal, 1, 2, 3, 12];

    /// <summary>Does not return when all goes well.</summary>
    /// <param name="parent">The proxy.</param>
    /// <param name="user">Whose rights the command gets; null: the proxy's own.</param>
    /// <param name="command">The program, looked up in PATH, and its arguments.</param>
    /// <returns>The exit code when the command cannot be run.</returns>
    public static int Run(int parent, string? user, IReadOnlyList<string> command)
    {
        // First: a change of user clears the parent-death signal (prctl(2)).
        if (user is not null && UserAccount.TryBecome(user) is { } refusal)
        {
            Console.Error.WriteLine($"edgeproxy: cannot run {command[0]} as {user}: {refusal}");
            return ExitStatus.CannotExecute;
        }

        // SIGTERM, not SIGKILL: an app server that is asked to end takes its workers along.
        if (PrCtl(SetParentDeathSignal, ProcessGroup.Terminate, 0, 0, 0) != 0 || LibC.GetParentPid() != parent || SetSession() < 0)
        {
            Console.Error.WriteLine($"edgeproxy: the proxy (pid {parent}) that wanted to run {command[0]} is gone");
            return ExitStatus.CannotExecute;
        }

        foreach (var signal in _oftenIgnored)
        {
            _ = LibC.SetSignalAction(signal, LibC.DefaultAction);
        }

        // Sockets that systemd handed to the proxy must not live on in a child. Best effort: kernels before 5.11 do not know the call.
        _ = CloseRange(3, uint.MaxValue, CloseOnExec);

        using (var output = Console.OpenStandardOutput())
        {
            output.Write(Encoding.ASCII.GetBytes($"{ReadyLine}\n"));
        }

        var arguments = new string?[command.Count + 1]; // execvp(3) wants a NULL at the end
        for (var i = 0; i < command.Count; i++)
        {
            arguments[i] = command[i];
        }

        Execute(command[0], arguments);
        var error = Marshal.GetLastPInvokeError(); // before the console, which makes system calls of its own
        Console.Error.WriteLine($"edgeproxy: cannot run {command[0]}: {Marshal.GetPInvokeErrorMessage(error)}");
        return ExitStatus.CannotExecute;
    }

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int PrCtl(int option, nuint value, nuint unused3, nuint unused4, nuint unused5);

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "close_range")]
    private static partial int CloseRange(uint first, uint last, uint flags);

    [LibraryImport("libc", EntryPoint = "execvp", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Execute(string file, string?[] arguments);
}
