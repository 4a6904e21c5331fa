using System.Runtime.ExceptionServices;
using EdgeProxy.Http;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Proxying.Spooling;

/// <summary>Order, room and the end of the queue between an app and a slow client.</summary>
public sealed class SpoolQueueTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    /// <summary>The reader is now ahead, now behind: bytes pass through memory, the file, the file anew, and the place behind it.</summary>
    [Theory]
    [InlineData("64MB", "1GB")]
    [InlineData("0B", "1GB")]
    [InlineData("64MB", "0B")]
    [InlineData("0B", "0B")]
    [InlineData("100KB", "300KB")]
    public async Task Bytes_come_out_as_they_went_in(string memory, string disk)
    {
        var store = Store(memory, disk);
        var random = new Random(11);
        var bytes = new byte[5_000_000];
        random.NextBytes(bytes);
        using (var queue = new SpoolQueue(store, 64 * 1024, new SpooledBodies()))
        {
            var filling = FillAsync(queue, new Source(bytes, random.Next()));
            using var read = new MemoryStream();
            var buffer = new byte[100_000];
            for (var count = 1; count > 0;)
            {
                if (random.Next(3) == 0)
                {
                    await Task.Yield();
                }

                Assert.Equal(0, await queue.ReadAsync(Memory<byte>.Empty, Cancellation).AsTask().Within());
                count = await queue.ReadAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)), Cancellation).AsTask().Within();
                read.Write(buffer, 0, count);
            }

            await filling.Within();
            Assert.True(bytes.AsSpan().SequenceEqual(read.ToArray()));
        }

        Assert.Equal((0, 0), (store.Memory.Used, store.DiskSpace.Used));
    }

    [Fact]
    public async Task What_came_before_a_failure_is_read_before_it()
    {
        using var queue = new SpoolQueue(Store("64MB", "1GB"), 64 * 1024, new SpooledBodies());
        await queue.FillAsync(new Source(new byte[300_000], 1), Cancellation).Within();
        queue.Complete(ExceptionDispatchInfo.Capture(new IOException("the app is gone")));

        var read = 0;
        while (read < 300_000)
        {
            read += await queue.ReadAsync(new byte[64_000], Cancellation);
        }

        Assert.Equal(300_000, read);
        await Assert.ThrowsAsync<IOException>(() => queue.ReadAsync(new byte[1], Cancellation).AsTask());
    }

    /// <summary>What is not read is freed, also what there was no room for.</summary>
    [Fact]
    public async Task A_queue_that_nobody_reads_any_more_frees_its_room()
    {
        var store = Store("64MB", "200KB");
        using var over = new CancellationTokenSource();
        var queue = new SpoolQueue(store, 64 * 1024, new SpooledBodies());
        var filling = queue.FillAsync(new Source(new byte[1_000_000], 1), over.Token);
        await Eventually.TrueAsync(() => store.Failures(SpoolFailure.Quota) == 1, "there is no room any more");
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => filling.Within());
        queue.Dispose();

        Assert.Equal((0, 0), (store.Memory.Used, store.DiskSpace.Used));
    }

    private static async Task FillAsync(SpoolQueue queue, Stream source)
    {
        await queue.FillAsync(source, Cancellation);
        queue.Complete(null);
    }

    private SpoolStore Store(string memory, string disk) =>
        new(new BufferingOptions { Directory = _directory.Path, Memory = memory, Disk = disk }, TimeProvider.System, NullLogger<SpoolStore>.Instance);

    /// <summary>Bytes in pieces of any size, at once or later.</summary>
    private sealed class Source(byte[] bytes, int seed) : AsyncStream
    {
        private readonly Random _random = new(seed);
        private int _position;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_random.Next(3) == 0)
            {
                await Task.Yield();
            }

            var count = Math.Min(Math.Min(_random.Next(1, 80_000), buffer.Length), bytes.Length - _position);
            bytes.AsSpan(_position, count).CopyTo(buffer.Span);
            _position += count;
            return count;
        }
    }
}
