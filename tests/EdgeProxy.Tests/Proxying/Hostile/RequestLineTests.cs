using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Request lines that are malformed (RFC 9112 section 3), too long, or whose path means one thing to the proxy and another to the app.</summary>
public sealed class RequestLineTests(HostileSite site) : IClassFixture<HostileSite>
{
    private const string Host = "Host: api.example.com\r\n\r\n";

    private static readonly HostileCase[] Malformed =
    [
        new("no version", "GET /a\r\n" + Host, "400 closed"),
        new("HTTP/0.9", "GET /a\r\n\r\n", "400 closed"),
        new("HTTP/2.0", "GET /a HTTP/2.0\r\n" + Host, "505 closed"),
        new("HTTP/1.2", "GET /a HTTP/1.2\r\n" + Host, "505 closed"),
        new("HTTP/11.1", "GET /a HTTP/11.1\r\n" + Host, "400 closed"),
        new("http/1.1", "GET /a http/1.1\r\n" + Host, "505 closed"),
        new("HTTP/1.1 and more", "GET /a HTTP/1.1 X\r\n" + Host, "400 closed"),
        new("two blanks before the target", "GET  /a HTTP/1.1\r\n" + Host, "400 closed"),
        new("two blanks behind the target are one", "GET /a  HTTP/1.1\r\n" + Host, "200 open", "GET /a "),
        new("a tab for a blank", "GET\t/a\tHTTP/1.1\r\n" + Host, "400 closed"),
        new("a blank in the target", "GET /a b HTTP/1.1\r\n" + Host, "400 closed"),
        new("ended by a bare LF", "GET /a HTTP/1.1\nHost: a\r\n\r\n", "400 closed"),
        new("ended by a bare CR", "GET /a HTTP/1.1\rHost: a\r\n\r\n", "400 closed"),
        new("all lines ended by bare LFs", "GET /a HTTP/1.1\nHost: a\n\n", "400 closed"),
        new("blank before the method", " GET /a HTTP/1.1\r\n" + Host, "400 closed"),
        new("no method", "/a HTTP/1.1\r\n" + Host, "400 closed"),
        new("a method with a delimiter", "GE(T /a HTTP/1.1\r\n" + Host, "400 closed"),
        new("a method with NUL", "GE\0T /a HTTP/1.1\r\n" + Host, "400 closed"),
        new("a method in small letters is written in capitals", "get /a HTTP/1.1\r\n" + Host, "200 open", "GET /a "),
        new("an unknown method is the app's to refuse", "FROBNICATE /a HTTP/1.1\r\n" + Host, "200 open", "FROBNICATE /a "),
        new("a method of 5 KB", new string('A', 5000) + " /a HTTP/1.1\r\n" + Host, "414 closed"),
        new("a line of 4095 bytes", $"GET /{new string('a', 4095 - 16)} HTTP/1.1\r\n" + Host, "414 closed"),
        new("a line of 1 MB", $"GET /{new string('a', 1 << 20)} HTTP/1.1\r\n" + Host, "414 closed"),
        new("a line that never ends", new string('A', 1 << 20), "414 closed"),
        new("TLS on a plain port", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003", "400 closed"),
        new("an SSH client", "SSH-2.0-OpenSSH_9.2p1\r\n", "400 closed"),
        new("an empty line first", "\r\nGET /a HTTP/1.1\r\n" + Host, "200 open", "GET /a "),
        new("a flood of empty lines", string.Concat(Enumerable.Repeat("\r\n", 20_000)), "open"),
        new("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "501 closed"),
        new("CONNECT to a path", "CONNECT /a HTTP/1.1\r\n" + Host, "501 closed"),
        new(
            "CONNECT and what would go through the tunnel",
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            "501 closed"),
        new("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + Host, "400 closed"),
        new("GET *", "GET * HTTP/1.1\r\n" + Host, "405 closed"),
        new("authority-form on a GET", "GET api.example.com:80 HTTP/1.1\r\n" + Host, "405 closed"),
        new("a target without a slash", "GET a HTTP/1.1\r\n" + Host, "405 closed"),
    ];

    private static readonly HostileCase[] Paths =
    [
        Kept("/a%2Fb"),
        Kept("/a%2fb%3Fc"),
        Kept("//evil.example/a"),
        Kept("///a"),
        Kept("/a//b"),
        Kept("/a;/b"),
        Kept("/a..b/..c/d.."),
        Kept("/%C3%A9%2B%20"),
        Kept("/a?b=/../c&d=%00"),
        Kept("/a?b=http://evil.example/"),
        Kept("/%252e%252e/a"), // decoded once it is no dot segment, and nobody decodes twice
        Kept("/%u002e%u002e/a"),
        Refused("/.."),
        Refused("/a/../b"),
        Refused("/a/./b"),
        Refused("/./a"),
        Refused("/a/..%5cb"),
        Refused("/a/.."),
        Refused("/%2e%2e/a"),
        Refused("/%2E./a"),
        Refused("/a/.%2e/b"),
        Refused("/static/%2e%2e%2f%2e%2e%2fetc/passwd"),
        Refused("/static/..%5c..%5cetc"),
        Refused("/a\\..\\b"),
        Kept("/a\\b"),
        Kept("/a%5cb"),
        Kept("/a/..;/b"),
        Kept("/a/..;x=y/b"),
        Kept("/a/%2e%2e;/b"),
        Refused("/a%00b"),
        Refused("/a%00/../b"),
        Kept("/a%0d%0aX-Evil:%201"),
        Refused("/a\0b"),
        Refused("/a\rb"),
        Refused("/a\u007fb"),
        Refused("/a?b=\u0001"),
        Refused("/\u00e9"),
        Kept("/%c0%ae%c0%ae/a"), // overlong UTF-8 for ".."
        Kept("/a%"),
        Kept("/a%2"),
        Kept("/a%zz"),
        Refused("/a#b"),
        new("absolute-form", "GET http://api.example.com/a%2Fb?c HTTP/1.1\r\n" + Host, "200 open", "GET /a%2Fb?c ") { Check = IsForApi },
        new("absolute-form without a path", "GET http://api.example.com HTTP/1.1\r\n" + Host, "200 open", "GET / ") { Check = IsForApi },
        new("absolute-form for another host", "GET http://evil.example/a HTTP/1.1\r\n" + Host, "400 closed"),
        new("absolute-form with a user", "GET http://u:p@api.example.com/a HTTP/1.1\r\n" + Host, "400 closed"),
        new("absolute-form with dots", "GET http://api.example.com/a/../b HTTP/1.1\r\n" + Host, "400 closed"),
        new("absolute-form with dots for a host", "GET http://../a HTTP/1.1\r\n" + Host, "400 closed"),
        new("absolute-form of another scheme", "GET file:///etc/passwd HTTP/1.1\r\n" + Host, "400 closed"),
        new("absolute-form of a scheme with blanks", "GET java script://api.example.com/a HTTP/1.1\r\n" + Host, "400 closed"),
    ];

    public static TheoryData<HostileCase> MalformedRows => new(Malformed);

    public static TheoryData<HostileCase> PathRows => new(Paths);

    [Theory]
    [MemberData(nameof(MalformedRows), DisableDiscoveryEnumeration = true)]
    public Task Only_a_request_for_the_app_reaches_it(HostileCase row) => site.RunAsync(row);

    [Theory]
    [MemberData(nameof(PathRows), DisableDiscoveryEnumeration = true)]
    public Task A_path_means_to_the_app_what_it_means_here(HostileCase row) => site.RunAsync(row);

    private static HostileCase Kept(string target) => new($"{target} as it is", $"GET {target} HTTP/1.1\r\n{Host}", "200 open", $"GET {target} ");

    private static HostileCase Refused(string target) => new($"{target} not at all", $"GET {target} HTTP/1.1\r\n{Host}", "400 closed");

    private static void IsForApi(SeenRequest request) => Assert.Equal(["api.example.com"], request["Host"]);

    /// <summary>Kestrel recognises it and says so in a frame, GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 section 7).</summary>
    [Fact]
    public async Task HTTP2_that_nobody_has_agreed_on_is_refused_in_its_own_language()
    {
        using var client = await RawClient.ConnectAsync(site.Proxy);

        await client.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");

        Assert.Equal("\0\0\b\a\0\0\0\0\0\0\0\0\0\0\0\0\r", await client.ReadToEndAsync());
        await site.RunAsync(new("a plain request", "GET /a HTTP/1.1\r\n" + Host, "200 open", "GET /a "));
    }
}
