using System.Buffers;
using System.Diagnostics;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Proxying.Spooling;

/// <summary>Files without names, on real file systems: what they hold, what they leave, and how they fail.</summary>
public sealed class SpoolFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_written_is_read_and_no_name_is_left(bool isFallback)
    {
        var store = Store();
        using var file = isFallback ? new SpoolFile(UnlinkedFile.CreateAndUnlink(_directory.Path), store) : store.TryOpen()!;
        var random = new Random(7);
        var written = new byte[1_000_000];
        random.NextBytes(written);
        for (var at = 0; at < written.Length;)
        {
            var count = Math.Min(random.Next(1, 70_000), written.Length - at);
            Assert.True(await file.TryAppendAsync(Pieces(written.AsMemory(at, count), random)));
            at += count;
        }

        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
        Assert.Equal(written.Length, store.DiskSpace.Used);
        var read = new byte[written.Length];
        for (var at = 0; at < read.Length;)
        {
            at += await file.ReadAsync(read.AsMemory(at, Math.Min(random.Next(1, 70_000), read.Length - at)), at);
        }

        Assert.Equal(written, read);
        file.Dispose();
        Assert.Equal(0, store.DiskSpace.Used);
    }

    /// <summary>A process that was killed between creating a file and taking its name away: a later one removes it, empty as it is, but nothing of one that
    /// may be between the two now.</summary>
    [Fact]
    public void A_name_that_a_killed_process_left_is_removed_when_it_is_old()
    {
        var (left, fresh, foreign) = (_directory["edgeproxy-spool-0123"], _directory["edgeproxy-spool-4567"], _directory["somebody-elses"]);
        foreach (var file in new[] { left, fresh, foreign })
        {
            File.WriteAllText(file, "");
        }

        File.SetLastWriteTimeUtc(left, TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-2));
        File.SetLastWriteTimeUtc(foreign, TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-2));

        UnlinkedFile.CreateAndUnlink(_directory.Path).Dispose();

        Assert.Equal([fresh, foreign], Directory.GetFileSystemEntries(_directory.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Beyond_the_quota_nothing_is_written()
    {
        var store = Store(disk: "100KB");
        using var file = store.TryOpen()!;

        Assert.True(await file.TryAppendAsync(Zeros(40 << 10)));
        Assert.False(await file.TryAppendAsync(Zeros(40 << 10)));

        Assert.Equal((40 << 10, 1), (file.Length, store.Failures(SpoolFailure.Quota)));
    }

    /// <summary>Nobody takes all: each body gets no more than it leaves free.</summary>
    [Fact]
    public void One_body_leaves_room_for_others()
    {
        var budget = new SpoolBudget(100);

        Assert.True(budget.TryTake(49, held: 1));
        Assert.False(budget.TryTake(1, held: 50));
        Assert.True(budget.TryTake(24, held: 1));
        Assert.False(budget.TryTake(28));
        Assert.True(budget.TryTake(27));
        Assert.False(budget.TryTake(1));
        budget.Return(100);
        Assert.Equal(0, budget.Used);
    }

    [Fact]
    public async Task A_full_disk_is_counted_and_what_was_written_before_is_still_there()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may mount");
        using var mount = Process.Start("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", _directory.Path])!;
        await mount.WaitForExitAsync(Cancellation).Within();
        Assert.Equal(0, mount.ExitCode);
        try
        {
            var store = Store();
            using (var file = store.TryOpen()!)
            {
                var bytes = Enumerable.Range(0, 64 << 10).Select(i => (byte)i).ToArray();
                Assert.True(await file.TryAppendAsync(new ReadOnlySequence<byte>(bytes)));
                Assert.False(await file.TryAppendAsync(Zeros(1 << 20)));

                Assert.Equal((bytes.Length, 1), (file.Length, store.Failures(SpoolFailure.Disk)));
                var read = new byte[bytes.Length];
                Assert.Equal(bytes.Length, await file.ReadAsync(read, 0));
                Assert.Equal(bytes, read);
            }

            Assert.Equal(0, store.DiskSpace.Used);
        }
        finally
        {
            using var unmount = Process.Start("umount", [_directory.Path])!;
            await unmount.WaitForExitAsync(CancellationToken.None).Within();
        }
    }

    [Fact]
    public void A_missing_directory_is_counted()
    {
        var store = Store(directory: Path.Combine(_directory.Path, "missing"));

        Assert.Null(store.TryOpen());
        Assert.Null(store.TryOpen());

        Assert.Equal(2, store.Failures(SpoolFailure.Disk));
    }

    private static ReadOnlySequence<byte> Zeros(int count) => new(new byte[count]);

    private static ReadOnlySequence<byte> Pieces(ReadOnlyMemory<byte> bytes, Random random)
    {
        var first = new Piece(bytes[..random.Next(0, bytes.Length)], null);
        var second = new Piece(bytes[first.Memory.Length..], first);
        return new ReadOnlySequence<byte>(first, 0, second, second.Memory.Length);
    }

    private SpoolStore Store(string? directory = null, string disk = "1GB") =>
        new(new BufferingOptions { Directory = directory ?? _directory.Path, Disk = disk }, TimeProvider.System, NullLogger<SpoolStore>.Instance);

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> bytes, Piece? before)
        {
            Memory = bytes;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
