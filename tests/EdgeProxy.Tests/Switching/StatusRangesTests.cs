using EdgeProxy.Switching;

namespace EdgeProxy.Tests.Switching;

public sealed class StatusRangesTests
{
    [Theory]
    [InlineData("200-299", 200, true)]
    [InlineData("200-299", 299, true)]
    [InlineData("200-299", 199, false)]
    [InlineData("200-299", 300, false)]
    [InlineData(" 200 - 204 , 304 ", 304, true)]
    [InlineData("200-204,304", 303, false)]
    [InlineData("100-599", 599, true)]
    public void A_status_is_expected_when_a_code_or_a_range_names_it(string text, int status, bool expected)
    {
        Assert.True(StatusRanges.TryParse(text, out var ranges));
        Assert.Equal(expected, ranges.Contains(status));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("200,")]
    [InlineData("2xx")]
    [InlineData("299-200")]
    [InlineData("99")]
    [InlineData("600")]
    [InlineData("200-")]
    [InlineData("-200")]
    [InlineData("200-204-299")]
    [InlineData("+200")]
    public void Anything_else_is_refused(string? text) => Assert.False(StatusRanges.TryParse(text, out _));

    [Fact]
    public void It_is_written_as_it_is_read()
    {
        Assert.True(StatusRanges.TryParse("200-299, 304-304", out var ranges));
        Assert.Equal("200-299,304", ranges.ToString());
    }
}
