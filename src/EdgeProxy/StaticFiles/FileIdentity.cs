using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace EdgeProxy.StaticFiles;

/// <summary>One state of one file: while it is the same, the bytes are the same.</summary>
/// <param name="Device">The file system.</param>
/// <param name="Inode">Differs when a file was replaced by renaming another one onto it.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Modified">Nanoseconds since 1970 (mtime). Tools set it at will, e.g. <c>rsync -t</c>.</param>
/// <param name="Changed">Nanoseconds since 1970 (ctime). The kernel sets it whenever content, name or mode changes.</param>
internal readonly record struct FileIdentity(ulong Device, ulong Inode, long Size, long Modified, long Changed)
{
    private const long NanosecondsPerTick = 100;

    /// <summary>The kernel stamps files with a clock that advances every 1 to 10 ms; two writes within one step look the same.</summary>
    private static readonly TimeSpan _clockStep = TimeSpan.FromMilliseconds(100);

    public DateTimeOffset LastModified => DateTimeOffset.UnixEpoch.AddTicks(Modified / NanosecondsPerTick);

    /// <summary>16 hexadecimal digits that differ where the content does, and tell nothing about the server. Not of <see cref="Changed"/>: a chmod is no new
    /// content.</summary>
    public string Tag
    {
        get
        {
            ReadOnlySpan<ulong> content = [Device, Inode, (ulong)Size, (ulong)Modified];
            return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(content)).ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Whether a file that is held open was not written meanwhile. It may have lost its name to another one, which is a change too, but none of the
    /// content.</summary>
    public bool HasContentOf(FileIdentity earlier) => Size == earlier.Size && Modified == earlier.Modified;

    /// <summary>It was written so recently that it may be written again without looking different.</summary>
    public bool MayChangeUnseen(DateTimeOffset now) => (now - DateTimeOffset.UnixEpoch.AddTicks(Changed / NanosecondsPerTick)).Duration() < _clockStep;
}
