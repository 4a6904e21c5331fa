using EdgeProxy.Clients;

namespace EdgeProxy.Tests.Clients;

public sealed class HostHeaderTests
{
    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("EXAMPLE.com.:8080", "EXAMPLE.com:8080")]
    [InlineData("example.com:", "example.com:")]
    [InlineData("127.0.0.1.:65535", "127.0.0.1:65535")]
    [InlineData("[::1]", "[::1]")]
    [InlineData("[2001:db8::1]:443", "[2001:db8::1]:443")]
    public void The_dot_of_the_root_is_taken_away(string host, string expected)
    {
        Assert.True(HostHeader.TryParse(host, out var normalized));
        Assert.Equal(expected, normalized);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("example.com..")]
    [InlineData(".:80")]
    [InlineData(":80")]
    [InlineData("example.com:65536")]
    [InlineData("example.com:8080.")]
    [InlineData("example.com:80:80")]
    [InlineData("example.com:http")]
    [InlineData("[::1")]
    [InlineData("[::1]x")]
    [InlineData("[::1].")]
    [InlineData("user@example.com")]
    [InlineData("example.com/x")]
    [InlineData("example.com, evil.example")]
    [InlineData("a\"b")]
    [InlineData("caf\u00e9.example")]
    public void What_is_no_host_is_refused(string host) => Assert.False(HostHeader.TryParse(host, out _));
}
