using EdgeProxy.Configuration;
using EdgeProxy.Fleet;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Fleet;

/// <summary>A node stays the same one of the same fleet in a reload, also a proxy that is in none.</summary>
public sealed class FleetIdentityTests
{
    [Theory]
    [InlineData(null, null, null)]
    [InlineData("EdgeProxy:Fleet:Name=shop", "EdgeProxy:Fleet:Name=shop", null)]
    [InlineData("EdgeProxy:Fleet:Name=shop", "EdgeProxy:Fleet:Name=blog", "EdgeProxy:Fleet:Name")]
    [InlineData("EdgeProxy:Fleet:Name=shop", null, "EdgeProxy:Fleet:Name")]
    [InlineData(null, "EdgeProxy:Fleet:Name=shop", "EdgeProxy:Fleet:Name")]
    [InlineData("EdgeProxy:Fleet:Node=a", "EdgeProxy:Fleet:Node=b", "EdgeProxy:Fleet:Node")]
    [InlineData("EdgeProxy:Fleet:LostAfter=00:00:10", "EdgeProxy:Fleet:LostAfter=00:00:20", null)]
    public void A_reload_is_refused_that_would_make_it_another(string? running, string? next, string? named)
    {
        using var services = new ServiceCollection().AddFleet(null).BuildServiceProvider();
        var check = Assert.Single(services.GetServices<IReloadCheck>());

        var refusal = check.Check(Settings(running), Settings(next));

        Assert.Equal(named is not null, refusal is not null);
        Assert.StartsWith($"{named}{(named is null ? "" : " has changed: ")}", refusal?.Why ?? "", StringComparison.Ordinal);
    }

    private static IConfigurationRoot Settings(string? setting) => new ConfigurationBuilder()
        .AddInMemoryCollection(setting?.Split('=') is [var key, var value] ? [new(key, value)] : [])
        .Build();
}
