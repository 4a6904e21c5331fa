using System.Collections;
using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeProxy.Platform;

namespace EdgeProxy.Handover;

/// <summary>The process that is to take the place of this one: the same program as it is on disk now, with the same arguments and environment.</summary>
/// <remarks>Owned by the handover: one that does not succeed kills it.</remarks>
internal sealed partial class Successor : IDisposable
{
    /// <summary>The environment variable with the <see cref="HandoverGift"/>.</summary>
    public const string Variable = "EDGEPROXY_HANDOVER";

    private const int FirstDescriptor = 3;
    private const int Kill = 9;

    /// <summary>1 to 31, but SIGKILL and SIGSTOP.</summary>
    private const long AllSignals = 0x7fffffff & ~(1L << (9 - 1)) & ~(1L << (19 - 1));

    /// <summary>Of this process alone, and what the new one is not to take for its own.</summary>
    private static readonly string[] _ofThisProcess = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID", Variable];

    /// <summary>Read at once: once a package has replaced the file, the kernel calls it deleted.</summary>
    private static readonly string? _ownPath = Environment.ProcessPath;

    private bool _hasTakenOver;

    private Successor(int pid, HandoverChannel channel) => (Pid, Channel) = (pid, channel);

    public int Pid { get; }

    public HandoverChannel Channel { get; }

    /// <summary>Has the path of the program read while it is what runs.</summary>
    public static void RememberProgram() => _ = _ownPath;

    /// <exception cref="IOException">It cannot be started.</exception>
    public static Successor Start(IReadOnlyList<ListeningSocket> sockets, int? state, string statePath, IReadOnlyList<int> former)
    {
        var (ours, theirs) = SocketPair();
        int[] sources = [.. sockets.Select(socket => socket.Descriptor), theirs, .. former, .. state is { } locked ? [locked] : Array.Empty<int>()];
        var copies = new List<int>();
        try
        {
            // Out of the way of the numbers that they get.
            copies.AddRange(sources.Select(source => LibC.Duplicate(source, FirstDescriptor + sources.Length)));
            var channel = FirstDescriptor + sockets.Count;
            var gift = new HandoverGift(
                [.. sockets.Select((socket, i) => new GiftSocket(FirstDescriptor + i, socket.Name))],
                state is null ? null : FirstDescriptor + sources.Length - 1,
                statePath,
                channel,
                [.. former.Select((_, i) => channel + 1 + i)]);
            return new Successor(Spawn(copies, gift), new HandoverChannel(ours));
        }
        catch
        {
            _ = LibC.Close(ours);
            throw;
        }
        finally
        {
            _ = LibC.Close(theirs);
            copies.ForEach(copy => _ = LibC.Close(copy));
        }
    }

    /// <summary>It is a process of its own from now on.</summary>
    public void HasTakenOver() => _hasTakenOver = true;

    /// <summary>Ends it and says how it ended by itself.</summary>
    public string End()
    {
        _ = LibC.Kill(Pid, Kill); // first: the end of the channel would tell it that this process has ended, and that the state is its own
        int status;
        while (WaitPid(Pid, out status, 0) < 0 && Marshal.GetLastPInvokeError() == 4)
        {
        }

        var signal = status & 0x7f; // WTERMSIG
        return signal == 0 ? $"it ended with {(status >> 8) & 0xff}" : signal == Kill ? "it was ended" : $"it ended by signal {signal}";
    }

    public void Dispose()
    {
        if (!_hasTakenOver)
        {
            Channel.Dispose();
        }
    }

    /// <summary>What this process was started as: a path where it was one, so that a link leads to the version that it names now.</summary>
    private static (string Program, string[] Arguments) Command()
    {
        var line = File.ReadAllText("/proc/self/cmdline").TrimEnd('\0').Split('\0');
        var program = Path.IsPathRooted(line[0]) ? line[0] : _ownPath ?? throw new IOException("the path of the program is not known");
        return (program, line);
    }

    private static int Spawn(List<int> descriptors, HandoverGift gift)
    {
        var (program, arguments) = Command();
        var actions = Marshal.AllocHGlobal(1024); // larger than any libc's type
        var attributes = Marshal.AllocHGlobal(1024);
        var signals = Marshal.AllocHGlobal(128);
        var argv = Strings(arguments);
        var environment = Strings(EnvironmentWith(gift));
        try
        {
            Check(InitActions(actions));
            Check(InitAttributes(attributes));
            for (var i = 0; i < descriptors.Count; i++)
            {
                Check(AddDuplicate(actions, descriptors[i], FirstDescriptor + i));
            }

            // No signal is blocked there, and none ignored that this process ignores.
            Marshal.Copy(new byte[128], 0, signals, 128); // sigset_t
            Check(SetMask(attributes, signals));
            Marshal.WriteInt64(signals, AllSignals);
            Check(SetDefaults(attributes, signals));
            Check(SetFlags(attributes, 0x04 | 0x08)); // POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
            Check(PosixSpawn(out var pid, program, actions, attributes, argv, environment));
            return pid;
        }
        finally
        {
            _ = DestroyActions(actions);
            Marshal.FreeHGlobal(actions);
            Marshal.FreeHGlobal(attributes);
            Marshal.FreeHGlobal(signals);
            Free(argv);
            Free(environment);
        }

        void Check(int error)
        {
            if (error != 0)
            {
                throw new IOException($"{program} cannot be started: {Marshal.GetPInvokeErrorMessage(error)}");
            }
        }
    }

    private static string[] EnvironmentWith(HandoverGift gift) =>
    [
        .. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(variable => !_ofThisProcess.Contains((string)variable.Key)).Select(variable => $"{variable.Key}={variable.Value}"),
        $"{Variable}={JsonSerializer.Serialize(gift, HandoverJson.Default.HandoverGift)}",
    ];

    private static nint Strings(string[] strings)
    {
        var list = Marshal.AllocHGlobal((strings.Length + 1) * nint.Size);
        for (var i = 0; i < strings.Length; i++)
        {
            Marshal.WriteIntPtr(list, i * nint.Size, Marshal.StringToCoTaskMemUTF8(strings[i]));
        }

        Marshal.WriteIntPtr(list, strings.Length * nint.Size, 0);
        return list;
    }

    private static void Free(nint list)
    {
        for (var at = list; Marshal.ReadIntPtr(at) is not 0 and var text; at += nint.Size)
        {
            Marshal.FreeCoTaskMem(text);
        }

        Marshal.FreeHGlobal(list);
    }

    private static (int Ours, int Theirs) SocketPair()
    {
        Span<int> pair = stackalloc int[2];
        const int StreamCloseOnExec = 1 | 0x80000; // SOCK_STREAM | SOCK_CLOEXEC
        return CreatePair(1 /* AF_UNIX */, StreamCloseOnExec, 0, ref pair[0]) == 0
            ? (pair[0], pair[1])
            : throw new IOException($"no socket for the new process: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int CreatePair(int domain, int type, int protocol, ref int pair);

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PosixSpawn(out int pid, string path, nint actions, nint attributes, nint argv, nint environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int DestroyActions(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDuplicate(nint actions, int from, int to);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(nint attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(nint attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SetMask(nint attributes, nint signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaults(nint attributes, nint signals);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int pid, out int status, int options);
}
