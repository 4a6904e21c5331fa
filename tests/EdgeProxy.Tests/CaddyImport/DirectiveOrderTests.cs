using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>The order that Caddy 2.6.2 gives to directives of one name. A number is the length of a single path, <c>m</c> any other matcher, <c>-</c>
/// none.</summary>
public sealed class DirectiveOrderTests
{
    [Theory]
    [InlineData("4 7", "7 4")]
    [InlineData("- 4 m", "4 m -")]
    [InlineData("m 4", "m 4")]
    [InlineData("4 m", "4 m")]
    [InlineData("4 m 7", "4 m 7")] // neither is compared with its neighbour by length
    [InlineData("m 4 7", "m 7 4")]
    [InlineData("4 - m 7", "4 m 7 -")]
    [InlineData("4a 4b", "4a 4b")]
    public void Of_one_name(string written, string sorted)
    {
        var words = DirectiveOrder.Sort(written.Split(' '), _ => 0, WeightOf, out var isSure);

        Assert.Equal(sorted, string.Join(' ', words));
        Assert.True(isSure);
    }

    [Fact]
    public void What_cannot_be_told_is_said()
    {
        string[] contradicting = [.. Enumerable.Repeat("m", 19), "4", "m", "7"];

        DirectiveOrder.Sort(contradicting, _ => 0, WeightOf, out var isSure);
        Assert.False(isSure);

        DirectiveOrder.Sort([.. Enumerable.Repeat("m", 30), "4", "-"], _ => 0, WeightOf, out isSure);
        Assert.True(isSure);
    }

    private static int WeightOf(string word) => word[0] switch { '-' => DirectiveOrder.NoMatcher, 'm' => 1, var digit => 1 + (digit - '0') };
}
