using EdgeProxy.Common;

namespace EdgeProxy.Tests.Cli;

public sealed class DurationTests
{
    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("0.5s", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("2m", 120)]
    [InlineData("1h", 3600)]
    [InlineData("7d", 7 * 86_400)]
    [InlineData("1.5d", 129_600)]
    [InlineData("7.00:00:00", 7 * 86_400)]
    [InlineData("00:00:30", 30)]
    [InlineData("00:00:00.250", 0.25)]
    public void A_duration_is_read(string text, double seconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("-1s")]
    [InlineData("-00:00:01")]
    [InlineData("1w")]
    [InlineData("366d")]
    [InlineData("366.00:00:00")]
    [InlineData("d")]
    [InlineData("s")]
    [InlineData("1e9h")]
    [InlineData("NaNs")]
    public void Anything_else_is_not(string text) => Assert.False(Duration.TryParse(text, out _));
}
