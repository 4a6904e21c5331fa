using EdgeProxy.Clients;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Clients;

/// <summary>The client's address, by what trusted proxies (10.0.0.0/8, fd00::/8) say.</summary>
public sealed class ForwardedChainTests
{
    private const int MaxHops = ForwardedChain.MaxHops;

    private static readonly TrustedProxies _trusted = new(["10.0.0.0/8", "fd00::/8"]);

    /// <param name="expected">Client, its port where there is one, scheme, host; a hyphen for what is not known.</param>
    [Theory]
    [InlineData("192.0.2.1", "https", "a.example", "192.0.2.1 https a.example")]
    [InlineData("192.0.2.1:4711", "", "", "192.0.2.1:4711 - -")]
    [InlineData("[2001:db8::1]:4711", "", "", "2001:db8::1:4711 - -")]
    [InlineData("6.6.6.6, 192.0.2.1", "https", "", "192.0.2.1 https -")] // what the client itself has sent
    [InlineData("6.6.6.6, 192.0.2.1, 10.0.0.7", "https", "", "192.0.2.1 https -")]
    [InlineData("192.0.2.1,10.0.0.7 ,\tfd00::7", "https", "", "192.0.2.1 https -")]
    [InlineData("10.0.0.9, 10.0.0.8", "", "", "10.0.0.9 - -")] // all are trusted: the first one is the client
    [InlineData("192.0.2.1, unknown", "https", "", "- https -")]
    [InlineData("192.0.2.1, unknown, 10.0.0.7", "https", "", "10.0.0.7 https -")]
    [InlineData("192.0.2.1, 10.1, 10.0.0.7", "", "", "10.0.0.7 - -")]
    [InlineData(",, 192.0.2.1 ,,10.0.0.7,", "", "", "192.0.2.1 - -")]
    [InlineData("", "https", "a.example", "- https a.example")]
    [InlineData("", "", "", "- - -")]
    // In each list the client's place counts, from the right, or the first of a shorter one. Of schemes that are not as many as addresses the first counts.
    [InlineData("6.6.6.6, 192.0.2.1", "https, http", "evil.example, a.example", "192.0.2.1 http a.example")]
    [InlineData("192.0.2.1, 10.0.0.7", "https, http", "a.example, b.internal", "192.0.2.1 https a.example")]
    [InlineData("192.0.2.1", "https,http", "evil.example,a.example", "192.0.2.1 https a.example")] // a proxy that adds to what it gets
    [InlineData("6.6.6.6, 6.6.6.7, 192.0.2.1", "https", "evil.example, a.example", "192.0.2.1 https a.example")]
    [InlineData("192.0.2.1, 10.0.0.7", "https", "x, evil.example, a.example, b.internal", "192.0.2.1 https a.example")]
    [InlineData("", "", "evil.example, a.example", "- - a.example")]
    [InlineData("192.0.2.1, 10.0.0.7, 10.0.0.8", "https,http", "", "192.0.2.1 https -")]
    public void X_Forwarded_is_read_from_the_right(string addresses, string schemes, string hosts, string expected) =>
        Assert.Equal(expected, Describe(ForwardedChain.FromXForwarded(addresses, schemes, hosts, _trusted)));

