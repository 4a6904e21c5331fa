using System.Net;
using System.Security.Cryptography;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Files that are replaced, rewritten, removed or locked away while they are served.</summary>
public sealed class ChangingFileTests
{
    private static readonly TimeSpan _promised = TimeSpan.FromSeconds(1);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A clock that stands still, so far from the disk's that no file looks as if it were just being written.</summary>
    private static FakeTimeProvider StandingClock() => new(new DateTimeOffset(2050, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_small_file_is_served_from_memory_and_looked_at_within_the_second()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(time: clock);
        var path = site.Write("a.txt", "one");
        Assert.Equal((200, "one"), await site.ReadAsync("/static/a.txt"));

        File.Delete(path);
        Assert.Equal((200, "one"), await site.ReadAsync("/static/a.txt"));
        clock.Advance(_promised);
        Assert.Equal(404, (await site.ReadAsync("/static/a.txt")).Status);

        site.Write("a.txt", "two");
        Assert.Equal((200, "two"), await site.ReadAsync("/static/a.txt"));
    }

    [Fact]
    public async Task A_file_that_a_new_release_brings_takes_the_place_of_the_older_one_within_the_second()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(time: clock);
        await File.WriteAllTextAsync(Path.Combine(site.Older, "a.txt"), "older", Cancellation);
        Assert.Equal((200, "older"), await site.ReadAsync("/static/a.txt"));

        site.Write("a.txt", "newer");
        clock.Advance(_promised);

        Assert.Equal((200, "newer"), await site.ReadAsync("/static/a.txt"));
    }

    [Fact]
    public async Task A_file_that_becomes_a_link_out_of_the_root_is_no_longer_served()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(time: clock);
        var path = site.Write("a.txt", "public");
        Assert.Equal((200, "public"), await site.ReadAsync("/static/a.txt"));

        File.Move(path, Path.Combine(site.Outside, "a.txt"));
        File.CreateSymbolicLink(path, "../outside/a.txt");
        clock.Advance(_promised);

