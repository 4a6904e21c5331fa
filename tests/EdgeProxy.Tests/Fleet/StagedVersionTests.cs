using EdgeProxy.Fleet;
using EdgeProxy.Slots;

namespace EdgeProxy.Tests.Fleet;

public sealed class StagedVersionTests
{
    [Theory]
    [InlineData("a1b2c3d", "a1b2c3d45e", true)] // a commit, abbreviated by two that ask for different lengths
    [InlineData("a1b2c3d45e", "a1b2c3d", true)]
    [InlineData("a1b2c3d", "a1b2c3e", false)]
    [InlineData("v1.2", "v1.2", true)]
    [InlineData("v1.2", "v1.2.1", false)] // another version
    [InlineData("2026", "20261", false)]
    [InlineData("a1b2c3d", null, false)]
    public void What_is_staged_is_the_version_that_is_wanted(string staged, string? wanted, bool isSo)
    {
        var version = new StagedVersion(SlotName.Green, staged);

        Assert.Equal(isSo, version.WhyNot(SlotName.Green, wanted) is null);
        Assert.Null(version.WhyNot(SlotName.Blue, wanted)); // nothing is known of the other slot
    }
}
