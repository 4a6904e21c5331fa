using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching.Records;

/// <summary>The store that is built in: what each store promises, and what is the file's alone.</summary>
public sealed class ActiveSlotFileTests : IDisposable
{
    private static readonly ActiveSlot Blue = new() { Version = 1, Slot = SlotName.Blue, Since = new(2026, 1, 31, 23, 59, 59, TimeSpan.Zero) };
    private static readonly ActiveSlot Green = Blue with { Slot = SlotName.Green, Switch = "1a2b3c", Label = "a1b2c3", IdleLabel = "before" };

    private readonly TemporaryDirectory _place = new();
    private readonly StateDirectory _directory;
    private readonly ActiveSlotFile _file;

    public ActiveSlotFileTests()
    {
        _directory = StateDirectory.Open(_place["state"]);
        _file = new ActiveSlotFile(_directory);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Path => _place["state/active.json"];

    public void Dispose()
    {
        _directory.Dispose();
        _place.Dispose();
    }

    [Fact]
    public async Task It_is_read_as_it_was_written_also_by_the_next_process()
    {
        Assert.NotNull(await _file.TryReplaceAsync(null, Green));

        var read = await new ActiveSlotFile(_directory).ReadAsync(Cancellation);
        Assert.Equal((Green, null), (read.Value, read.Problem));
        Assert.NotNull(read.Revision);
        Assert.Equal(("a1b2c3", "before"), (read.Value!.LabelOf(SlotName.Green), read.Value.LabelOf(SlotName.Blue)));
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_no_problem() => Assert.Equal(default, await _file.ReadAsync(Cancellation));

    [Fact]
    public async Task Only_a_process_that_has_seen_the_last_revision_replaces_it()
    {
        var first = await _file.TryReplaceAsync(null, Blue);
        var second = await _file.TryReplaceAsync(first, Green);

        Assert.NotNull(second);
        Assert.NotEqual(first, second);
        Assert.Null(await _file.TryReplaceAsync(first, Blue));
        Assert.Null(await _file.TryReplaceAsync(null, Blue));
        Assert.Equal((Green, second), (await ReadValueAsync(), (await _file.ReadAsync(Cancellation)).Revision));
    }

    [Fact]
    public async Task A_watch_ends_with_the_next_revision_and_not_before()
    {
        var seen = await _file.TryReplaceAsync(null, Blue);
        var watch = _file.WaitForChangeAsync(seen, Cancellation);
        await _file.ReadAsync(Cancellation);
        Assert.False(watch.IsCompleted);

        var next = await _file.TryReplaceAsync(seen, Green);
        await watch.WaitAsync(TimeSpan.FromSeconds(10), Cancellation);

        Assert.True(_file.WaitForChangeAsync(seen, Cancellation).IsCompletedSuccessfully);
        Assert.False(_file.WaitForChangeAsync(next, Cancellation).IsCompleted);
    }

    [Fact]
    public async Task A_watch_ends_by_its_token()
    {
        using var source = new CancellationTokenSource();
        var watch = _file.WaitForChangeAsync(null, source.Token);
        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch.WaitAsync(TimeSpan.FromSeconds(10), Cancellation));
    }

    [Fact]
    public async Task A_write_that_fails_changes_neither_content_nor_revision()
    {
        var seen = await _file.TryReplaceAsync(null, Blue);
        var watch = _file.WaitForChangeAsync(seen, Cancellation);
        Directory.CreateDirectory(Path + ".new/in-the-way");

        await Assert.ThrowsAsync<StateException>(async () => await _file.TryReplaceAsync(seen, Green));

        Assert.False(watch.IsCompleted);
        Assert.Equal((Blue, seen), (await ReadValueAsync(), (await _file.ReadAsync(Cancellation)).Revision));
        Directory.Delete(Path + ".new", recursive: true);
        Assert.NotNull(await _file.TryReplaceAsync(seen, Green));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("null", "holds no value")]
    [InlineData("\0\0\0\0\0\0", "cannot be understood")]
    [InlineData("""{"slot":"green","since":"2026-01-31T23:59:59Z"}""", "cannot be understood")]
    [InlineData("""{"version":1,"slot":"red","since":"2026-01-31T23:59:59Z"}""", "a slot is")]
    [InlineData("""{"version":2,"slot":"green","since":"2026-01-31T23:59:59Z"}""", "has format 2, this version of EdgeProxy knows 1")]
    public async Task Garbage_and_other_formats_are_told_not_thrown(string content, string problem)
    {
        File.WriteAllText(Path, content);
        var record = new ActiveSlotRecord(_file);

        var read = await record.ReadAsync(Cancellation);

        Assert.Null(read.Value);
        Assert.Null(record.Current);
        Assert.Contains(problem, read.Problem, StringComparison.Ordinal);
        Assert.Contains("active.json", read.Problem, StringComparison.Ordinal);
        await record.WriteAsync(record.Current, Green); // and it is replaced
        Assert.Equal(Green, await ReadValueAsync());
    }

    /// <summary>However a file is torn: it is the whole value, or a problem; never another value, never an exception.</summary>
    [Fact]
    public async Task A_torn_file_never_passes_for_a_whole_one()
    {
        await _file.TryReplaceAsync(null, Green);
        var whole = File.ReadAllBytes(Path);
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Path, whole[..length]);
            var read = await new ActiveSlotFile(_directory).ReadAsync(Cancellation);
            Assert.Null(read.Value);
            Assert.NotNull(read.Problem);
        }
    }

    private async Task<ActiveSlot?> ReadValueAsync() => (await new ActiveSlotFile(_directory).ReadAsync(Cancellation)).Value;
}
