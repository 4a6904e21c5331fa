using System.Net;
using EdgeProxy.Clients;

namespace EdgeProxy.Tests.Clients;

public sealed class ClientKeyTests
{
    [Theory]
    [InlineData("203.0.113.7", "203.0.113.7", true)]
    [InlineData("203.0.113.7", "203.0.113.8", false)]
    [InlineData("203.0.113.7", "::ffff:203.0.113.7", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::1", "0.0.0.1", false)]
    [InlineData("::1", "::2", true)]
    [InlineData("fe80::1%1", "fe80::1%2", true)]
    public void An_address_or_a_network_of_64_bits_is_one_client(string one, string other, bool isSame) =>
        Assert.Equal(isSame, ClientKey.Of(IPAddress.Parse(one)) == ClientKey.Of(IPAddress.Parse(other)));

    [Fact]
    public void A_client_that_has_no_address_is_no_client() => Assert.Null(ClientKey.Of(null));
}
