using System.Buffers;
using EdgeProxy.Platform;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>A file without a name that holds what does not fit into memory. One flow appends, one reads; both may be under way at a time.</summary>
/// <remarks>
/// .NET has no asynchronous file access on Linux: a thread of the pool waits for the disk. So a few may do so at a time (<see cref="SpoolStore.Disk"/>),
/// and a disk that stalls does not stop the proxy. Owned by the code that opened it; <see cref="Dispose"/> comes after the last append.
/// </remarks>
internal sealed class SpoolFile(SafeFileHandle handle, SpoolStore store) : IDisposable
{
    private long _length;
    private long _taken;
    private int _isDisposed;

    /// <summary>How much can be read.</summary>
    public long Length => Volatile.Read(ref _length);

    /// <summary>Appends all of it.</summary>
    /// <param name="count">Whether a lack of room is counted.</param>
    /// <returns>False: there is no room; nothing was appended.</returns>
    public async ValueTask<bool> TryAppendAsync(ReadOnlySequence<byte> bytes, bool count = true)
    {
        var more = Math.Max(0, _length + bytes.Length - _taken); // than it has had before it was cleared
        if (!store.DiskSpace.TryTake(more, held: Math.Max(1, _taken)))
        {
            if (count)
            {
                store.Count(SpoolFailure.Quota, "the quota (Upstream:Buffering:Disk) is reached");
            }

            return false;
        }

        _taken += more;
        await store.Disk.WaitAsync();
        try
        {
            if (bytes.IsSingleSegment)
            {
                await RandomAccess.WriteAsync(handle, bytes.First, _length);
            }
            else
            {
                await RandomAccess.WriteAsync(handle, SegmentsOf(bytes), _length);
            }
        }
        catch (Exception failure) when (failure is IOException or ArgumentOutOfRangeException)
        {
            if (count)
            {
                // What was written of it stays behind the end.
                store.Count(SpoolFailure.Disk, (failure is ArgumentOutOfRangeException tooLarge ? FileSizeLimit.Reached(tooLarge) : failure).Message);
            }

            return false;
        }
        finally
        {
            store.Disk.Release();
        }

        Volatile.Write(ref _length, _length + bytes.Length);
        return true;
    }

    /// <summary>Begins anew, in the same space. Called by the flow that appends, when nobody reads.</summary>
    public void Clear() => Volatile.Write(ref _length, 0);

    /// <param name="offset">Below <see cref="Length"/>.</param>
    /// <returns>At least one byte, where <paramref name="buffer"/> has room for it.</returns>
    /// <exception cref="IOException">The disk has failed.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset)
    {
        await store.Disk.WaitAsync();
        try
        {
            var count = await RandomAccess.ReadAsync(handle, buffer[..(int)Math.Min(buffer.Length, Length - offset)], offset);
            return count > 0 || buffer.IsEmpty ? count : throw new IOException("The file of a body is shorter than what was written to it.");
        }
        finally
        {
            store.Disk.Release();
        }
    }

    /// <summary>Frees the space. A read that is under way ends first.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            handle.Dispose();
            store.DiskSpace.Return(_taken);
        }
    }

    private static List<ReadOnlyMemory<byte>> SegmentsOf(ReadOnlySequence<byte> bytes)
    {
        var segments = new List<ReadOnlyMemory<byte>>();
        foreach (var segment in bytes)
        {
            segments.Add(segment);
        }

        return segments;
    }
}
