namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>Fields that are malformed (RFC 9112 section 5), too many, too long, or that say what only the proxy may say.</summary>
public sealed class HeaderTests(HostileSite site) : IClassFixture<HostileSite>
{
    private const string Get = "GET /a HTTP/1.1\r\nHost: api.example.com\r\n";

    private static readonly HostileCase[] Malformed =
    [
        new("obs-fold with a blank", Get + "X-A: b\r\n c\r\n\r\n", "400 closed"),
        new("obs-fold with a tab", Get + "X-A: b\r\n\tc\r\n\r\n", "400 closed"),
        new("obs-fold in the first field", "GET /a HTTP/1.1\r\n X-A: b\r\nHost: a\r\n\r\n", "400 closed"),
        new("bare LF behind a field", Get + "X-A: b\nX-C: d\r\n\r\n", "400 closed"),
        new("bare LF at the end", Get + "X-A: b\r\n\n", "400 closed"),
        new("bare CR in a value", Get + "X-A: b\rX-C: d\r\n\r\n", "400 closed"),
        new("bare CR in a name", Get + "X\r-A: b\r\n\r\n", "400 closed"),
        new("CR CR LF", Get + "X-A: b\r\r\n\r\n", "400 closed"),
        new("NUL in a value", Get + "X-A: b\0c\r\n\r\n", "400 closed"),
        new("NUL in a name", Get + "X\0A: b\r\n\r\n", "400 closed"),
        new("a control character in a value", Get + "X-A: b\u0001c\r\n\r\n", "400 closed"),
        new("DEL in a value", Get + "X-A: b\u007fc\r\n\r\n", "400 closed"),
        new("no colon", Get + "X-A\r\n\r\n", "400 closed"),
        new("no name", Get + ": b\r\n\r\n", "400 closed"),
        new("blank before the colon", Get + "X-A : b\r\n\r\n", "400 closed"),
        new("blank in a name", Get + "X A: b\r\n\r\n", "400 closed"),
        new("tab in a name", Get + "X\tA: b\r\n\r\n", "400 closed"),
        new("a name with a delimiter", Get + "X(A): b\r\n\r\n", "400 closed"),
        new("a name beyond ASCII", Get + "X-\u00e9: b\r\n\r\n", "400 closed"),
        new("no Host", "GET /a HTTP/1.1\r\nX-A: b\r\n\r\n", "400 closed"),
        new("an empty Host", "GET /a HTTP/1.1\r\nHost: \r\n\r\n", "400 closed"),
        new("two Hosts", Get + "Host: evil.example\r\n\r\n", "400 closed"),
        new("two equal Hosts", Get + "Host: api.example.com\r\n\r\n", "400 closed"),
        new("Host that is no name of IDNA", "GET /a HTTP/1.1\r\nHost: xn--.example\r\n\r\n", "400 closed"),
        new("Host with a blank", "GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", "400 closed"),
        new("Host with a user", "GET /a HTTP/1.1\r\nHost: a@evil.example\r\n\r\n", "400 closed"),
        new("Host with a path", "GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 closed"),
        new("Host with a comma", "GET /a HTTP/1.1\r\nHost: a,evil.example\r\n\r\n", "400 closed"),
        new("Host with a port that is none", "GET /a HTTP/1.1\r\nHost: a:80x\r\n\r\n", "400 closed"),
        new("Host with a port above 65535", "GET /a HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400 closed"),
        new("Host without a name", "GET /a HTTP/1.1\r\nHost: :80\r\n\r\n", "400 closed"),
        new("Host of a dot", "GET /a HTTP/1.1\r\nHost: .\r\n\r\n", "400 closed"),
        new("Host with two dots", "GET /a HTTP/1.1\r\nHost: a..\r\n\r\n", "400 closed"),
        new("Host with a bracket that is open", "GET /a HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 closed"),
        new("Host with a dot behind the brackets", "GET /a HTTP/1.1\r\nHost: [::1].\r\n\r\n", "400 closed"),
        new("Host with a user, HTTP/1.0", "GET /a HTTP/1.0\r\nHost: a@evil.example\r\n\r\n", "400 closed"),
        new("a target with a bad host, HTTP/1.0", "GET http://a_b:1:2/a HTTP/1.0\r\n\r\n", "400 closed"),
        new("Host with NUL", "GET /a HTTP/1.1\r\nHost: a\0.evil.example\r\n\r\n", "400 closed"),
    ];

