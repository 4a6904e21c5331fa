using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Tests.StaticFiles;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tests.Sites;

/// <summary>The same requests to a site of EdgeProxy and to the real Caddy with the directives that mean the same, over the same upstreams. Whatever differs is
/// in the table, with the reason, or fails.</summary>
public sealed class CaddySitesTests
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private static readonly Setup[] _setups =
    [
        new(
            "paths",
            """
            @exact path /a
            respond @exact "exact"
            @prefix path /api/*
            respond @prefix "prefix"
            @loose path /loose*
            respond @loose "loose"
            @suffix path *.php
            respond @suffix "suffix"
            @part path *needle*
            respond @part "part"
            @middle path /x/*/y
            respond @middle "middle"
            @class path /ch[a-c]x
            respond @class "class"
            @one path /q?m
            respond @one "one"
            @several path /s1 /s2/* *.several
            respond @several "several"
            @doubled path /dbl//x
            respond @doubled "doubled"
            @words path /café/*
            respond @words "words"
            respond "none" 404
            """,
            """
            { "Path": "/a", "Respond": { "Body": "exact" } },
            { "Path": "/api/*", "Respond": { "Body": "prefix" } },
            { "Path": "/loose*", "Respond": { "Body": "loose" } },
            { "Path": "*.php", "Respond": { "Body": "suffix" } },
            { "Path": "*needle*", "Respond": { "Body": "part" } },
            { "Path": "/x/*/y", "Respond": { "Body": "middle" } },
            { "Path": "/ch[a-c]x", "Respond": { "Body": "class" } },
            { "Path": "/q?m", "Respond": { "Body": "one" } },
            { "Path": ["/s1", "/s2/*", "*.several"], "Respond": { "Body": "several" } },
            { "Path": "/dbl//x", "Respond": { "Body": "doubled" } },
            { "Path": "/café/*", "Respond": { "Body": "words" } },
            { "Respond": { "Status": 404, "Body": "none" } }
            """,
            [
                "/a", "/A", "/a/", "/a?x", "/%61", "/a.", "/a%20", "//a", "///a", "/%2Fa", "/a;x", "/a%3Fx",
                "/api", "/api/", "/API/x", "/apix", "/api//x", "//api/x", "/%61pi/x", "/api%2Fx", "/api%2fx", "/api/%2e%2ex", "/%2Fapi/x", "/api;/x", "/x/api/",
                "/api%252Fx", "/api%5Cx", "/loose", "/looser/x", "/LOOSE", "/foo.php", "/d/foo.PHP", "/foo.php/", "/foo.php.", "/foo.php%20", "/foo.phpx",
                "/zneedlez", "/a/needle/b", "/nee/dle", "/x/1/y", "/x/1/2/y", "/x//y", "/x/1%2F2/y", "/chax", "/chdx", "/CHBX", "/qxm", "/q/m", "/q%2Fm", "/qm",
                "/s1", "/s2/", "/s2", "/q.several", "/dbl//x", "/dbl/x", "/dbl///x", "/caf%C3%A9/x", "/caf%c3%a9/", "/CAF%C3%89/x", "/cafe/x", "/caf%E9/x", "/",
            ]),
        new(
            "matchers",
            """
            @put method PUT DELETE
            respond @put "method"
            @debug query debug=1 debug=yes
            respond @debug "query"
            @any query any=*
            respond @any "any"
            @agent header X-Kind bot*
            respond @agent "begins"
            @end header X-Kind *end
            respond @end "ends"
            @in header X-Kind *mid*
            respond @in "has"
            @one header X-Kind exact
            respond @one "is"
            @there header X-There *
            respond @there "there"
            @nothing {
                path /not/*
                not path /not/this/*
                not method POST
            }
            respond @nothing "not"
            @host host other.example
            respond @host "host"
            @near remote_ip 127.0.0.0/8 ::1
            respond @near "near" 203
            respond "none"
            """,
            """
            { "Match": { "Methods": ["PUT", "DELETE"] }, "Respond": { "Body": "method" } },
            { "Match": { "Query": { "debug": ["1", "yes"] } }, "Respond": { "Body": "query" } },
            { "Match": { "Query": { "any": "*" } }, "Respond": { "Body": "any" } },
            { "Match": { "Headers": { "X-Kind": "bot*" } }, "Respond": { "Body": "begins" } },
            { "Match": { "Headers": { "X-Kind": "*end" } }, "Respond": { "Body": "ends" } },
            { "Match": { "Headers": { "X-Kind": "*mid*" } }, "Respond": { "Body": "has" } },
            { "Match": { "Headers": { "X-Kind": "exact" } }, "Respond": { "Body": "is" } },
            { "Match": { "Headers": { "X-There": "*" } }, "Respond": { "Body": "there" } },
            { "Path": "/not/*", "Match": { "Not": [ { "Path": "/not/this/*" }, { "Methods": "POST" } ] }, "Respond": { "Body": "not" } },
            { "Match": { "Hosts": "other.example" }, "Respond": { "Body": "host" } },
            { "Match": { "ClientIn": ["127.0.0.0/8", "::1"] }, "Respond": { "Status": 203, "Body": "near" } },
            { "Respond": { "Body": "none" } }
            """,
            [
                "PUT /x", "DELETE /x", "PATCH /x", "put /x", "/x?debug=1", "/x?debug=yes", "/x?debug=2", "/x?DEBUG=1", "/x?debug=2&debug=1",
                "/x?debug=1&debug=2",
                "/x?%64ebug=%31", "/x?any", "/x?any=", "/x?any=3", "/x?x&any=3", "/x X-Kind=bottom", "/x X-Kind=Bottom", "/x X-Kind=the end",
                "/x X-Kind=amidst",
                "/x X-Kind=exact", "/x X-Kind=exactly", "/x X-There=1", "/not/x", "/not/this/x", "/NOT/THIS/x", "/not/this%2Fx", "POST /not/x", "/not",
            ]),
        new(
            "redirects",
            """
            redir /old /new
            redir /gone/* https://example.com{uri} permanent
            redir /t /there temporary
            redir /p/* https://{host}/q?p={path}&q={query} 308
            redir /m /{method}/{scheme} 307
            """,
            """
            { "Path": "/old", "Redirect": { "To": "/new" } },
            { "Path": "/gone/*", "Redirect": { "To": "https://example.com{uri}", "Status": 301 } },
            { "Path": "/t", "Redirect": { "To": "/there", "Status": 302 } },
            { "Path": "/p/*", "Redirect": { "To": "https://{host}/q?p={path}&q={query}", "Status": 308 } },
            { "Path": "/m", "Redirect": { "To": "/{method}/{scheme}", "Status": 307 } },
            { "Respond": { "Status": 200 } }
            """,
            [
                "/old", "/old?x=1", "HEAD /old", "POST /old", "/gone/", "/gone/a%2Fb?x=%20y&z", "/gone//x", "/gone", "/t", "/p/a?b=c", "/p/%C3%A9",
                "/p/a%20b", "/m", "POST /m",
            ]),
        new(
            "responses",
            """
            respond /empty 204
            respond /text "hello {path} {query}" 403
            respond /json `{"a":1}`
            respond /list `[1]`
            respond /no-json `{a}`
            respond /closed 410
            header /typed Content-Type text/css
            respond /typed "a{}"
            """,
            """
            { "Path": "/empty", "Respond": { "Status": 204 } },
            { "Path": "/text", "Respond": { "Status": 403, "Body": "hello {path} {query}" } },
            { "Path": "/json", "Respond": { "Body": "{\"a\":1}" } },
            { "Path": "/list", "Respond": { "Body": "[1]" } },
            { "Path": "/no-json", "Respond": { "Body": "\\{a}" } },
            { "Path": "/closed", "Respond": { "Status": 410 } },
            { "Path": "/typed", "Headers": { "Set": { "Content-Type": "text/css" } }, "Respond": { "Body": "a{}" } },
            { "Respond": { "Status": 200 } }
            """,
            ["/empty", "/text", "/TEXT?a=%20b", "HEAD /text", "POST /text", "/json", "/list", "/no-json", "/closed", "/typed", "/other"]),
        new(
            "headers",
            """
            header X-Set "{host}|{uri}|{path}|{query}|{method}|{scheme}|{remote_host}"
            header -X-Up-*
            header ?X-Def def
            header ?X-Has def
            header +X-Add one
            header {
                X-Over ours
                defer
            }
            header /special/* X-Route special
            redir /redirect /new
            respond /fixed "fixed"
            reverse_proxy UP
            """,
            """
            { "Path": "/redirect", "Redirect": { "To": "/new" } },
            { "Path": "/fixed", "Respond": { "Body": "fixed" } },
            { "Path": "/special/*", "Headers": { "Set": { "X-Route": "special" } }, "Upstreams": "UP" },
            { "Upstreams": "UP" }
            """,
            [
                "/x", "/x?a=b&c=%20", "/a%2Fb", "/%C3%A9", "/redirect", "/fixed", "/special/x", "/special", "HEAD /x", "POST /x", "/status/404", "/status/500",
                "/status/304",
            ],
            """
            "Set": { "X-Set": "{host}|{uri}|{path}|{query}|{method}|{scheme}|{remote_host}", "X-Over": "ours" },
            "Remove": "X-Up-*", "Default": { "X-Def": "def", "X-Has": "def" }, "Add": { "X-Add": "one" }
            """),
        new(
            "forwarding",
            """
            handle_path /tool/* {
                reverse_proxy UP {
                    header_up X-Tool "1"
                    header_up X-Real-IP {remote_host}
                    header_up X-Uri {uri}
                    header_up -X-Secret
                    header_up +X-More b
                }
            }
            handle /strip* {
                uri strip_prefix /strip
                reverse_proxy UP
            }
            handle /new/* {
                rewrite * /v2{uri}
                reverse_proxy UP
            }
            handle /fixed {
                rewrite * /b
                reverse_proxy UP
            }
            handle /query {
                rewrite * /b?x=1&{query}
                reverse_proxy UP
            }
            handle /host {
                reverse_proxy UP {
                    header_up Host inner.example
                }
            }
            handle /down/* {
                reverse_proxy 127.0.0.1:1
            }
            reverse_proxy UP
            """,
            """
            { "Path": "/tool/*", "StripPrefix": "/tool", "Upstreams": "UP",
              "RequestHeaders": { "Set": { "X-Tool": "1", "X-Real-IP": "{remote_host}", "X-Uri": "{uri}" }, "Remove": "X-Secret", "Add": { "X-More": "b" } } },
            { "Path": "/strip*", "StripPrefix": "/strip", "Upstreams": "UP" },
            { "Path": "/new/*", "Rewrite": "/v2{uri}", "Upstreams": "UP" },
            { "Path": "/fixed", "Rewrite": "/b", "Upstreams": "UP" },
            { "Path": "/query", "Rewrite": "/b?x=1&{query}", "Upstreams": "UP" },
            { "Path": "/host", "RequestHeaders": { "Set": { "Host": "inner.example" } }, "Upstreams": "UP" },
            { "Path": "/down/*", "Upstreams": "http://127.0.0.1:1" },
            { "Upstreams": "UP" }
            """,
            [
                "/tool/a", "/tool/a%2Fb?q=1", "/tool//a", "//tool/a", "/TOOL/a", "/%74ool/a", "/tool/", "/tool", "/toolx", "/tool/tool/x", "/tool/x X-Secret=1",
                "/tool/x X-More=a", "POST /tool/x", "/strip", "/strip/", "/stripx/y", "/STRIP/a%20b", "/strip//a//b", "/new/a?x=1", "/new/a%2Fb",
                "/fixed?x=1", "/fixed",
                "/query?z=1", "/query", "/host", "/down/x", "HEAD /down/x", "/a%2Fb;c?d=%2F", "/%C3%A9?%C3%A9", "/a//b", "/status/500", "/status/404", "PUT /x",
            ]),
        new(
            "passwords",
            """
            basicauth /secret/* {
                bob HASH
            }
            respond "in"
            """,
            """
            { "Path": "/secret/*", "BasicAuth": { "Users": { "bob": "HASH" } }, "Respond": { "Body": "in" } },
            { "Respond": { "Body": "in" } }
            """,
            [
                "/secret/x", "/secret/x Authorization=Basic Ym9iOnNlY3JldA==", "/secret/x Authorization=basic Ym9iOnNlY3JldA==",
                "/secret/x Authorization=Basic Ym9iOndyb25n", "/secret/x Authorization=Basic YWxpY2U6c2VjcmV0", "/secret/x Authorization=Basic !!",
                "/secret/x Authorization=Basic Ym9i", "/secret/x Authorization=Bearer Ym9iOnNlY3JldA==", "/SECRET/x", "/secret%2Fx", "//secret/x",
                "/%73ecret/x",
                "/secret", "POST /secret/x", "HEAD /secret/x", "PROPFIND /secret/x",
            ]),
        new(
            "an app",
            """
            handle /api/* {
                reverse_proxy UP
            }
            handle /api {
                reverse_proxy 127.0.0.1:1
            }
            handle {
                respond "none"
            }
            """,
            """
            { "Path": "/api/*", "App": "app" }, { "Path": "/api", "Upstreams": "http://127.0.0.1:1" }, { "Respond": { "Body": "none" } }
            """,
            ["/api", "/api/", "/api/x?a=b", "/apix", "/api//x", "/api%2Fx", "POST /api/x", "HEAD /api/x", "/API/x", "/x/api/", "/api/x X-A=b"]),
        new(
            "an app that fails",
            "rewrite /api/* /status/500\nreverse_proxy UP",
            """{ "Path": "/api/*", "Rewrite": "/status/500", "App": "app" }, { "App": "app" }""",
            ["/api/x", "POST /api/x", "HEAD /api/x", "/status/503", "/status/404", "/status/204", "/status/401"]),
        new(
            "an app that is down",
            "handle /api/* {\nreverse_proxy 127.0.0.1:1\n}\nhandle {\nrespond none\n}",
            """{ "Path": "/api/*", "App": "app" }, { "Respond": { "Body": "none" } }""",
            ["/api", "/api/", "/api/x", "POST /api/x", "HEAD /api/x", "/apix"])
        { IsAppUp = false },
    ];

    private static readonly Intended[] _intended =
    [
        new("/api/", @"^status: 502 \| 503$", "an app that is down is waited for (Upstream:HoldTimeout); then 503 says when to come again"),
        new(".", @"^Content-Type:  \| application/problem\+json$", "an error says what it is, for machines and people"),
        new(".", "^X-Add: one, upstream \\| upstream, one$", "what is added comes after what is there"),
        new("X-More", "x-more=a,b .*x-more=a, b ", "fields of one name are one line to the app, as gunicorn makes it of two (RFC 9110 section 5.3)"),
        new("/stripx/y", @"^(status: 400 \| 200|[A-Za-z0-9-]+: +\| .*)$", "Caddy asks for x/y, which is no target; a path begins with a slash"),
        new("/new/a%2Fb", "^body: GET /v2/new/a/b .*GET /v2/new/a%2Fb ", "what the client has encoded stays so, in a target that is rewritten, too"),
    ];

    private const string Host = "site.example";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    public async Task Only_what_is_meant_to_differ_differs(string scheme)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        using var directory = new TemporaryDirectory();
        var authority = new TestAuthority();
        var (chain, key) = authority.Issue([Host]);
        await File.WriteAllTextAsync(directory["chain.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(directory["key.pem"], key, Cancellation);
        await using var upstream = await Backend.StartAsync(RespondAsync);
        var hash = BCrypt.Net.BCrypt.HashPassword("secret", workFactor: 4);
        using var client = NewClient(authority.Root);
        var met = new HashSet<Intended>();
        var unexpected = new List<string>();
        foreach (var setup in _setups)
        {
            var directives = setup.Directives
                .Replace("UP", upstream.Address, StringComparison.Ordinal)
                .Replace("HASH", Convert.ToBase64String(Encoding.UTF8.GetBytes(hash)), StringComparison.Ordinal);
            await using var caddy = await CaddyServer.StartAsync(
                directory["Caddyfile"],
                scheme == "https" ? $"tls {directory["chain.pem"]} {directory["key.pem"]}\n{directives}" : directives,
                scheme,
                Host);
            var routes = setup.Routes.Replace("UP", upstream.Address, StringComparison.Ordinal).Replace("HASH", hash, StringComparison.Ordinal);
            await using var proxy = await SiteProxy.StartAsync(
                $$"""[ { "Hosts": "{{Host}}", "Headers": { {{setup.Headers}} }, "Routes": [ {{routes}} ] } ]""",
                setup.IsAppUp ? upstream.Address : null,
                options =>
                {
                    options.Tls.RedirectHttp = false;
                    options.Tls.Certificates = [new CertificateFileOptions { Certificate = directory["chain.pem"], Key = directory["key.pem"] }];
                },
                ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"));
            var ours = new Uri($"{scheme}://{Host}:{(scheme == "https" ? proxy.HttpsPort : proxy.Address.Port)}");
            foreach (var ask in setup.Asks.Select(Ask.Parse))
            {
                foreach (var difference in Differences(await SendAsync(client, caddy.Address, ask), await SendAsync(client, ours, ask)))
                {
                    var reason = Array.Find(
                        _intended, intended => Regex.IsMatch(ask.ToString(), intended.Requests) && Regex.IsMatch(difference, intended.What));
                    if (reason is null)
                    {
                        unexpected.Add($"{setup.Name}: {ask} -- {difference}");
                    }
                    else
                    {
                        met.Add(reason);
                    }
                }
            }
        }

        Assert.True(unexpected.Count == 0, $"caddy | edgeproxy:\n{string.Join('\n', unexpected)}");
        Assert.Empty(_intended.Except(met)); // a difference that is gone leaves the table
        Figures.Report(
            $"{_setups.Sum(setup => setup.Asks.Length)} requests over {scheme} to sites of Caddy and of EdgeProxy: no difference but the {_intended.Length} " +
                "kinds that are meant");
    }

    /// <summary>Finds both servers on the loopback, whatever host it asks them for.</summary>
    private static HttpClient NewClient(X509Certificate2 root) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        SslOptions = { CertificateChainPolicy = TlsClient.Trust(root) },
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    private static IEnumerable<string> Differences(Dictionary<string, string> theirs, Dictionary<string, string> ours) => theirs.Keys.Union(ours.Keys)
        .Select(aspect => (Aspect: aspect, Theirs: theirs.GetValueOrDefault(aspect, ""), Ours: ours.GetValueOrDefault(aspect, "")))
        .Where(pair => pair.Theirs != pair.Ours)
        .Select(pair => $"{pair.Aspect}: {pair.Theirs} | {pair.Ours}");

    /// <summary>Says what it was asked, and by which header.</summary>
    private static async Task RespondAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Path.StartsWithSegments("/status", out var status))
        {
            context.Response.StatusCode = int.Parse(status.Value!.TrimStart('/'), System.Globalization.CultureInfo.InvariantCulture);
        }

        context.Response.Headers["X-Up-1"] = "1";
        context.Response.Headers["X-Up-Two"] = "2";
        context.Response.Headers["X-Has"] = "upstream";
        context.Response.Headers["X-Over"] = "upstream";
        context.Response.Headers["X-Add"] = "upstream";
        if (context.Response.StatusCode is not (204 or 304))
        {
            context.Response.ContentType = "text/x-upstream"; // without one Caddy guesses, sometimes
            var fields = request.Headers
                .Where(field => field.Key.StartsWith("X-", StringComparison.Ordinal) && field.Key is not ("X-Request-ID" or "X-Forwarded-Host"))
                .OrderBy(field => field.Key, StringComparer.OrdinalIgnoreCase).Select(field => $"{field.Key.ToLowerInvariant()}={field.Value}");
            var host = request.Host.Host is Host ? "own" : request.Host.Value; // ports differ
            await context.Response.WriteAsync(
                $"{request.Method} {context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget} {host} {string.Join(' ', fields)}");
        }
    }

    /// <summary>What of a response is compared, by aspect.</summary>
    private static async Task<Dictionary<string, string>> SendAsync(HttpClient client, Uri server, Ask ask)
    {
        using var request = new HttpRequestMessage(new HttpMethod(ask.Method), new Uri(server.GetLeftPart(UriPartial.Authority) + ask.Target, _asWritten));
        if (ask.Field is var (name, value))
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using var response = await client.SendAsync(request, Cancellation);
        var status = (int)response.StatusCode;
        var seen = response.Headers.Concat(response.Content.Headers)
            .Where(field => field.Key.StartsWith("X-", StringComparison.Ordinal) || field.Key is "Location" or "Content-Type" or "WWW-Authenticate")
            .Where(field => field.Key is not ("X-Request-ID" or "X-Content-Type-Options"))
            .ToDictionary(field => field.Key, field => string.Join(", ", field.Value).Replace($":{server.Port}", "", StringComparison.Ordinal));
        var body = await response.Content.ReadAsStringAsync(Cancellation);
        seen["status"] = $"{status}";
        seen["body"] = status is 401 or 502 || (status == 503 && body.StartsWith('{')) ? "" : body; // the words of errors differ
        return seen;
    }

    /// <param name="Headers">Of the whole site.</param>
    private sealed record Setup(string Name, string Directives, string Routes, string[] Asks, string Headers = "")
    {
        public bool IsAppUp { get; init; } = true;
    }

    private sealed record Ask(string Method, string Target, (string Name, string Value)? Field)
    {
        public static Ask Parse(string text)
        {
            var method = text.StartsWith('/') ? "GET" : text[..text.IndexOf(' ', StringComparison.Ordinal)];
            var rest = text.StartsWith('/') ? text : text[(method.Length + 1)..];
            var blank = rest.IndexOf(' ', StringComparison.Ordinal);
            return blank >= 0 && rest[(blank + 1)..].Split('=', 2) is [var name, var value]
                ? new Ask(method, rest[..blank], (name, value))
                : new Ask(method, rest, null);
        }

        public override string ToString() => $"{Method} {Target}{(Field is var (name, value) ? $" [{name}: {value}]" : "")}";
    }

    /// <param name="Requests">Which, as a regular expression on the text of the request.</param>
    /// <param name="What">What differs: <c>aspect: caddy | edgeproxy</c>, as a regular expression.</param>
    /// <param name="Why">The reason for the difference.</param>
    private sealed record Intended(string Requests, string What, string Why);
}
