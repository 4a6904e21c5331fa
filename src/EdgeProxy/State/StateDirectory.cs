using System.Runtime.InteropServices;
using EdgeProxy.Platform;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.State;

/// <summary>The directory that keeps what must survive the process, locked for this one.</summary>
/// <remarks>
/// A directory that cannot be used does not stop the proxy: <see cref="Problem"/> says why, reads find nothing and every write is refused.
/// The lock is the kernel's (flock(2)), so it ends with the process, however that ends.
/// </remarks>
internal sealed partial class StateDirectory : IDisposable
{
    private const UnixFileMode OwnerAndGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;

    private readonly SafeFileHandle? _directory;

    private readonly Ownership _ownership;

    private StateDirectory(string path, SafeFileHandle? directory, string? problem, Ownership? ownership = null)
    {
        FullPath = path;
        _directory = directory;
        _ownership = ownership ?? new();
        Problem = problem;
    }

    /// <summary>The mode of state files: owner reads and writes, group reads.</summary>
    public const UnixFileMode DefaultMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    public string FullPath { get; }

    /// <summary>Why nothing can be kept here, and what to do; null: all is well.</summary>
    public string? Problem { get; }

    /// <summary>Creates the directory (0750) where it is missing, and locks it until disposed.</summary>
    /// <exception cref="StateDirectoryInUseException">Another process has it.</exception>
    public static StateDirectory Open(string path)
    {
        path = Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path, OwnerAndGroup);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new StateDirectory(path, null, Explain($"cannot create the state directory {path}", e));
        }

        var descriptor = LibC.Open(path, LibC.OpenDirectory);
        if (descriptor < 0)
        {
            return new StateDirectory(path, null, $"cannot open the state directory {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var directory = new SafeFileHandle(descriptor, ownsHandle: true);
        if (LibC.FLock(directory, LibC.LockExclusive | LibC.LockNonBlocking) == 0)
        {
            return new StateDirectory(path, directory, null);
        }

        var error = Marshal.GetLastPInvokeError();
        directory.Dispose();
        return error == LibC.WouldBlock
            ? throw new StateDirectoryInUseException(path)
            : new StateDirectory(path, null, $"cannot lock the state directory {path}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>
    /// A folder in it as a state directory of its own, made where it is missing, with the rights of this one. The lock of this directory is its lock, too. What
    /// keeps it from being used is its <see cref="Problem"/>.
    /// </summary>
    public StateDirectory OpenFolder(string name)
    {
        var path = PathOf(name);
        try
        {
            var folder = "";
            foreach (var part in name.Split('/'))
            {
                folder = Path.Combine(folder, part);
                CreateFolder(folder, OwnerAndGroup);
            }
        }
        catch (StateException e)
        {
            return new StateDirectory(path, null, e.Message, _ownership);
        }

        var descriptor = LibC.Open(path, LibC.OpenDirectory);
        return descriptor < 0
            ? new StateDirectory(path, null, $"cannot open the state directory {path}: {Marshal.GetLastPInvokeErrorMessage()}")
            : new StateDirectory(path, new SafeFileHandle(descriptor, ownsHandle: true), null, _ownership);
    }

    /// <summary>The directory as another process has opened and locked it: the lock belongs to the open file, not to a process (flock(2)).</summary>
    /// <param name="path">As that process has it.</param>
    /// <param name="descriptor">Ours, by inheritance.</param>
    public static StateDirectory Adopt(string path, int descriptor) =>
        new(path, new SafeFileHandle(descriptor, ownsHandle: true), null, new() { IsShared = true });

    /// <summary>Another process has opened it, and may still want it back.</summary>
    public bool IsShared => _ownership.IsShared;

    /// <summary>Another process has it, or is about to.</summary>
    public bool IsGivenAway => _ownership.IsGivenAway;

    /// <summary>It is this process's alone from now on.</summary>
    public void TakeOver() => _ownership.IsShared = false;

    /// <summary>The lock, for a process that takes the place of this one; null: there is none, as the directory cannot be used.</summary>
    public int? Descriptor => _directory is { IsClosed: false } ? (int)_directory.DangerousGetHandle() : null;

    /// <summary>Refuses all changes from now on, or not any more: another process is about to have the directory.</summary>
    public void GiveAway(bool given)
    {
        lock (_ownership.Writing)
        {
            _ownership.IsGivenAway = given;
        }
    }

    /// <summary>Before something is done elsewhere whose result this process is to keep.</summary>
    /// <exception cref="StateException">It is given away.</exception>
    public void DemandOurs()
    {
        if (IsGivenAway)
        {
            throw new StateException("a new process of EdgeProxy has taken over; ask it");
        }
    }

    /// <summary>Does what the next process is to find done, where the directory is not given away.</summary>
    /// <returns>False: it is, and nothing was done.</returns>
    public bool TryWhileOurs(Action work)
    {
        lock (_ownership.Writing)
        {
            if (!IsGivenAway)
            {
                work();
            }

            return !IsGivenAway;
        }
    }

    /// <summary>Another process has the directory: it keeps the lock.</summary>
    public void LetGo() => _directory?.Dispose();

    public string PathOf(string name) => Path.Combine(FullPath, name);

    /// <summary>Ends the lock where it is this process's alone.</summary>
    /// <remarks>
    /// A child that another thread has just forked has the open file until it runs its program (close-on-exec), so closing it here does not end the lock at
    /// once; LOCK_UN does, for every copy of it (flock(2)).
    /// </remarks>
    public void Dispose()
    {
        if (_directory is { IsClosed: false } && !IsShared && !IsGivenAway)
        {
            _ = LibC.FLock(_directory, LibC.Unlock); // it cannot fail for a file that is open; closing it ends the lock, too
        }

        _directory?.Dispose();
    }

    /// <summary>Shared with the folders in it.</summary>
    private sealed class Ownership
    {
        /// <summary>One writer at a time: temporary files have fixed names, so that none pile up, and nothing is half written when it is given away.</summary>
        public readonly Lock Writing = new();

        public volatile bool IsGivenAway;
        public volatile bool IsShared;
    }

    private static string Explain(string what, Exception e) => $"{what}: {e.Message.TrimEnd('.')}" + e switch
    {
        { HResult: LibC.NoSpaceLeft } => ". Free some space on its file system",
        { HResult: LibC.ReadOnlyFileSystem } => ". Its file system is mounted read-only",
        UnauthorizedAccessException => ". Give the directory to the user that EdgeProxy runs as",
        _ => "",
    };
}
