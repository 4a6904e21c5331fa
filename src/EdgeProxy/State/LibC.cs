using System.Runtime.InteropServices;

namespace EdgeProxy.State;

/// <summary>What the base class library does not offer for directories.</summary>
internal static partial class LibC
{
    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;

    public const int WouldBlock = 11;
    public const int NoSpaceLeft = 28;
    public const int ReadOnlyFileSystem = 30;

    /// <summary>O_RDONLY | O_DIRECTORY | O_CLOEXEC: a child process must not inherit the lock. O_DIRECTORY is the one number that differs by processor.</summary>
    public static int OpenDirectory { get; } =
        0x80000 | (RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : 0x10000);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int FLock(SafeHandle descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(SafeHandle descriptor);
}
