using EdgeProxy.Proxying;

namespace EdgeProxy.Tests.Proxying;

public sealed class AppHostsTests
{
    private readonly AppHosts<string> _hosts = new(
    [
        ("shop.example.com", "shop"),
        ("*.shop.example.com", "shop's"),
        ("*.example.com", "example"),
        ("blog.example.org", "blog"),
        ("[::1]", "six"),
        ("127.0.0.1", "four"),
    ]);

    [Theory]
    [InlineData("shop.example.com", "shop")]
    [InlineData("SHOP.Example.COM:8443", "shop")]
    [InlineData("a.shop.example.com", "shop's")]
    [InlineData("a.b.shop.example.com", "shop's")]
    [InlineData("other.example.com", "example")]
    [InlineData("a.b.c.example.com:80", "example")]
    [InlineData("blog.example.org", "blog")]
    [InlineData("[::1]", "six")]
    [InlineData("[::1]:8080", "six")]
    [InlineData("127.0.0.1:8080", "four")]
    [InlineData("example.com", null)]
    [InlineData("ashop.example.com.evil.org", null)]
    [InlineData("xexample.com", null)]
    [InlineData("a.blog.example.org", null)]
    [InlineData("[::2]", null)]
    [InlineData("*.example.com", "example")]
    [InlineData("..", null)]
    [InlineData(".", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void The_nearest_name_decides(string? host, string? app) => Assert.Equal(app, _hosts.Find(host));

    [Fact]
    public void A_star_takes_what_nobody_names()
    {
        var hosts = new AppHosts<string>([("shop.example.com", "shop"), ("*", "rest")]);
        Assert.Equal(["shop", "rest", "rest"], [hosts.Find("shop.example.com"), hosts.Find("evil.org"), hosts.Find(null)]);
    }

    /// <summary>Each dot of a name costs a look in a table: a header of 8 KB must not buy thousands of them.</summary>
    [Fact]
    public void A_host_that_is_longer_than_a_name_can_be_is_nobodys()
    {
        Assert.Null(_hosts.Find(new string('.', 8000) + "example.com"));
        Assert.Null(_hosts.Find(string.Concat(Enumerable.Repeat("a.", 122)) + "example.com")); // 255
        Assert.Equal("example", _hosts.Find(string.Concat(Enumerable.Repeat("a.", 121)) + "example.com")); // 253
    }
}