    /// <summary>Odd, and allowed: what is beyond ASCII passes byte for byte (RFC 9110 section 5.5).</summary>
    private static readonly HostileCase[] Odd =
    [
        Kept("UTF-8", "X-A", "caf\u00c3\u00a9"),
        Kept("no UTF-8", "X-A", "\u00ff\u00fe\u0080"),
        Kept("a tab", "X-A", "b\tc"),
        Kept("every sign a name may hold", "!#$%&'*+-.^`|~a", "b"),
        Kept("nothing", "X-A", ""),
    ];

    private static readonly HostileCase[] TooMuch =
    [
        new("91 fields", Get + Fields(90) + "\r\n", "431 closed"),
        new("10,000 fields", Get + Fields(10_000) + "\r\n", "431 closed"),
        new("a field of 8191 bytes", Get + $"X-A: {new string('a', 8186)}\r\n\r\n", "431 closed"),
        new("a field of 1 MB", Get + $"X-A: {new string('a', 1 << 20)}\r\n\r\n", "431 closed"),
        new("a name of 1 MB", Get + $"{new string('a', 1 << 20)}: b\r\n\r\n", "431 closed"),
        new("40 fields of 1 KB", Get + string.Concat(Enumerable.Range(0, 40).Select(i => $"X-{i}: {new string('a', 1024)}\r\n")) + "\r\n", "431 closed"),
        new(
            "8191 bytes over several fields of one name",
            Get + string.Concat(Enumerable.Repeat($"X-A: {new string('a', 4096)}\r\n", 2)) + "\r\n",
            "431 closed"),
        new("cookies that are one field to the app", Get + string.Concat(Enumerable.Repeat($"Cookie: {new string('a', 3000)}\r\n", 3)) + "\r\n", "431 closed"),
        new(
            "a request id of 1 KB is replaced",
            Get + $"X-Request-ID: {new string('a', 1024)}\r\n\r\n",
            "200 open",
            "GET /a ") { Check = request => Assert.Equal(32, request["X-Request-ID"].Single().Length) },
    ];

