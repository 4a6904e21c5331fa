using System.Buffers;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>What has been read of an open file for one response, so that at its end one can tell whether all of it is of one version.</summary>
/// <remarks>
/// A file whose size and time have not changed is as it was. One that has changed may have been appended to (a log, an export, a recording), which
/// leaves the bytes that are sent as they were, or overwritten, which does not: where it is longer than before, the same bytes are read once more and compared.
/// </remarks>
/// <param name="open">The file.</param>
/// <param name="identity">Its state when the response began.</param>
/// <param name="first">Where the first byte of the response lies.</param>
/// <param name="time">For the moment that an append takes.</param>
internal sealed class SentContent(SafeFileHandle open, FileIdentity identity, long first, TimeProvider time)
{
    /// <summary>The kernel sets the time of a write before it, and the size after it: an append looks like an overwriting in between.</summary>
    private static readonly TimeSpan _append = TimeSpan.FromMilliseconds(100);

    private const int ChunkSize = 64 * 1024;

    private readonly XxHash3 _hash = new();
    private long _count;

    /// <summary>Takes in what was read, in order.</summary>
    public void Append(ReadOnlySpan<byte> content)
    {
        _hash.Append(content);
        _count += content.Length;
    }

    /// <summary>Whether the file still holds all of it.</summary>
    public async ValueTask<bool> IsStillThereAsync(CancellationToken cancellationToken)
    {
        var now = NativeFiles.StatOf(open).Identity;
        if (now.Size == identity.Size && !now.HasContentOf(identity))
        {
            await Task.Delay(_append, time, cancellationToken);
            now = NativeFiles.StatOf(open).Identity;
        }

        return now.HasContentOf(identity) || (now.Size > identity.Size && await HashAsync(cancellationToken) == _hash.GetCurrentHashAsUInt64());
    }

    /// <returns>Of the same range as the file has it now; of less where it ends earlier.</returns>
    private async ValueTask<ulong> HashAsync(CancellationToken cancellationToken)
    {
        var hash = new XxHash3();
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (var read = 0L; read < _count;)
            {
                var count = await RandomAccess.ReadAsync(open, buffer.AsMemory(0, (int)Math.Min(_count - read, ChunkSize)), first + read, cancellationToken);
                if (count == 0)
                {
                    break;
                }

                hash.Append(buffer.AsSpan(0, count));
                read += count;
            }

            return hash.GetCurrentHashAsUInt64();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
