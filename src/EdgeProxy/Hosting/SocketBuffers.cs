using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Hosting;

/// <summary>What clients' sockets are read into and written from, in blocks of <see cref="BlockSize"/> where Kestrel's own pool has 4 KB: a fourth of the
/// system calls for an upload.</summary>
/// <remarks>
/// A connection holds blocks only while bytes are on their way (it waits for the first one without), so they cost no memory at rest; a client that sends half a
/// request keeps one until <c>Kestrel:Limits:RequestHeadersTimeout</c>, which is why they are no larger. Kestrel has one pool for each of its queues of sockets
/// (one a core, at most 16). docs/adr/0028 has figures.
/// </remarks>
internal sealed class SocketBuffers : IMemoryPoolFactory<byte>
{
    public const int BlockSize = 16 * 1024;

    /// <summary>Blocks that a pool keeps for later, 2 MB; more than that are left to the collector.</summary>
    public const int MostKept = 128;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Blocks();

    /// <summary>
    /// The block that came back last is given out first: it is the one that a core's cache still has. A pool in the order of return, as Kestrel's, goes through
    /// all of them; the runtime's shared one looks for a block where this thread, not another, left it, and makes new ones meanwhile.
    /// </summary>
    private sealed class Blocks : MemoryPool<byte>
    {
        /// <summary>Held for a few instructions, by a worker that has or returns a block; owned by this class alone.</summary>
        private readonly Lock _lock = new();
        private readonly Block[] _kept = new Block[MostKept];
        private int _count;

        public override int MaxBufferSize => Shared.MaxBufferSize;

        /// <param name="minBufferSize">The least number of bytes that will do; up to <see cref="BlockSize"/> it is a block.</param>
        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            if (minBufferSize > BlockSize)
            {
                return Shared.Rent(minBufferSize);
            }

            lock (_lock)
            {
                if (_count > 0)
                {
                    var block = _kept[--_count];
                    block.IsKept = false;
                    return block;
                }
            }

            return new Block(this);
        }

        protected override void Dispose(bool disposing)
        {
            // Blocks that are still out come back to a pool that nobody asks any more, and go with it.
        }

        private void Keep(Block block)
        {
            lock (_lock)
            {
                // Returned twice in a row it would be given to two connections, and one would read what the other sends.
                if (!block.IsKept && _count < MostKept)
                {
                    block.IsKept = true;
                    _kept[_count++] = block;
                }
            }
        }

        private sealed class Block(Blocks pool) : IMemoryOwner<byte>
        {
            /// <summary>Whether the pool has it. Read and written only under the pool's lock.</summary>
            public bool IsKept { get; set; }

            public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(BlockSize);

            public void Dispose() => pool.Keep(this);
        }
    }
}
