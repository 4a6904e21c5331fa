using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.State;

/// <summary>The directory that keeps what must survive the process, locked for this one.</summary>
/// <remarks>
/// A directory that cannot be used does not stop the proxy: <see cref="Problem"/> says why, reads find nothing and every write is refused.
/// The lock is the kernel's (flock(2)), so it ends with the process, however that ends.
/// </remarks>
public sealed class StateDirectory : IDisposable
{
    private const UnixFileMode OwnerAndGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;

    private readonly SafeFileHandle? _directory;
    private readonly Lock _writing = new(); // one writer at a time: temporary files have fixed names, so that none pile up

    private StateDirectory(string path, SafeFileHandle? directory, string? problem)
    {
        FullPath = path;
        _directory = directory;
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

    /// <summary>Reads a file of JSON. Never throws: a torn, empty or foreign file is a <see cref="StateRead{T}.Problem"/>.</summary>
    public StateRead<T> ReadJson<T>(string name, JsonTypeInfo<T> type)
        where T : class
    {
        var (content, problem) = Read(name);
        if (content is null)
        {
            return new(null, problem);
        }

        try
        {
            return JsonSerializer.Deserialize(content, type) is { } value ? new(value, null) : new(null, $"{PathOf(name)} holds no value");
        }
        catch (JsonException e)
        {
            return new(null, content.Length == 0 ? $"{PathOf(name)} is empty" : $"{PathOf(name)} cannot be understood: {e.Message}");
        }
    }

    /// <summary>Reads a file of one object. Never throws: one of another format than this version knows is a <see cref="StateRead{T}.Problem"/>, too.</summary>
    public StateRead<T> ReadVersioned<T>(string name, JsonTypeInfo<T> type)
        where T : VersionedRecord
    {
        var read = ReadJson(name, type);
        return read.Value is { Version: not VersionedRecord.CurrentVersion } foreign
            ? new(null, $"{PathOf(name)} has format {foreign.Version}, this version of EdgeProxy knows {VersionedRecord.CurrentVersion}")
            : read;
    }

    /// <summary>Reads a file. Never throws.</summary>
    public StateRead<byte[]> Read(string name)
    {
        try
        {
            return new(File.ReadAllBytes(PathOf(name)), null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(null, Explain($"cannot read {PathOf(name)}", e));
        }
    }

    /// <inheritdoc cref="WriteAtomically"/>
    public void WriteJson<T>(string name, T value, JsonTypeInfo<T> type, bool durable = true) =>
        WriteAtomically(name, JsonSerializer.SerializeToUtf8Bytes(value, type), DefaultMode, durable);

    /// <summary>Replaces a file: a reader, also after a power failure, finds the old content or the new one, whole.</summary>
    /// <param name="name">The file.</param>
    /// <param name="content">All of it.</param>
    /// <param name="mode">Its mode.</param>
    /// <param name="durable">
    /// False: survives the end of the process, but perhaps not a power failure. For what nothing is decided by, as it spares two waits for the disk.
    /// </param>
    /// <exception cref="StateException">It could not; <see cref="StateException.Replaced"/> says which content is there now.</exception>
    public void WriteAtomically(string name, ReadOnlySpan<byte> content, UnixFileMode mode, bool durable = true)
    {
        var path = PathOf(name);
        var temporary = path + ".new"; // in the same directory: a rename across file systems is not atomic
        lock (_writing)
        {
            DemandUsable();
            try
            {
                File.Delete(temporary); // a killed process may have left it, with another mode
                WriteTo(temporary, FileMode.CreateNew, content, mode, durable);
                if (!durable)
                {
                    File.Move(temporary, path, overwrite: true);
                    return;
                }

                CrashPoint.Pass(name, "written beside");
                File.Move(temporary, path, overwrite: true);
                CrashPoint.Pass(name, "renamed");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                TryDelete(temporary);
                throw new StateException(Explain($"cannot write {path}", e), inner: e);
            }

            SyncDirectory(path);
            CrashPoint.Pass(name, "durable");
        }
    }

    /// <summary>Adds to the end of a file, durably. A failure may leave a part of the content.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Append(string name, ReadOnlySpan<byte> content)
    {
        var path = PathOf(name);
        lock (_writing)
        {
            DemandUsable();
            var isNew = !File.Exists(path);
            try
            {
                WriteTo(path, FileMode.Append, content, DefaultMode, durable: true);
                CrashPoint.Pass(name, "appended to");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StateException(Explain($"cannot write {path}", e), inner: e);
            }

            if (isNew)
            {
                SyncDirectory(path);
            }
        }
    }

    /// <summary>Makes a folder in it, durably, and takes rights away from one that has more.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void CreateFolder(string name, UnixFileMode mode)
    {
        var path = PathOf(name);
        lock (_writing)
        {
            DemandUsable();
            try
            {
                if (Directory.Exists(path))
                {
                    if (File.GetUnixFileMode(path) != mode)
                    {
                        File.SetUnixFileMode(path, mode);
                    }

                    return;
                }

                Directory.CreateDirectory(path, mode);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StateException(Explain($"cannot make {path}", e), inner: e);
            }

            SyncDirectory(path);
        }
    }

    /// <summary>Removes a file, durably. One that is not there is no error.</summary>
    /// <exception cref="StateException">It could not.</exception>
    public void Delete(string name)
    {
        var path = PathOf(name);
        lock (_writing)
        {
            DemandUsable();
            try
            {
                File.Delete(path);
                CrashPoint.Pass(name, "removed");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StateException(Explain($"cannot remove {path}", e), inner: e);
            }

            SyncDirectory(path);
        }
    }

    public string PathOf(string name) => Path.Combine(FullPath, name);

    public void Dispose() => _directory?.Dispose();

    private static void WriteTo(string path, FileMode mode, ReadOnlySpan<byte> content, UnixFileMode access, bool durable)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.Write,
            Share = FileShare.Read,
            BufferSize = 0,
            UnixCreateMode = access,
        });
        file.Write(content);
        file.Flush(flushToDisk: durable);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The write has failed already and says so; the next one removes the rest.
        }
    }

    private static string Explain(string what, Exception e) => $"{what}: {e.Message.TrimEnd('.')}" + e switch
    {
        { HResult: LibC.NoSpaceLeft } => ". Free some space on its file system",
        { HResult: LibC.ReadOnlyFileSystem } => ". Its file system is mounted read-only",
        UnauthorizedAccessException => ". Give the directory to the user that EdgeProxy runs as",
        _ => "",
    };

    private void DemandUsable()
    {
        if (Problem is not null)
        {
            throw new StateException(Problem);
        }
    }

    /// <summary>A rename is durable when the directory is (fsync(2)).</summary>
    private void SyncDirectory(string changed)
    {
        var parent = Path.GetDirectoryName(changed)!;
        using var folder = parent == FullPath ? null : new SafeFileHandle(LibC.Open(parent, LibC.OpenDirectory), ownsHandle: true);
        if (LibC.FSync(folder ?? _directory!) != 0)
        {
            throw new StateException($"cannot make {changed} durable: {Marshal.GetLastPInvokeErrorMessage()}", replaced: true);
        }
    }
}
