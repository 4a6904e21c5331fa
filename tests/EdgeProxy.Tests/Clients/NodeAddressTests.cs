using System.Net;
using EdgeProxy.Clients;

namespace EdgeProxy.Tests.Clients;

public sealed class NodeAddressTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", 0)]
    [InlineData("192.0.2.1:4711", "192.0.2.1", 4711)]
    [InlineData("2001:db8::1", "2001:db8::1", 0)]
    [InlineData("2001:DB8:0::1", "2001:db8::1", 0)]
    [InlineData("[2001:db8::1]", "2001:db8::1", 0)]
    [InlineData("[2001:db8::1]:4711", "2001:db8::1", 4711)]
    [InlineData("[2001:db8::1]:_hidden", "2001:db8::1", 0)]
    [InlineData("192.0.2.1:_hidden", "192.0.2.1", 0)]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", 0)]
    [InlineData("[::ffff:192.0.2.1]:1", "192.0.2.1", 1)]
    [InlineData("fe80::1%eth0", "fe80::1", 0)]
    [InlineData("[fe80::1%2]:80", "fe80::1", 80)]
    public void An_address_is_read_as_proxies_write_it(string text, string address, int port)
    {
        Assert.True(NodeAddress.TryParse(text, out var parsed, out var parsedPort));
        Assert.Equal((address, port), (parsed.ToString(), parsedPort));
    }

    [Theory]
    [InlineData("")]
    [InlineData("unknown")]
    [InlineData("_hidden")]
    [InlineData("example.com")]
    [InlineData("10.1")]
    [InlineData("10")]
    [InlineData("0x0a.0.0.1")]
    [InlineData("010.0.0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.1.")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.1:")]
    [InlineData("10.0.0.1:65536")]
    [InlineData("10.0.0.1:+80")]
    [InlineData("10.0.0.1:80:80")]
    [InlineData("[10.0.0.1]")]
    [InlineData("[::1")]
    [InlineData("[]")]
    [InlineData("[::1]80")]
    [InlineData("[::1]:")]
    [InlineData("[[::1]]")]
    [InlineData("::1/128")]
    [InlineData("%eth0")]
    public void What_is_no_address_to_everybody_is_none(string text) => Assert.False(NodeAddress.TryParse(text, out _, out _));

    [Theory]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1")]
    [InlineData("fe80::1%7", "fe80::1")]
    [InlineData("10.0.0.1", "10.0.0.1")]
    public void An_address_has_one_form(string address, string expected) => Assert.Equal(expected, NodeAddress.Normalize(IPAddress.Parse(address)).ToString());
}
