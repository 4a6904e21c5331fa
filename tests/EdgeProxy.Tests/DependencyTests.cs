using EdgeProxy.Slots;
using NetArchTest.Rules;

namespace EdgeProxy.Tests;

public sealed class DependencyTests
{
    /// <summary>The data plane does not know of units, switches, or the admin side.</summary>
    [Theory]
    [InlineData("EdgeProxy.Slots")]
    [InlineData("EdgeProxy.Proxying")]
    [InlineData("EdgeProxy.StaticFiles")]
    [InlineData("EdgeProxy.Compression")]
    public void The_data_plane_does_not_reference_the_control_plane(string dataPlane)
    {
        string[] controlPlane = ["EdgeProxy.Switching", "EdgeProxy.Units", "EdgeProxy.Admin", "EdgeProxy.State", "EdgeProxy.Cli", "EdgeProxy.Demo", "EdgeProxy.Configuration"];
        var types = Types.InAssembly(typeof(SlotPair).Assembly).That().ResideInNamespace(dataPlane);
        Assert.NotEmpty(types.GetTypes());

        var result = types.ShouldNot().HaveDependencyOnAny(controlPlane).GetResult();

        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }
}
