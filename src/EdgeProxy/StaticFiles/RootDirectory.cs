using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>What became of an attempt to find or open a file.</summary>
internal enum FileOutcome
{
    Found,

    /// <summary>No regular file is there, or a link leads out of the root.</summary>
    NotFound,

    /// <summary>A directory is there.</summary>
    Directory,

    /// <summary>The proxy's user may not read it.</summary>
    Denied,

    /// <summary>The process or the system has no descriptor left, or the file is being written all the time.</summary>
    NotNow,
}

/// <summary>A directory whose files are served, and nothing outside it, whatever links lie in it.</summary>
/// <param name="path">Absolute; may be a link, which is followed anew each time: <c>current -> releases/42</c> changes with a deploy.</param>
/// <remarks>
/// The kernel resolves the name, links and all, to a handle that opens nothing (O_PATH); only where that handle's real path lies beneath the
/// root's, and it stands for a regular file, is it opened, by the handle. So there is no instant between check and use.
/// </remarks>
internal sealed class RootDirectory(string path)
{
    private const int MaxPath = 4096; // PATH_MAX

    public string Path => path;

    /// <param name="relative">A name below the root, with <c>/</c> between segments, none of them <c>..</c>, not starting with <c>/</c>.</param>
    /// <param name="file">The place of the file where the outcome is <see cref="FileOutcome.Found"/>. To be disposed.</param>
    public FileOutcome Locate(string relative, out LocatedFile? file)
    {
        file = null;
        using var root = NativeFiles.Locate(path);
        if (root.IsInvalid)
        {
            return Failure();
        }

        var place = NativeFiles.Locate(root, relative);
        if (place.IsInvalid)
        {
            var failure = Failure();
            place.Dispose();
            return failure;
        }

        var stat = NativeFiles.StatOf(place);
        if (!stat.IsRegularFile || !Holds(root, place))
        {
            var isDirectory = stat.IsDirectory && Holds(root, place);
            place.Dispose();
            return isDirectory ? FileOutcome.Directory : FileOutcome.NotFound;
        }

        file = new LocatedFile(place, stat.Identity);
        return FileOutcome.Found;
    }

    /// <summary>Opens a directory below the root, or the root itself, for reading its entries.</summary>
    /// <param name="relative">As of <see cref="Locate"/>; empty: the root.</param>
    /// <param name="directory">Open where the outcome is <see cref="FileOutcome.Directory"/>. To be disposed.</param>
    public FileOutcome OpenDirectory(string relative, out SafeFileHandle? directory)
    {
        directory = null;
        using var root = NativeFiles.Locate(path);
        if (root.IsInvalid)
        {
            return Failure();
        }

        using var place = NativeFiles.Locate(root, relative.Length == 0 ? "." : relative);
        if (place.IsInvalid)
        {
            return Failure();
        }

        if (!NativeFiles.StatOf(place).IsDirectory || !Holds(root, place))
        {
            return FileOutcome.NotFound;
        }

        var content = NativeFiles.OpenForReading(place);
        if (content.IsInvalid)
        {
            var failure = Failure();
            content.Dispose();
            return failure;
        }

        directory = content;
        return FileOutcome.Directory;
    }

    /// <summary>Whether it is a directory that may be searched.</summary>
    public FileOutcome Look()
    {
        using var root = NativeFiles.Locate(path);
        if (root.IsInvalid)
        {
            return Failure();
        }

        using var inside = NativeFiles.Locate(root, ".");
        return inside.IsInvalid ? Failure() : FileOutcome.Found;
    }

    /// <summary>Why the last call failed.</summary>
    /// <exception cref="IOException">Not because of the name: the disk, the file system.</exception>
    internal static FileOutcome Failure() => Marshal.GetLastPInvokeError() switch
    {
        NativeFiles.NoEntry or NativeFiles.NotADirectory or NativeFiles.NameTooLong or NativeFiles.TooManyLinks or NativeFiles.NoSuchDevice =>
            FileOutcome.NotFound,
        NativeFiles.AccessDenied or NativeFiles.NotPermitted => FileOutcome.Denied,
        NativeFiles.TooManyOpen or NativeFiles.TooManyOpenInSystem => FileOutcome.NotNow,
        var error => throw new IOException($"a file cannot be opened (errno {error})"),
    };

    /// <summary>Looks twice: a directory that is renamed between the two looks makes them disagree.</summary>
    private static bool Holds(SafeFileHandle root, SafeFileHandle place) => LiesIn(root, place) || LiesIn(root, place);

    private static bool LiesIn(SafeFileHandle root, SafeFileHandle place)
    {
        Span<byte> rootPath = stackalloc byte[MaxPath];
        Span<byte> filePath = stackalloc byte[MaxPath];
        var rootLength = NativeFiles.PathOf(root, rootPath);
        var fileLength = NativeFiles.PathOf(place, filePath);
        if (rootLength >= MaxPath || fileLength >= MaxPath)
        {
            return false;
        }

        var above = rootPath[..rootLength];
        var below = filePath[..fileLength];
        return below.StartsWith(above) && (above is [(byte)'/'] || below.Length == above.Length || below[above.Length] == '/');
    }
}

/// <summary>A regular file inside its root, found but not open.</summary>
/// <param name="place">Owned by this object.</param>
internal sealed class LocatedFile(SafeFileHandle place, FileIdentity identity) : IDisposable
{
    public FileIdentity Identity => identity;

    /// <summary>Opens it; its identity may be a newer one by then, see <see cref="NativeFiles.StatOf"/>.</summary>
    public FileOutcome Open(out SafeFileHandle? content)
    {
        content = NativeFiles.OpenForReading(place);
        if (!content.IsInvalid)
        {
            return FileOutcome.Found;
        }

        var failure = RootDirectory.Failure();
        content.Dispose();
        content = null;
        return failure;
    }

    public void Dispose() => place.Dispose();
}
