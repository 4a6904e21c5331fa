using System.Net;
using EdgeProxy.Clients;

namespace EdgeProxy.Tests.Clients;

public sealed class TrustedProxiesTests
{
    [Theory]
    [InlineData("10.0.0.0/8", "10.255.0.1", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8::/32", "2001:db8:1::1", true)]
    [InlineData("2001:db8::1", "2001:db8::2", false)]
    [InlineData("::ffff:10.0.0.0/104", "10.1.2.3", true)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", true)]
    [InlineData("fe80::1%3", "fe80::1", true)]
    [InlineData("::/1", "10.0.0.1", false)]
    public void A_peer_is_trusted_whose_address_is_named(string entry, string peer, bool expected) =>
        Assert.Equal(expected, new TrustedProxies([entry]).Contains(IPAddress.Parse(peer)));

    [Fact]
    public void A_peer_without_an_address_is_trusted_only_where_that_is_named()
    {
        Assert.False(new TrustedProxies(["10.0.0.0/8", "::1"]).Contains(null));
        Assert.True(new TrustedProxies(["10.0.0.0/8", "unix:"]).Contains(null));
        Assert.False(new TrustedProxies(["unix:"]).Contains(IPAddress.Loopback));
    }
}
