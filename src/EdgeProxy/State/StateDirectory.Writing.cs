using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeProxy.Platform;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.State;

/// <content>Changes: each is whole or not made, and survives a power failure.</content>
internal sealed partial class StateDirectory
{
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
        lock (_ownership.Writing)
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
        lock (_ownership.Writing)
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
        lock (_ownership.Writing)
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
        lock (_ownership.Writing)
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
        try
        {
            file.Write(content);
        }
        catch (ArgumentOutOfRangeException tooLarge)
        {
            throw FileSizeLimit.Reached(tooLarge);
        }

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

    private void DemandUsable()
    {
        if (Problem is not null)
        {
            throw new StateException(Problem);
        }

        DemandOurs();
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