        Assert.Equal(404, (await site.ReadAsync("/static/a.txt")).Status);
    }

    /// <summary>The same size and the same time of modification, as <c>rsync --times</c> and <c>cp --preserve</c> leave it.</summary>
    [Fact]
    public async Task A_file_of_the_same_size_and_time_with_other_content_is_another_file()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(time: clock);
        var time = new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(site.Write("a.txt", "one"), time);
        using var first = await site.GetAsync("/static/a.txt");

        File.SetLastWriteTimeUtc(site.Write("b.tmp", "two"), time);
        File.Move(Path.Combine(site.Root, "b.tmp"), Path.Combine(site.Root, "a.txt"), overwrite: true);
        clock.Advance(_promised);

        using var second = await site.GetAsync("/static/a.txt", ("If-None-Match", first.Headers.ETag!.ToString()));
        Assert.Equal((HttpStatusCode.OK, "two"), (second.StatusCode, await second.Content.ReadAsStringAsync(Cancellation)));
    }

    /// <summary>The kernel's clock for files moves in steps: what was written this moment may be written again without looking different.</summary>
    [Fact]
    public async Task A_file_that_was_just_written_is_not_kept()
    {
        var clock = new FakeTimeProvider();
        await using var site = await StaticSite.StartAsync(time: clock);
        for (var i = 0; i < 50; i++)
        {
            // As if each request came at once, however busy the machine is.
            var written = File.GetLastWriteTimeUtc(site.Write("a.txt", $"{i:00}"));
            clock.SetUtcNow(written);
            Assert.Equal((200, $"{i:00}"), await site.ReadAsync("/static/a.txt"));
        }
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(StaticFileCache.LargestKept + 1)]
    [InlineData(3_000_000)]
    public async Task A_response_is_of_one_version_while_the_file_is_replaced_all_the_time(int size)
    {
        await using var site = await StaticSite.StartAsync();
        byte[] Version(int i) => [.. Enumerable.Repeat((byte)('a' + (i % 26)), size)];
        site.Write("a.bin", Version(0));
        using var stop = new CancellationTokenSource();
        var replace = Task.Run(
            () =>
            {
                for (var i = 1; !stop.IsCancellationRequested; i++)
                {
                    var temporary = site.Write("a.tmp", Version(i));
                    File.Move(temporary, Path.Combine(site.Root, "a.bin"), overwrite: true);
                }
            },
            Cancellation);

        for (var i = 0; i < 60; i++)
        {
            using var response = await site.GetAsync("/static/a.bin");
            // 503: replaced three times between a look and the opening. Honest, and rare.
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable)
            {
                var body = await response.Content.ReadAsByteArrayAsync(Cancellation);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(size, body.Length);
                Assert.Single(body.Distinct());
            }
        }

        await stop.CancelAsync();
        await replace;
    }

    /// <summary>A user who overwrites a file in place takes it out of the hands of its readers: they see a cut, never a mixture that looks
    /// whole.</summary>
    [Fact]
    public async Task A_large_file_that_is_overwritten_while_it_is_sent_is_cut()
    {
        await using var site = await StaticSite.StartAsync();
        var path = site.Write("a.bin", new byte[64 << 20]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/static/a.bin");
        using var response = await site.Proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        Assert.Equal(1, await body.ReadAsync(new byte[1], Cancellation).Within()); // the rest waits in the proxy: no socket buffers 64 MB

        await using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            writer.Seek(-1, SeekOrigin.End);
            writer.WriteByte(1);
        }

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Cancellation).Within());
    }

    /// <summary>A log, an export, a recording: what was there when the response began arrives whole, as its length was announced.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("bytes=1000-40000000")]
    public async Task A_large_file_that_is_appended_to_while_it_is_sent_arrives_as_it_was(string? range)
    {
        await using var site = await StaticSite.StartAsync();
        var content = RandomNumberGenerator.GetBytes(64 << 20);
        var path = site.Write("growing.log", content);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/static/growing.log");
        if (range is not null)
        {
            request.Headers.Add("Range", range);
        }

        using var response = await site.Proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        var received = new MemoryStream();
        received.WriteByte((byte)body.ReadByte()); // the rest waits in the proxy: no socket buffers that much
        await File.AppendAllTextAsync(path, "one more line\n", Cancellation);
        await body.CopyToAsync(received, Cancellation);

        var expected = range is null ? content : content[1000..40_000_001];
        Assert.True(expected.AsSpan().SequenceEqual(received.GetBuffer().AsSpan(0, (int)received.Length)), "other bytes, or fewer");
    }

    /// <summary>The kernel sets the time of a write before its size: who looks in between sees a file that was touched.</summary>
    [Fact]
    public async Task A_large_file_that_is_in_the_middle_of_an_append_when_its_end_is_sent_arrives()
    {
        using var directory = new TemporaryDirectory();
        var path = directory["growing.log"];
        await File.WriteAllTextAsync(path, "one line\n", Cancellation);
        var clock = new FakeTimeProvider();
        using var open = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var content = new SentContent(open, NativeFiles.StatOf(open).Identity, first: 0, clock);
        content.Append("one line\n"u8);
        File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddSeconds(1));

        var check = content.IsStillThereAsync(Cancellation).AsTask();
        Assert.False(check.IsCompleted);
        await File.AppendAllTextAsync(path, "one more line\n", Cancellation);
        clock.Advance(TimeSpan.FromMilliseconds(100));

        Assert.True(await check.Within());
    }

    /// <summary>Longer than before, but not the same bytes: a rewrite is no append.</summary>
    [Fact]
    public async Task A_large_file_that_is_rewritten_and_longer_while_it_is_sent_is_cut()
    {
        await using var site = await StaticSite.StartAsync();
        var path = site.Write("a.bin", new byte[64 << 20]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/static/a.bin");
        using var response = await site.Proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        Assert.Equal(1, await body.ReadAsync(new byte[1], Cancellation));

        await File.WriteAllBytesAsync(path, [.. Enumerable.Repeat((byte)1, 70 << 20)], Cancellation);

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Cancellation));
    }

    /// <summary>Never twice the same, it is served all the same, and always a beginning of what is there.</summary>
    [Theory]
    [InlineData(100)]
    [InlineData(StaticFileCache.LargestKept + 1)]
    public async Task A_file_that_is_appended_to_all_the_time_is_served(int size)
    {
        await using var site = await StaticSite.StartAsync();
        var path = site.Write("growing.log", new string('x', size));
        using var stop = new CancellationTokenSource();
        var write = Task.Run(
            () =>
            {
                using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                while (!stop.IsCancellationRequested && file.Length < 200_000_000)
                {
                    file.WriteByte((byte)'x');
                }
            },
            Cancellation);

        for (var i = 0; i < 50; i++)
        {
            var (status, body) = await site.ReadAsync("/static/growing.log");
            Assert.Equal(200, status);
            Assert.True(body.Length >= size && !body.AsSpan().ContainsAnyExcept('x'), $"{body.Length} characters");
        }

        await stop.CancelAsync();
        await write;
    }

    [Fact]
    public async Task A_large_file_that_is_shortened_while_it_is_sent_is_cut()
    {
        await using var site = await StaticSite.StartAsync();
        var path = site.Write("a.bin", new byte[64 << 20]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/static/a.bin");
        using var response = await site.Proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        Assert.Equal(1, await body.ReadAsync(new byte[1], Cancellation).Within());

        using (var writer = File.OpenWrite(path))
        {
            writer.SetLength(1000);
        }

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Cancellation).Within());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(StaticFileCache.LargestKept)]
    [InlineData(StaticFileCache.LargestKept + 1)]
    [InlineData(5_000_000)]
    public async Task Every_size_arrives_whole_and_in_part(int size)
    {
        await using var site = await StaticSite.StartAsync();
        var content = RandomNumberGenerator.GetBytes(size);
        site.Write("a.bin", content);

        using var whole = await site.GetAsync("/static/a.bin");
        Assert.Equal(content, await whole.Content.ReadAsByteArrayAsync(Cancellation));
        if (size > 1)
        {
            using var part = await site.GetAsync("/static/a.bin", ("Range", $"bytes=1-{size / 2}"));
            Assert.Equal(content[1..((size / 2) + 1)], await part.Content.ReadAsByteArrayAsync(Cancellation));
        }
    }

    /// <summary>However many names are asked for, and however they are written, the memory holds one copy of what is there, up to its size.</summary>
    [Fact]
    public async Task Memory_is_for_files_that_exist_and_bounded()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(options => options.Compression.CacheSize = "64KB", clock);
        for (var i = 0; i < 40; i++)
        {
            site.Write($"{i}.txt", new string('x', 10_000));
            Assert.Equal(200, (await site.ReadAsync($"/static/{i}.txt")).Status);
            Assert.Equal(404, (await site.ReadAsync($"/static/missing-{i}.txt")).Status);
        }

        Assert.InRange(site.Cache.Count, 1, 6);
    }

    [Fact]
    public async Task One_file_is_kept_once_however_its_path_is_written()
    {
        var clock = StandingClock();
        await using var site = await StaticSite.StartAsync(time: clock);
        site.Write("d/a.txt", "x");
        foreach (var path in new[] { "/static/d/a.txt", "/static//d/a.txt", "/static/d///a.txt", "/static/%64/a.txt", "/static/d/a.txt?v=2" })
        {
            Assert.Equal((200, "x"), await site.ReadAsync(path));
        }

        Assert.Equal(1, site.Cache.Count);
    }

    [Fact]
    public async Task Without_memory_everything_is_served_all_the_same()
    {
        await using var site = await StaticSite.StartAsync(options => options.Compression.CacheSize = "0B", StandingClock());
        site.Write("a.txt", "x");

        Assert.Equal((200, "x"), await site.ReadAsync("/static/a.txt"));
        Assert.Equal((200, "x"), await site.ReadAsync("/static/a.txt"));
        Assert.Equal(0, site.Cache.Count);
    }

    /// <summary>What was opened is closed, whether the file was served, kept, refused, missing or cut short.</summary>
    [Fact]
    public async Task No_file_stays_open()
    {
        await using var site = await StaticSite.StartAsync();
        site.Write("small.txt", "x");
        site.Write("large.bin", new byte[2_000_000]);
        Directory.CreateDirectory(Path.Combine(site.Root, "dir"));
        File.CreateSymbolicLink(Path.Combine(site.Root, "out"), site.Outside);
        foreach (var path in new[] { "small.txt", "large.bin", "missing.txt", "dir", "out", "out/x" })
        {
            await site.ReadAsync($"/static/{path}");
            await site.ReadAsync($"/static/{path}", ("If-None-Match", "*"));
            await site.ReadAsync($"/static/{path}", ("Range", "bytes=9999999-"));
        }

        using (var request = new HttpRequestMessage(HttpMethod.Get, "/static/large.bin"))
        {
            (await site.Proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation)).Dispose(); // leaves early
        }

        await Eventually.TrueAsync(() => !OpenFiles().Any(file => file.StartsWith(site.Root, StringComparison.Ordinal)), "no file of the root is open");
    }

    private static IEnumerable<string> OpenFiles() =>
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget ?? "");
}
