using System.Runtime.InteropServices;
using EdgeProxy.Platform;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Files without a name: the kernel frees them when the descriptor is closed, also where the process is killed.</summary>
internal static class UnlinkedFile
{
    private const string Prefix = "edgeproxy-spool-";
    private const int ReadWrite = 0x2;
    private const int Create = 0x40;
    private const int Exclusive = 0x80; // with O_TMPFILE: nobody can give the file a name
    private const int CloseOnExec = 0x80000;
    private const int OwnerOnly = 0x180; // 0600
    private const int NotThere = 2; // ENOENT: somebody has tidied up
    private const int IsDirectory = 21; // EISDIR: a kernel that does not know O_TMPFILE
    private const int NotSupported = 95; // EOPNOTSUPP: a file system that does not

    /// <summary>__O_TMPFILE | O_DIRECTORY; the second differs between processors (fcntl.h).</summary>
    private static readonly int _temporary = 0x400000 | (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000);

    /// <summary>Far longer than two system calls take, and than the clocks of two machines with one file system differ.</summary>
    private static readonly TimeSpan _abandonedAfter = TimeSpan.FromHours(1);

    /// <exception cref="IOException">The directory is missing, not writable, or full; or there are no descriptors left.</exception>
    public static SafeFileHandle Open(string directory)
    {
        var handle = LibC.Open(directory, _temporary | ReadWrite | Exclusive | CloseOnExec, OwnerOnly);
        return !handle.IsInvalid ? handle
            : Marshal.GetLastPInvokeError() is IsDirectory or NotSupported ? CreateAndUnlink(directory)
            : throw Failed(directory);
    }

    /// <summary>Makes the file and removes its name, for file systems without <c>O_TMPFILE</c> (NFS, some of FUSE).</summary>
    /// <exception cref="IOException">As of <see cref="Open(string)"/>.</exception>
    internal static SafeFileHandle CreateAndUnlink(string directory)
    {
        RemoveAbandoned(directory);
        var path = Path.Combine(directory, Prefix + Guid.NewGuid().ToString("N"));
        var handle = LibC.Open(path, Create | ReadWrite | Exclusive | CloseOnExec, OwnerOnly);
        if (handle.IsInvalid)
        {
            throw Failed(directory);
        }

        if (LibC.Unlink(path) == 0 || Marshal.GetLastPInvokeError() == NotThere)
        {
            return handle;
        }

        handle.Dispose();
        throw Failed(path);
    }

    /// <summary>A process that is killed between the two calls leaves an empty file. Another one may be between them now: only old ones are
    /// removed.</summary>
    private static void RemoveAbandoned(string directory)
    {
        try
        {
            foreach (var abandoned in new DirectoryInfo(directory).EnumerateFiles(Prefix + "*"))
            {
                if (TimeProvider.System.GetUtcNow() - abandoned.LastWriteTimeUtc > _abandonedAfter)
                {
                    _ = LibC.Unlink(abandoned.FullName);
                }
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            // It can be written to all the same, or the next call says what is wrong.
        }
    }

    private static IOException Failed(string path) => new($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
}
