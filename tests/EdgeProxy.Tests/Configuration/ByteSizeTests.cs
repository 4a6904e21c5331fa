using EdgeProxy.Configuration;

namespace EdgeProxy.Tests.Configuration;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("64MB", 64L << 20)]
    [InlineData("1 gb", 1L << 30)]
    [InlineData("512B", 512)]
    [InlineData("0KB", 0)]
    public void Sizes_have_units(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("64")]
    [InlineData("MB")]
    [InlineData("-1MB")]
    [InlineData("1.5MB")]
    [InlineData("9999999999999GB")]
    public void Anything_else_is_refused(string? text) => Assert.False(ByteSize.TryParse(text, out _));
}
