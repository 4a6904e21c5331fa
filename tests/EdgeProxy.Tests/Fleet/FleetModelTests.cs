namespace EdgeProxy.Tests.Fleet;

/// <summary>No interleaving of the protocol breaks a promise; and each rule is needed, or the model would not notice.</summary>
public sealed class FleetModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_interleaving_with_a_fault_breaks_a_promise(bool isHeld)
    {
        var model = new FleetModel(switches: 1, faults: 1, isHeld, without: null);
        Assert.Null(model.Explore());
        Assert.True(model.Count > 5000, $"{model.Count} states");
    }

    /// <summary>The commit compares the votes; votes go with the lease; a start touches nothing before it has settled; a journalled switch keeps a node without
    /// etcd from being ready, and so does doubt; who was away flips to what runs; nobody flips before the commit, or stops what may be needed.</summary>
    [Theory]
    [InlineData("votes")]
    [InlineData("lease")]
    [InlineData("settle")]
    [InlineData("journal")]
    [InlineData("doubt")]
    [InlineData("adopt")]
    [InlineData("early")]
    [InlineData("stop")]
    public void A_protocol_without_one_of_its_rules_breaks_a_promise(string rule) =>
        Assert.NotNull(new FleetModel(switches: 1, faults: 2, isHeld: false, without: rule).Explore());
}
