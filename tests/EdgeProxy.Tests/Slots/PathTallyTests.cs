using EdgeProxy.Slots;

namespace EdgeProxy.Tests.Slots;

public sealed class PathTallyTests
{
    [Theory]
    [InlineData("/orders/123/lines", "/orders/*/lines")]
    [InlineData("/v1/items/", "/*/items/")]
    [InlineData("/", "/")]
    [InlineData("/x%y/a b", "/x%25y/a%20b")]
    [InlineData("/caf\u00e9/\u001b[2J", "/caf%C3%A9/*")]
    [InlineData("/a\u001b]x\a\n/\u202eb", "/a%1B%5Dx%07%0A/%E2%80%AEb")]
    [InlineData("*", "%2A")]
    public void Ids_are_one_path_and_nothing_is_in_it_that_a_terminal_would_obey(string path, string pattern) =>
        Assert.Equal(pattern, PathTally.PatternOf(path));

    [Fact]
    public void The_worst_three_come_first_errors_and_slow_ones_apart()
    {
        var slot = NewSlot();
        slot.Tally = new PathTally(TimeSpan.FromMilliseconds(100));
        Record("/a", 3, isError: true);
        Record("/b", 5, isError: true);
        Record("/c", 1, isError: true);
        Record("/d", 4, isError: true);
        Record("/slow", 2, isError: false, milliseconds: 101);
        Record("/fast", 9, isError: false, milliseconds: 100);

        Assert.Equal([("/b", 5L), ("/d", 4L), ("/a", 3L)], slot.Tally!.Worst(errors: true));
        Assert.Equal([("/slow", 2L)], slot.Tally.Worst(errors: false));

        void Record(string path, int times, bool isError, int milliseconds = 1)
        {
            for (var i = 0; i < times; i++)
            {
                slot.Record(isError, TimeSpan.FromMilliseconds(milliseconds), path);
            }
        }
    }

    /// <summary>Paths are what clients write: neither their number nor their length is theirs to choose.</summary>
    [Fact]
    public void A_flood_of_paths_takes_no_room()
    {
        var tally = new PathTally(TimeSpan.Zero);
        tally.Add("/real", isError: true);
        for (var i = 0; i < 10_000; i++)
        {
            tally.Add("/" + new string((char)('a' + (i % 26)), 1 + (i / 26)), isError: true);
        }

        tally.Add("/real", isError: true);
        var worst = tally.Worst(errors: true);
        Assert.Equal(PathTally.Others, worst[0].Path);
        Assert.All(worst, path => Assert.InRange(path.Path.Length, 1, 110));
        Assert.InRange(worst[0].Requests, 9000, 10_000);
    }

    private static Slot NewSlot() =>
        new SlotPair(new() { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } }, SlotName.Blue)[SlotName.Blue];
}
