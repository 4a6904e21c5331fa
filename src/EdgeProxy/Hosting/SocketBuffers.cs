using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Hosting;

/// <summary>What visitors' sockets are read into and written from, in blocks of <see cref="BlockSize"/> where Kestrel's own pool has 4 KB: a fourth of the system calls for an upload.</summary>
/// <remarks>
/// A connection holds blocks only while bytes are on their way (it waits for the first one without), so they cost no memory at rest; whoever sends half a
/// request keeps one until <c>Kestrel:Limits:RequestHeadersTimeout</c>, which is why they are no larger. They come from the runtime's shared pool, which gives
/// back what it has not used for a while.
/// </remarks>
internal sealed class SocketBuffers : IMemoryPoolFactory<byte>
{
    public const int BlockSize = 16 * 1024;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Blocks();

    private sealed class Blocks : MemoryPool<byte>
    {
        public override int MaxBufferSize => Shared.MaxBufferSize;

        /// <summary>Whoever asks for less gets a block: the size that is asked for is the least that would do.</summary>
        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, BlockSize));

        protected override void Dispose(bool disposing)
        {
            // The shared pool outlives it.
        }
    }
}
