using System.Text;
using EdgeProxy.Proxying;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Proxying;

public sealed class EventBoundaryTests
{
    [Theory]
    [InlineData("data: 1\n\n", "data: 1\n\n")]
    [InlineData("data: 1\n\ndata: 2\n", "data: 1\n\n")]
    [InlineData("data: 1\r\n\r\ndata: 2\r\n", "data: 1\r\n\r\n")]
    [InlineData("data: 1\r\rdata", "data: 1\r\r")]
    [InlineData("data: 1\n\r\nx", "data: 1\n\r\n")]
    [InlineData("data: 1\r\ndata: 2\r\n", "")]
    [InlineData(": still here\n\n", ": still here\n\n")]
    public void An_event_ends_with_a_blank_line(string text, string whole) =>
        Assert.Equal(whole.Length, new EventBoundary(everyLine: false).All(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void A_line_of_json_is_whole_by_itself() =>
        Assert.Equal("{}\n{}\n".Length, new EventBoundary(everyLine: true).All("{}\n{}\n{"u8));

    /// <summary>The oracle: the text with one kind of line end, split at blank lines.</summary>
    [Property(MaxTest = 500)]
    public bool Any_split_gives_the_same_ends(byte[] picks, byte cut)
    {
        string[] alphabet = ["\n", "\r\n", "\r", "a", "data: 1"];
        var text = "a" + string.Concat(picks.Select(pick => alphabet[pick % alphabet.Length]));
        var bytes = Encoding.ASCII.GetBytes(text);
        var events = new EventBoundary(everyLine: false);
        var first = cut % (bytes.Length + 1);

        events.All(bytes.AsSpan(0, first));
        events.All(bytes.AsSpan(first));

        var lines = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        return events.IsBetween == lines.EndsWith("\n\n", StringComparison.Ordinal);
    }
}