    private static readonly HostileCase[] Spoofed =
    [
        Spoof("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For", "127.0.0.1"),
        Spoof("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7", "X-Forwarded-For", "127.0.0.1"),
        Spoof("x-forwarded-FOR: 6.6.6.6", "X-Forwarded-For", "127.0.0.1"),
        Spoof("X-Forwarded-Proto: https", "X-Forwarded-Proto", "http"),
        Spoof("X-Forwarded-Host: evil.example", "X-Forwarded-Host", "api.example.com"),
        Spoof("X_Forwarded_For: 6.6.6.6", "X_Forwarded_For"),
        Spoof("X-Forwarded_For: 6.6.6.6", "X-Forwarded_For"),
        Spoof("X-Forwarded-Protocol: ssl", "X-Forwarded-Protocol"),
        Spoof("X-Forwarded-Ssl: on", "X-Forwarded-Ssl"),
        Spoof("X-Forwarded-Port: 443", "X-Forwarded-Port"),
        Spoof("X-Forwarded-Scheme: https", "X-Forwarded-Scheme"),
        Spoof("X-Forwarded-Prefix: /admin", "X-Forwarded-Prefix"),
        Spoof("X-Real-IP: 6.6.6.6", "X-Real-IP"),
        Spoof("Forwarded: for=6.6.6.6;proto=https", "Forwarded"),
        Spoof("Proxy: http://evil.example", "Proxy"),
        Spoof("REMOTE_USER: admin", "REMOTE_USER"),
        Spoof("Connection: X-Forwarded-For, X-Forwarded-Proto", "X-Forwarded-For", "127.0.0.1"), // named as hop-by-hop: they are set behind that
        Spoof("Connection: X-Request-ID, close", "X-Forwarded-Proto", "http", closes: true),
        Spoof("Connection: X-Mine\r\nX-Mine: 1", "X-Mine"),
        Spoof("Connection: keep-alive , x-MINE,, \r\nX-Mine: 1\r\nX-Mine: 2", "X-Mine"),
        Spoof("X-Mine: 1\r\nConnection: Upgrade\r\nConnection: X-Other,X-Mine", "X-Mine"),
        Spoof("Connection: close, X-Mine\r\nX-Mine: 1", "X-Mine", closes: true),
        Spoof("Connection: X-Mine\r\nConnection: close\r\nX-Mine: 1", "X-Mine", closes: true),
        Spoof("Connection: keep-alive, close, X-Mine\r\nX-Mine: 1", "X-Mine", closes: true),
        Spoof("Connection: keep-alive, Keep-Alive, X-Mine\r\nX-Mine: 1", "X-Mine"),
        Spoof("Connection: Keep-Alive, Upgrade\r\nX-Mine: 1", "X-Mine", "1"),
        Spoof("Connection: \"X-Mine\", X-Mine;q=1\r\nX-Mine: 1", "X-Mine", "1"), // no tokens
        // Abuse: what the proxy says, and what the request is about, stays.
        Spoof("Connection: Host", "Host", "api.example.com"),
        Spoof("Connection: X-Forwarded-Host, x-forwarded-host", "X-Forwarded-Host", "api.example.com"),
        Spoof("Connection: Content-Type\r\nContent-Type: text/plain", "Content-Type", "text/plain"),
        new(
            "Connection: X-Request-ID",
            $"{Get}Connection: X-Request-ID\r\nX-Request-ID: abc\r\n\r\n",
            "200 open",
            "GET /a ") { Check = request => Assert.Equal(["abc"], request["X-Request-ID"]) },
        new(
            "Connection: Content-Length",
            $"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Content-Length, Transfer-Encoding\r\nContent-Length: 5\r\n\r\nhello",
            "200 open",
            "POST /a hello") { Check = request => Assert.Equal(["5"], request["Content-Length"]) },
        Spoof("Keep-Alive: timeout=1000", "Keep-Alive"),
        Spoof("Proxy-Connection: keep-alive", "Proxy-Connection"),
        Spoof("Proxy-Authorization: Basic Zm9v", "Proxy-Authorization"),
        Spoof("TE: trailers", "TE"),
        Spoof("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Upgrade"),
        Spoof("Upgrade: h2c\r\nConnection: Upgrade", "Connection"),
        Spoof("Upgrade: TLS/1.0\r\nConnection: Upgrade", "Upgrade"),
        Spoof("Upgrade: SPDY/3.1\r\nConnection: Upgrade", "Upgrade"),
        Spoof("X-Content-Length: 5", "X-Content-Length", "5"), // only a header: it says nothing of the framing
    ];

    public static TheoryData<HostileCase> MalformedRows => new(Malformed);

    public static TheoryData<HostileCase> OddRows => new(Odd);

    public static TheoryData<HostileCase> TooMuchRows => new(TooMuch);

    public static TheoryData<HostileCase> SpoofedRows => new(Spoofed);

    [Theory]
    [MemberData(nameof(MalformedRows), DisableDiscoveryEnumeration = true)]
    public Task A_malformed_field_never_reaches_the_app(HostileCase row) => site.RunAsync(row);

    [Theory]
    [MemberData(nameof(OddRows), DisableDiscoveryEnumeration = true)]
    public Task An_odd_field_passes_unchanged(HostileCase row) => site.RunAsync(row);

    [Theory]
    [MemberData(nameof(TooMuchRows), DisableDiscoveryEnumeration = true)]
    public Task What_the_app_server_would_refuse_is_refused_here(HostileCase row) => site.RunAsync(row);

    [Theory]
    [MemberData(nameof(SpoofedRows), DisableDiscoveryEnumeration = true)]
    public Task A_client_cannot_speak_for_the_proxy(HostileCase row) => site.RunAsync(row);

    private static string Fields(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {i}\r\n"));

    private static HostileCase Kept(string what, string name, string value) =>
        new(what, $"{Get}{name}: {value}\r\n\r\n", "200 open", "GET /a ") { Check = request => Assert.Equal([value], request[name]) };

    /// <param name="field">What the client sends.</param>
    /// <param name="name">The header that the app looks at.</param>
    /// <param name="value">What it finds there.</param>
    private static HostileCase Spoof(string field, string name, string? value = null, bool closes = false) =>
        new(field.ReplaceLineEndings(" | "), $"{Get}{field}\r\n\r\n", closes ? "200 closed" : "200 open", "GET /a ")
        {
            Check = request => Assert.Equal(value is null ? [] : [value], request[name]),
        };
}
