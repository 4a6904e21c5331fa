using EdgeProxy.Configuration;

namespace EdgeProxy.Tests.Configuration;

public sealed class NearestKeyTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("", "abc", 3)]
    [InlineData("Observe", "observe", 0)]
    [InlineData("Obsreve", "Observe", 1)]
    [InlineData("kitten", "sitting", 3)]
    public void The_distance_counts_inserts_deletes_replacements_and_swaps(string a, string b, int distance)
    {
        Assert.Equal(distance, NearestKey.Distance(a, b));
        Assert.Equal(distance, NearestKey.Distance(b, a));
    }

    [Fact]
    public void A_key_that_resembles_nothing_has_no_nearest() =>
        Assert.Null(NearestKey.Find("Frobnicate", ["Path", "Host", "Attempts"]));
}
