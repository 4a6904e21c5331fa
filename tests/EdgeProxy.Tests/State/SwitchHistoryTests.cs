using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.State;

public sealed class SwitchHistoryTests : IDisposable
{
    private readonly TemporaryDirectory _place = new();
    private readonly StateDirectory _directory;

    public SwitchHistoryTests() => _directory = StateDirectory.Open(_place.Path);

    private string FilePath => _place[SwitchHistory.FileName];

    [Fact]
    public void Switches_are_listed_newest_first_also_by_the_next_process()
    {
        var history = Open();
        history.Add(Ended(1));
        history.Add(Ended(2));

        Assert.Equal(["2", "1"], Ids(history));
        Assert.Equal(["2", "1"], Ids(Open()));
        var found = Open().Find("1")!;
        Assert.Equal((SwitchOutcome.Aborted, "why 1", SwitchPhase.Probe), (found.Outcome, found.Reason, found.Phases[0].Phase));
        Assert.Equal(["a line", "another"], found.UnitLog);
        Assert.Null(Open().Find("3"));
    }

    [Fact]
    public void The_last_hundred_are_kept_and_the_file_does_not_grow_for_ever()
    {
        var history = Open();
        for (var i = 1; i <= 450; i++)
        {
            history.Add(Ended(i));
            Assert.InRange(File.ReadLines(FilePath).Count(), 1, 2 * SwitchHistory.Capacity);
        }

        var expected = Enumerable.Range(351, 100).Reverse().Select(i => $"{i}");
        Assert.Equal(expected, Ids(history));
        Assert.Equal(expected, Ids(Open()));
    }

    [Fact]
    public void A_torn_last_line_costs_that_line_only()
    {
        var history = Open();
        history.Add(Ended(1));
        history.Add(Ended(2));
        var whole = File.ReadAllBytes(FilePath);
        var firstLine = Array.IndexOf(whole, (byte)'\n') + 1;
        for (var length = firstLine + 1; length < whole.Length - 1; length += 7)
        {
            File.WriteAllBytes(FilePath, whole[..length]);

            var next = Open();
            Assert.Equal(["1"], Ids(next));
            next.Add(Ended(3));
            Assert.Equal(["3", "1"], Ids(Open()));
        }
    }

    [Fact]
    public void A_last_line_without_its_end_is_not_continued_by_the_next()
    {
        Open().Add(Ended(1));
        File.WriteAllText(FilePath, File.ReadAllText(FilePath).TrimEnd('\n'));

        Open().Add(Ended(2));

        Assert.Equal(["2", "1"], Ids(Open()));
    }

    [Fact]
    public void Garbage_within_the_file_is_skipped()
    {
        Open().Add(Ended(1));
        File.AppendAllText(FilePath, "\0\0garbage\n{}\n");

        Assert.Equal(["1"], Ids(Open()));
    }

    [Fact]
    public void A_switch_that_cannot_be_written_is_remembered_and_written_with_the_next()
    {
        var history = Open();
        Directory.CreateDirectory(FilePath);
        history.Add(Ended(1));
        Assert.Equal(["1"], Ids(history));

        Directory.Delete(FilePath);
        history.Add(Ended(2));
        Assert.Equal(["2", "1"], Ids(Open()));
    }

    public void Dispose()
    {
        _directory.Dispose();
        _place.Dispose();
    }

    private static Switch Ended(int id) => new()
    {
        Id = $"{id}",
        From = SlotName.Blue,
        To = SlotName.Green,
        Outcome = SwitchOutcome.Aborted,
        Reason = $"why {id}",
        StartedAt = DateTimeOffset.UnixEpoch,
        Phases = [new() { Phase = SwitchPhase.Probe, StartedAt = DateTimeOffset.UnixEpoch }],
        UnitLog = ["a line", "another"],
    };

    private static IEnumerable<string> Ids(SwitchHistory history) => history.Recent.Select(ended => ended.Id);

    private SwitchHistory Open() => new(_directory, NullLogger<SwitchHistory>.Instance);
}
