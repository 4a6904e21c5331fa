using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.Platform;

/// <summary>System calls that the base class library does not offer, and that several features need. One that a single feature needs stands there.</summary>
internal static partial class LibC
{
    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;
    public const int Unlock = 8;

    public const int WouldBlock = 11;
    public const int NoSpaceLeft = 28;
    public const int ReadOnlyFileSystem = 30;

    /// <summary>SIG_DFL and SIG_IGN, signal(2).</summary>
    public const nint DefaultAction = 0;
    public const nint Ignore = 1;

    /// <summary>O_RDONLY | O_DIRECTORY | O_CLOEXEC: a child process must not inherit the lock. O_DIRECTORY is the one number that differs by
    /// processor.</summary>
    public static int OpenDirectory { get; } =
        0x80000 | (RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : 0x10000);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    /// <summary>Variadic in C; on Linux its arguments are passed like any other's (x64, arm64).</summary>
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial SafeFileHandle Open(string path, int flags, uint mode);

    /// <summary>To a process, or to a group by its number below zero (kill(2)).</summary>
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int GetParentPid();

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int FLock(SafeHandle descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(SafeHandle descriptor);

    /// <param name="action"><see cref="DefaultAction"/> or <see cref="Ignore"/>.</param>
    [LibraryImport("libc", EntryPoint = "signal")]
    public static partial nint SetSignalAction(int signal, nint action);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FCntl(int descriptor, int command, int argument);

    /// <summary>A copy of a descriptor that no child process inherits.</summary>
    /// <exception cref="IOException">There is no room for one more.</exception>
    public static int Duplicate(int descriptor, int least = 3)
    {
        const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC, fcntl(2)
        var copy = FCntl(descriptor, DuplicateCloseOnExec, least);
        return copy >= 0 ? copy : throw new IOException($"a descriptor cannot be copied: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>No child process inherits it from now on.</summary>
    public static void CloseOnExec(int descriptor)
    {
        const int SetDescriptorFlags = 2; // F_SETFD
        _ = FCntl(descriptor, SetDescriptorFlags, 1); // FD_CLOEXEC
    }
}