    [Theory]
    [InlineData("for=192.0.2.1", "192.0.2.1 - -")]
    [InlineData("For=192.0.2.1;PROTO=https;Host=a.example;by=10.0.0.1", "192.0.2.1 https a.example")]
    [InlineData("for=\"[2001:db8::1]:4711\"", "2001:db8::1:4711 - -")]
    [InlineData("for=\"[2001:db8::1]\" ; proto=http", "2001:db8::1 http -")]
    [InlineData("for=192.0.2.1:4711", "192.0.2.1:4711 - -")] // without the quotes that the RFC wants
    [InlineData("for=\"\\1\\92.0.2.1\"", "192.0.2.1 - -")]
    [InlineData("for=6.6.6.6;proto=ftp, for=192.0.2.1;proto=https, for=10.0.0.7;proto=http", "192.0.2.1 https -")]
    [InlineData("for=192.0.2.1;host=\"a, b;c=\\\"d\";proto=https", "192.0.2.1 https a, b;c=\"d")]
    [InlineData("for=6.6.6.6, for=unknown;proto=https", "- https -")]
    [InlineData("for=6.6.6.6, for=_hidden;proto=https, for=10.0.0.7;proto=http", "10.0.0.7 https -")]
    [InlineData("for=6.6.6.6, proto=https", "- https -")]
    // A quote that the client opens swallows nothing.
    [InlineData("for=\"6.6.6.6, for=192.0.2.1", "192.0.2.1 - -")]
    [InlineData("for=\"6.6.6.6, for=\"[2001:db8::1]\"", "2001:db8::1 - -")]
    [InlineData("for=\"6.6.6.6\\, for=\"192.0.2.1\"", "192.0.2.1 - -")]
    // Malformed elements end the walk.
    [InlineData("for=192.0.2.1;for=6.6.6.6", "- - -")]
    [InlineData("for=192.0.2.1, x;for=10.0.0.1", "- - -")]
    [InlineData("for=192.0.2.1, for=\"10.0.0.1\"x", "- - -")]
    [InlineData("for=192.0.2.1, for=", "- - -")]
    [InlineData("for=192.0.2.1, for", "- - -")]
    [InlineData("for=192.0.2.1, for=\"10.0.0.1", "- - -")]
    [InlineData("", "- - -")]
    public void Forwarded_is_read_from_the_right(string elements, string expected) =>
        Assert.Equal(expected, Describe(ForwardedChain.FromForwarded(elements, _trusted)));

    [Fact]
    public void The_chain_has_an_end()
    {
        var hops = string.Join(", ", Enumerable.Repeat("10.0.0.7", MaxHops - 1));

        Assert.Equal("192.0.2.1", ForwardedChain.FromXForwarded("192.0.2.1, " + hops, "", "", _trusted).Client?.ToString());
        Assert.Equal("10.0.0.9", ForwardedChain.FromXForwarded("192.0.2.1, 10.0.0.9, " + hops, "", "", _trusted).Client?.ToString());
        var forwarded = string.Join(", ", Enumerable.Repeat("for=10.0.0.7", MaxHops - 1));
        Assert.Equal("10.0.0.9", ForwardedChain.FromForwarded("for=192.0.2.1, for=10.0.0.9, " + forwarded, _trusted).Client?.ToString());
    }

    [Theory]
    [InlineData("6.6.6.6, 192.0.2.1:80, [fd00::7]:1, ::ffff:10.0.0.7", "192.0.2.1, fd00::7, 10.0.0.7, 10.0.0.1")]
    [InlineData("garbage, 10.0.0.7", "10.0.0.7, 10.0.0.1")]
    [InlineData("garbage", "10.0.0.1")]
    public void The_app_gets_the_chain_from_the_client_on(string addresses, string expected) =>
        Assert.Equal(expected, ForwardedChain.FromXForwarded(addresses, "", "", _trusted).ToString(System.Net.IPAddress.Parse("10.0.0.1")));

    /// <summary>Whatever a client sends stands left of what the trusted proxy adds, and changes nothing.</summary>
    [Property]
    public bool No_client_changes_what_a_trusted_proxy_says(string? sent)
    {
        var left = (sent ?? "").ReplaceLineEndings("");
        var x = ForwardedChain.FromXForwarded(left + ", 192.0.2.1", "https", "", _trusted);
        var forwarded = ForwardedChain.FromForwarded(left + ", for=\"[2001:db8::1]\";proto=https", _trusted);
        return Describe(x) == "192.0.2.1 https -" && Describe(forwarded) == "2001:db8::1 https -";
    }

    /// <summary>As above, with the signs that matter in these fields only.</summary>
    [Property]
    public bool No_quotes_and_commas_do_either(byte[] choice) =>
        No_client_changes_what_a_trusted_proxy_says(string.Concat(choice.Select(one => "\"\\,;= f[1".Substring(one % 9, 1))));

    private static string Describe(ForwardedChain chain) =>
        $"{chain.Client?.ToString() ?? "-"}{(chain.ClientPort == 0 ? "" : $":{chain.ClientPort}")} {chain.Scheme ?? "-"} {chain.Host ?? "-"}";
}
