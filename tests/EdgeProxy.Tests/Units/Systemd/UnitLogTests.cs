using EdgeProxy.Tests.Support;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>Which entries are the lines of a run, and when they are read again. What the journal itself does is in <see cref="JournaldReaderTests"/>.</summary>
public sealed class UnitLogTests
{
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_lines_of_the_run_are_those_with_its_id_oldest_first() => Assert.Equal(
        ["first", "second", "Main process exited"],
        await ReadAsync("b", 0, 9, ByUnit("of an earlier run", "a"), ByUnit("first", "b"), ByUnit("second", "b"), BySystemd("Main process exited", "b")));

    [Fact]
    public async Task Of_a_unit_that_systemd_has_forgotten_the_newest_run_is_read() => Assert.Equal(
        ["new"], await ReadAsync(null, 0, 9, ByUnit("old", "a"), ByUnit("new", "b")));

    [Fact]
    public async Task A_line_without_a_run_belongs_to_the_run_before_it() => Assert.Equal(
        ["first", "lost", "last"],
        await ReadAsync("a", 0, 9, ByUnit("first", "a"), ByUnit("lost", null), ByUnit("last", "a"), ByUnit("later", "b"), ByUnit("lost later", null)));

    /// <summary>Nothing says which start it means.</summary>
    [Fact]
    public async Task What_systemd_says_without_a_run_is_left_out() => Assert.Equal(
        ["first"], await ReadAsync("a", 0, 9, ByUnit("first", "a"), BySystemd("Scheduled restart job", null)));

    [Theory]
    [InlineData(0, "three")]
    [InlineData(1, "two", "three")]
    [InlineData(2, "one", "two", "three")]
    [InlineData(9, "one", "two", "three")]
    public async Task Each_automatic_restart_adds_the_run_before(int restarts, params string[] expected) => Assert.Equal(
        expected, await ReadAsync("c", restarts, 9, ByUnit("one", "a"), ByUnit("two", "b"), ByUnit("three", "c")));

    [Fact]
    public async Task Of_many_lines_the_last_are_kept_also_of_one_message() => Assert.Equal(
        ["  at line 2", "ValueError"], await ReadAsync("a", 0, 2, ByUnit("begin", "a"), ByUnit("Traceback\n  at line 2\nValueError", "a")));

    [Fact]
    public async Task A_run_that_is_too_far_back_is_not_looked_for_without_end() => Assert.Equal(
        ["(the journal has no line of app.service)"],
        await ReadAsync("a", 0, 9, [ByUnit("asked for", "a"), .. Enumerable.Range(0, 2000).Select(i => ByUnit($"{i}", "b"))]));

    [Fact]
    public async Task A_journal_that_cannot_be_read_is_a_line_that_says_why() => Assert.Equal(
        ["(the journal of app.service cannot be read: no permission)"],
        await ReadAsync(() => throw new IOException("no permission")));

    [Fact]
    public async Task It_is_read_again_until_nothing_new_has_come()
    {
        var reads = 0;
        var lines = await ReadAsync(() => Enumerable.Range(0, Math.Min(++reads, 2)).Select(i => ByUnit($"line {i}", "a")).Reverse());

        Assert.Equal(["line 0", "line 1"], lines);
        Assert.Equal(3, reads);
    }

    [Fact]
    public async Task A_unit_that_never_stops_writing_is_read_four_times()
    {
        var reads = 0;
        await ReadAsync(() => [ByUnit($"line {++reads}", "a")]);

        Assert.Equal(4, reads);
    }

    private static UnitLogEntry ByUnit(string message, string? run) => new(message, run, IsFromUnit: true);

    private static UnitLogEntry BySystemd(string message, string? run) => new(message, run, IsFromUnit: false);

    private Task<IReadOnlyList<string>> ReadAsync(string? run, int restarts, int maxLines, params UnitLogEntry[] oldestFirst) =>
        ReadAsync(() => Enumerable.Reverse(oldestFirst), run, restarts, maxLines);

    private async Task<IReadOnlyList<string>> ReadAsync(Func<IEnumerable<UnitLogEntry>> readBackwards, string? run = null, int restarts = 0, int maxLines = 9)
    {
        var reading = new UnitLog(readBackwards, "app.service", _time).ReadAsync(run, restarts, maxLines, Cancellation);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(50));
                return reading.IsCompleted;
            },
            "it has been read");
        return await reading;
    }
}
