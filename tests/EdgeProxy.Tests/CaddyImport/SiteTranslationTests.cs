using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.Tests.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>Caddyfiles that need <c>EdgeProxy:Sites</c>: what the settings say, and what they are asked for.</summary>
public sealed class SiteTranslationTests
{
    private static readonly ImportOptions _app = new(HealthPath: Caddyfile.HealthPath, App: "127.0.0.1:8000");

    [Theory]
    [InlineData(
        "header {\nX-Frame-Options DENY\n-X-Powered-By\n}\nreverse_proxy 127.0.0.1:8000",
        """[{"Headers":{"Remove":"X-Powered-By","Set":{"X-Frame-Options":"DENY"}},"App":"app"}]""")]
    [InlineData("header X-Frame-Options DENY\nreverse_proxy 127.0.0.1:8000", """[{"Headers":{"Add":{"X-Frame-Options":"DENY"}},"App":"app"}]""")] // beside the app's
    [InlineData("header X-A \"{http.request.host}\"\nreverse_proxy :8000 {\nheader_down -X-A\n}", """[{"Headers":{"Set":{"X-A":"{host}"}},"App":"app"}]""")]
    [InlineData(
        "handle /api/* {\nreverse_proxy 127.0.0.1:8000\n}\nhandle /admin/* {\nreverse_proxy 127.0.0.1:8000\n}\nhandle {\nreverse_proxy 127.0.0.1:3000\n}",
        """[{"Path":["/admin/*","/api/*"],"App":"app"},{"Upstreams":"http://127.0.0.1:3000"}]""")]
    [InlineData(
        "handle /api/* {\nreverse_proxy 127.0.0.1:8000\n}\nhandle {\nroot * /srv\ntry_files {path} /index.html\nfile_server\n}",
        """
        [{"Path":"/api/*","App":"app"},{"Files":{"Root":"/srv","Index":["index.html","index.txt"],"TryFiles":["{path}","/index.html"],"CacheControl":[{"Path":"*","Value":""}]}}]
        """)]
    [InlineData(
        "respond /up \"ok\" 200\n@private path /metrics /internal/*\nrespond @private 404\nreverse_proxy 127.0.0.1:8000",
        """
        [{"Path":"/up","Respond":{"Status":200,"Body":"ok"}},{"Path":["/metrics","/internal/*"],"Respond":{"Status":404}},{"App":"app"}]
        """)]
    [InlineData(
        "handle /health {\nreverse_proxy 127.0.0.1:8000\n}\n@hooks path /hooks /hooks/*\nhandle @hooks {\nreverse_proxy 127.0.0.1:8000\n}\nhandle_path " +
            "/static/* {\nroot * /srv" +
            "\nfile_server\n}\nhandle {\nreverse_proxy 127.0.0.1:8000\n}",
        """
        [{"Path":"/static/*","StripPrefix":"/static","Files":{"Root":"/srv","Index":["index.html","index.txt"],"CacheControl":[{"Path":"*","Value":""}]}},{"App":"app"}]
        """)]
    [InlineData(
        "@m {\nmethod POST\nheader X-A *b*\nquery q=1\nnot path /x/*\nremote_ip 10.0.0.0/8\n}\nrespond @m 403\nreverse_proxy 127.0.0.1:8000",
        """
        [{"Match":{"ClientIn":"10.0.0.0/8","Headers":{"X-A":"*b*"},"Methods":"POST","Query":{"q":"1"},"Not":[{"Path":"/x/*"}]},"Respond":{"Status":403}},{"App":"app"}]
        """)]
    [InlineData(
        "handle /api/* {\n@ten remote_ip 10.0.0.0/8\nrespond @ten 403\nreverse_proxy 127.0.0.1:8000\n}\nhandle {\nreverse_proxy 127.0.0.1:3000\n}",
        """
        [{"Path":"/api/*","Match":{"ClientIn":"10.0.0.0/8"},"Respond":{"Status":403}},{"Path":"/api/*","App":"app"},{"Upstreams":"http://127.0.0.1:3000"}]
        """)]
    [InlineData( // no pattern is both, so that the rest is written first
        "handle /static/* {\nroot * /srv\n@css path *.css\nheader @css X-Css 1\nfile_server\n}\nhandle {\nreverse_proxy 127.0.0.1:8000\n}",
        """
        [{"Path":"/static/*","Match":{"Not":[{"Path":"*.css"}]},"Files":{"Root":"/srv","Index":["index.html","index.txt"],"CacheControl":[{"Path":"*","Value":""}]}},
         {"Path":"/static/*","Headers":{"Set":{"X-Css":"1"}},"Files":{"Root":"/srv","Index":["index.html","index.txt"],"CacheControl":[{"Path":"*","Value":""}]}},{"App":"app"}]
        """)]
    [InlineData("handle /api/* {\nreverse_proxy 127.0.0.1:8000\n}", """[{"Path":"/api/*","App":"app"},{"Respond":{"Status":200}}]""")] // what Caddy responds
    [InlineData(
        "handle_path /v1/* {\nhandle /users/* {\nreverse_proxy :8000\n}\nrespond 404\n}\nreverse_proxy :8000",
        """[{"Path":"/v1/users/*","StripPrefix":"/v1","App":"app"},{"Path":"/v1/*","Respond":{"Status":404}},{"App":"app"}]""")]
    [InlineData(
        "reverse_proxy /m/* 127.0.0.1:1 127.0.0.1:2 {\nlb_policy least_conn\nhealth_uri /h\nhealth_interval 5s\n}\nreverse_proxy :8000",
        """
        [{"Path":"/m/*","Upstreams":["http://127.0.0.1:1","http://127.0.0.1:2"],"LoadBalancing":"LeastRequests","UpstreamHealth":{"Path":"/h","Interval":"00:00:05"}},
         {"App":"app"}]
        """)]
    [InlineData(
        "reverse_proxy /m/* :1 :2 {\nlb_try_duration 3s\nfail_duration 9s\nmax_fails 2\n}\n" +
            "reverse_proxy /n/* :1 :2 {\nlb_policy round_robin\nlb_retries 2\n}\nreverse_proxy :8000",
        """
        [{"Path":"/m/*","Upstreams":["http://127.0.0.1:1","http://127.0.0.1:2"],"TryDuration":"00:00:03","UpstreamHealth":{"FailDuration":"00:00:09","MaxFails":2}},
         {"Path":"/n/*","Upstreams":["http://127.0.0.1:1","http://127.0.0.1:2"],"LoadBalancing":"RoundRobin","TryDuration":"00:00:00.5000000"},{"App":"app"}]
        """)]
    [InlineData( // Caddy tries the first one again and again
        "reverse_proxy /m/* :1 :2 {\nlb_policy first\nlb_try_duration 3s\n}\nreverse_proxy :8000",
        """[{"Path":"/m/*","Upstreams":["http://127.0.0.1:1","http://127.0.0.1:2"],"LoadBalancing":"First"},{"App":"app"}]""")]
    [InlineData(
        "route {\nroot * /srv\nfile_server {\npass_thru\n}\nreverse_proxy :8000\n}",
        """[{"Files":{"Root":"/srv","Index":["index.html","index.txt"],"CacheControl":[{"Path":"*","Value":""}]},"PassThru":true},{"App":"app"}]""")]
    [InlineData(
        "@bots header User-Agent *bot*\nabort @bots\nheader X-A a\nerror /x* 403\nreverse_proxy :8000",
        """
        [{"Match":{"Headers":{"User-Agent":"*bot*"}},"Respond":{"Abort":true}},{"Path":"/x*","Headers":{"Set":{"X-A":"a"}},"Respond":{"Status":403}},
         {"Headers":{"Add":{"X-A":"a"}},"App":"app"}]
        """)]
    [InlineData(
        "reverse_proxy /e/* https://example.com {\nheader_up Host {upstream_hostport}\n}\nreverse_proxy :8000",
        """[{"Path":"/e/*","RequestHeaders":{"Set":{"Host":"example.com:443"}},"Upstreams":"https://example.com"},{"App":"app"}]""")]
    [InlineData("header /* X-A b\nreverse_proxy /* :8000", """[{"Headers":{"Add":{"X-A":"b"}},"App":"app"}]""")]
    [InlineData(
        "header >X-A b\nreverse_proxy :8000", """[{"Headers":{"Set":{"X-A":"b"}},"App":"app"}]""")] // later versions: when the response is there
    [InlineData(
        "error /a* 403\nerror /b* 404\nhandle_errors {\n@f expression {err.status_code} == 403\nrespond @f no\n}\nreverse_proxy :8000",
        """[{"Path":"/a*","Respond":{"Status":403,"AsError":true}},{"Path":"/b*","Respond":{"Status":404}},{"App":"app"}]""")]
    public void Routes(string lines, string expected)
    {
        var sites = Sites($"http://a.example.com {{\n{lines}\n}}\n");

        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), sites[0]!["Routes"]), sites.ToJsonString());
        Assert.Single(sites);
    }

    /// <summary>Served otherwise until this was looked at: what a directive sees is what those before it have left.</summary>
    [Theory]
    [InlineData("route {\ntry_files {path} /index.html\nroot * /srv\nfile_server\n}\nreverse_proxy 127.0.0.1:8000", "another root than file_server")]
    [InlineData("request_header X-T yes\n@t header X-T yes\nrespond @t t\nreverse_proxy 127.0.0.1:8000", "asks for Headers X-T, which a directive before it")]
    [InlineData("request_header -X-T\n@t not header_regexp x-t a\nhandle @t {\nrespond t\n}\nreverse_proxy 127.0.0.1:8000", "HeaderRegex x-t")]
    [InlineData("rewrite /s /x?debug=1\n@d query debug=1\nhandle @d {\nrespond d\n}\nreverse_proxy 127.0.0.1:8000", "asks for Query debug")]
    [InlineData("route {\nrequest_header X-U {uri}\nuri strip_prefix /r\nreverse_proxy 127.0.0.1:8000\n}", "changes the path that X-U has had")]
    [InlineData("route {\nrequest_header X-U {query}\nrewrite * /r?a=b\nreverse_proxy 127.0.0.1:8000\n}", "changes the path that X-U has had")]
    [InlineData("redir /f //other.example{uri}\nreverse_proxy 127.0.0.1:8000", "no place that a redirect leads to")]
    [InlineData("handle /f {\nredir /g permanent\n}\nreverse_proxy 127.0.0.1:8000", "/g is a matcher here")]
    [InlineData("rewrite /f /g#h\nreverse_proxy 127.0.0.1:8000", "write rewrite * /new{uri}")]
    [InlineData("header X-E \"\"\nreverse_proxy 127.0.0.1:8000", "a field without a value")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_up X-E \"\"\n}\nredir /f /g", "a field without a value")]
    [InlineData("@q query a=\nrespond @q t\nreverse_proxy 127.0.0.1:8000", "no form of query")]
    [InlineData("@m path /a\nrespond @m t\nhandle /b {\n@m path /b/c\nheader @m X-A b\n}\nreverse_proxy 127.0.0.1:8000", "a second time")]
    public void What_an_earlier_directive_has_changed_is_refused(string lines, string why)
    {
        using var file = new Caddyfile($"http://a.example.com {{\n{lines}\n}}\n");

        Assert.Contains(file.Import(_app).Problems, problem => problem.Message.Contains(why, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("encode gzip\n", false)]
    [InlineData("", true)]
    public void Files_compressed_beforehand_are_noted_where_nothing_is_compressed(string line, bool isNoted)
    {
        using var file = new Caddyfile(
            $"http://a.example.com {{\n{line}handle_path /f/* {{\nroot * /srv\nfile_server {{\nprecompressed br\n}}\n}}\nreverse_proxy 127.0.0.1:8000\n}}\n");

        Assert.Equal(isNoted, file.Import(_app).Notes.Any(note => note.Message.Contains("precompressed", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_Caddyfile_is_hidden_in_settings_without_sites_too()
    {
        using var file = new Caddyfile("http://a.example.com {\nhandle_path /f/* {\nroot * DIR\nfile_server\n}\nreverse_proxy 127.0.0.1:8000\n}\n");

        Assert.Equal("/Caddyfile", file.Import(_app).Settings!["EdgeProxy"]!["StaticFiles"]![0]!["Hide"]![0]!.GetValue<string>());
    }

    [Theory]
    [InlineData("a.example.com {", """{"Hosts":"a.example.com"}""")]
    [InlineData("http://a.example.com {", """{"Hosts":"a.example.com","Scheme":"Http"}""")]
    [InlineData("a.example.com, b.example.com {\ntls /c.pem /k.pem", """{"Hosts":["a.example.com","b.example.com"],"Acme":false}""")]
    [InlineData("*.example.com {\ntls internal", """{"Hosts":"*.example.com","Acme":false}""")]
    [InlineData("http://:8080 {", """{"Hosts":"*","Scheme":"Http"}""")]
    [InlineData("http://a.example.com, https://a.example.com {", """{"Hosts":"a.example.com","Scheme":"Http"};{"Hosts":"a.example.com","Scheme":"Https"}""")]
    [InlineData("http://a.example.com, http://b.example.com:8080 {", """{"Hosts":"a.example.com","Scheme":"Http","Bind":":80"};{"Hosts":"b.example.com","Scheme":"Http","Bind":":8080"}""")]
    [InlineData("http://a.example.com:8080, a.example.com {",
        """{"Hosts":"a.example.com","Scheme":"Http","Bind":":8080"};{"Hosts":"a.example.com","Bind":[":443",":80"]}""")] // Caddy redirects at port 80
    [InlineData("a.example.com, a.example.com:8443 {",
        """{"Hosts":"a.example.com","Bind":[":443",":80"]};{"Hosts":"a.example.com","Scheme":"Https","Bind":":8443"}""")]
    [InlineData("a.example.com:8444, a.example.com:8443 {",
        """{"Hosts":"a.example.com","Scheme":"Https","Bind":":8444"};{"Hosts":"a.example.com","Bind":[":80",":8443"]}""")]
    [InlineData("a.example.com {\nbind 10.0.0.5", """{"Hosts":"a.example.com"}""")] // the only address
    public void Places(string addresses, string expected)
    {
        var sites = Sites($"{addresses}\nheader X-A b\nreverse_proxy 127.0.0.1:8000\n}}\n");
        foreach (var site in sites)
        {
            site!.AsObject().Remove("Routes");
        }

        Assert.Equal(expected, string.Join(';', sites.Select(site => site!.ToJsonString())));
    }

    [Theory]
    [InlineData("a.example.com:10443, a.example.com:9443", 9443)] // the lowest, not the first
    [InlineData("a.example.com:8443, a.example.com", null)]
    public void A_name_of_several_ports_is_redirected_to_one(string addresses, int? port) => Assert.Equal(
        port, (int?)Caddyfile.Settings($"{addresses} {{\nheader X-A b\nreverse_proxy 127.0.0.1:8000\n}}\n", _app)["EdgeProxy"]!["Tls"]!["RedirectPort"]);

    /// <summary>Each directive is translated for itself; where one takes all that is left, no route is written for another.</summary>
    [Fact]
    public void No_route_is_written_that_gets_no_request()
    {
        using var file = new Caddyfile("http://a.example.com {\n" +
            "@pa {\nmethod OPTIONS\nheader Origin a\n}\nhandle @pa {\nheader X-A a\nrespond 204\n}\n@oa header Origin a\nheader @oa X-A a\n" +
            "@pb {\nmethod OPTIONS\nheader Origin b\n}\nhandle @pb {\nheader X-A b\nrespond 204\n}\n@ob header Origin b\nheader @ob X-A b\n" +
            "handle {\nreverse_proxy 127.0.0.1:8000\n}\n}\n");
        var result = file.Import(_app);

        Assert.NotNull(result.Settings);
        Assert.DoesNotContain(result.Notes, note => note.Message.Contains("gets no request", StringComparison.Ordinal));
    }

    [Fact]
    public void Sites_at_other_addresses_are_not_served_at_these()
    {
        var sites = Sites(
            "app.example.com {\nbind 203.0.113.10\nreverse_proxy 127.0.0.1:8000\n}\nstaff.example.com {\nbind 10.0.0.5\nreverse_proxy 127.0.0.1:8000\n}\n");

        Assert.Equal("""["203.0.113.10:443","203.0.113.10:80"]""", sites[0]!["Bind"]!.ToJsonString());
        Assert.Equal("""["10.0.0.5:443","10.0.0.5:80"]""", sites[1]!["Bind"]!.ToJsonString());
    }

    /// <summary>Two names, each with its own server and certificate.</summary>
    [Fact]
    public void Several_sites_differ_as_they_do_in_Caddy()
    {
        var settings = Caddyfile.Settings(
            "live.example.com {\nencode gzip\nreverse_proxy 127.0.0.1:8000\n}\n\nstaging.example.com {\nreverse_proxy 127.0.0.1:8200\n}\n" +
                "www.example.com {\nredir https://live.example.com{uri} permanent\n}\n",
            _app)["EdgeProxy"]!;

        Assert.Equal("""["live.example.com","staging.example.com","www.example.com"]""", settings["Tls"]!["Acme"]!["Domains"]!.ToJsonString());
        Assert.Equal(["app", "http://127.0.0.1:8200"], settings["Sites"]!.AsArray().Take(2).Select(site =>
            site!["Routes"]![0]!.AsObject().Single().Value!.GetValue<string>()));
        Assert.Equal("""{"To":"https://live.example.com{uri}","Status":301}""", settings["Sites"]![2]!["Routes"]![0]!["Redirect"]!.ToJsonString());
        Assert.Equal("http://127.0.0.1:8000", settings["Slots"]!["Blue"]!["Address"]!.GetValue<string>());
    }

    [Theory]
    [InlineData( // an app that is down is 502 to Caddy
        "rewrite * /{err.status_code}.html\nroot * /e\nfile_server",
        """{"400-502":"/e/{status}.html","503":"/e/502.html","504-599":"/e/{status}.html"}""")]
    [InlineData(
        "@d expression {err.status_code} == 502 || {err.status_code} == 404\nhandle @d {\nroot * /e\nrewrite * /d.html\nfile_server\n}\nrespond all",
        """{"404":"/e/d.html","502-503":"/e/d.html"}""")]
    [InlineData("rewrite * /x.html\nfile_server", """{"400-599":"/srv/x.html"}""")] // the site's root
    [InlineData(
        "@g expression `{http.error.status_code} >= 502`\nhandle @g {\nroot * /e\nrewrite * /down.html\nfile_server\n}", """{"502-599":"/e/down.html"}""")]
    [InlineData(
        "root * /e\nhandle {\nrewrite * /any.html\nfile_server\n}\n@n expression {err.status_code} in [404, 410]\nhandle @n {\nrewrite * " +
            "/none.html\nfile_server\n}",
        """{"400-403":"/e/any.html","404":"/e/none.html","405-409":"/e/any.html","410":"/e/none.html","411-599":"/e/any.html"}""")]
    public void Error_pages(string lines, string expected)
    {
        var sites = Sites($"http://a.example.com {{\nroot * /srv\nreverse_proxy 127.0.0.1:8000\nhandle_errors {{\n{lines}\n}}\n}}\n");

        Assert.Equal(expected, sites[0]!["ErrorPages"]!.ToJsonString());
    }

    [Theory]
    [InlineData("respond \"{err.status_code} {http.error.status_text} {http.request.host}\"", """{"400-599":{"Body":"{status} {status_text} {host}"}}""")]
    [InlineData("@g expression {err.status_code} == 502\nrespond @g down 503", """{"502-503":{"Status":503,"Body":"down"}}""")]
    [InlineData("@g expression {err.status_code} == 502\n@h expression {err.status_code} == 503\nrespond @g a\nrespond @h b {err.status_code}",
        """{"502-503":{"Body":"a"}}""")] // without health checks and 'error' Caddy has no 503
    [InlineData("respond all\n@g `{err.status_code} == 404`\nrespond @g 410\nrespond * never",
        """{"400-403":{"Body":"all"},"404":{"Status":410},"405-599":{"Body":"all"}}""")]
    [InlineData("header Content-Type text/html\nrespond {\nbody p\nclose\n}", """{"400-599":{"Body":"p","ContentType":"text/html"}}""")]
    [InlineData("@g expression {err.status_code} == 404\nhandle @g {\nheader Content-Type text/html\n}\nrespond rest", """{"400-599":{"Body":"rest"}}""")]
    public void Error_texts(string lines, string expected)
    {
        var sites = Sites($"http://a.example.com {{\nreverse_proxy 127.0.0.1:8000\nhandle_errors {{\n{lines}\n}}\n}}\n");

        Assert.Equal(expected, sites[0]!["ErrorResponses"]!.ToJsonString());
    }

    [Theory]
    [InlineData("error /off/* 503", "")]
    [InlineData("", " {\nhealth_uri /h\n}")]
    public void What_caddy_has_as_503_too_keeps_its_page(string line, string options)
    {
        var sites = Sites($"http://a.example.com {{\n{line}\nreverse_proxy 127.0.0.1:8000{options}\nhandle_errors {{\nroot * /e\n" +
            "rewrite * /{err.status_code}.html\nfile_server\n}\n}\n");

        Assert.Equal("""{"400-599":"/e/{status}.html"}""", sites[0]!["ErrorPages"]!.ToJsonString());
    }

    [Theory]
    [InlineData("respond {err.message}")]
    [InlineData("respond /x y")]
    [InlineData("@a path /x\nrespond @a y")]
    [InlineData("respond @none y")]
    [InlineData("header X-A {err.message}\nrespond y")]
    [InlineData("header X-A {re.x.1}\nrespond y")]
    [InlineData("redir /x")]
    [InlineData("reverse_proxy 127.0.0.1:9000")]
    [InlineData("@g expression {err.status_code} == 404\nrewrite @g /404.html\nfile_server")] // else files at the path that was asked for
    [InlineData("rewrite * /404.html\nrespond @none y")]
    [InlineData("root * /e\nfile_server")]
    public void Other_handlers_of_errors_are_refused(string lines)
    {
        using var file = new Caddyfile($"http://a.example.com {{\nroot * /srv\nreverse_proxy 127.0.0.1:8000\nhandle_errors {{\n{lines}\n}}\n}}\n");

        Assert.NotEmpty(file.Import().Problems);
    }

    [Fact]
    public void The_app_is_asked_for_where_there_are_several()
    {
        using var file = new Caddyfile("http://a.example.com {\nreverse_proxy /x/* localhost:9000\nreverse_proxy 127.0.0.1:8000\n}\n");

        var asked = Assert.Single(file.Import().Problems);
        var wrong = Assert.Single(file.Import(_app with { App = "127.0.0.1:7" }).Problems);
        var named = file.Import(_app with { App = ":9000" }).Settings!["EdgeProxy"]!;
        var known = file.Import(_app with { App = null, Green = "http://127.0.0.1:8000", Blue = "http://127.0.0.1:8001" }).Settings!["EdgeProxy"]!;

        Assert.Contains("--app", asked.Message, StringComparison.Ordinal);
        Assert.Equal(3, asked.Line);
        Assert.Contains("127.0.0.1:7", wrong.Message, StringComparison.Ordinal);
        Assert.Equal("http://localhost:9000", named["Slots"]!["Blue"]!["Address"]!.GetValue<string>());
        Assert.Equal("Green", known["InitialSlot"]!.GetValue<string>());
    }

    /// <summary>Nobody should have to mend one line to learn of the next.</summary>
    [Fact]
    public void All_problems_are_named_at_once()
    {
        using var file = new Caddyfile("""
            {
              order x first
            }
            a.example.com {
              respond /x {header.A}
              basicauth /y @nowhere {
                u h
              }
              handle @nowhere {
                templates
              }
              handle /z/* {
                @p path_regexp ^/z(?=/)
                redir @p page
                reverse_proxy flower:5555
              }
              reverse_proxy 127.0.0.1:8000
            }
            ftp://b.example.com {
              method POST
            }
            """);

        var lines = file.Import(new()).Problems.Select(problem => problem.Line).Distinct();

        Assert.Equal([0, 2, 5, 6, 7, 9, 10, 13, 14, 15, 17, 19, 20], lines);
    }

    [Fact]
    public void What_a_file_holds_does_not_steer_a_terminal()
    {
        using var file = new Caddyfile(":80 {\nrespond \"\u001b[2J\u202Etext\" \"a\nb\"\nreverse_proxy :8000\n}\n");

        var message = Assert.Single(file.Import().Problems).Message;

        Assert.Contains(@"\u001b[2J\u202etext a\u000ab", message, StringComparison.Ordinal);
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void An_app_of_a_Compose_file_needs_the_addresses_of_its_slots()
    {
        using var file = new Caddyfile("http://a.example.com {\nreverse_proxy web:8000\n}\n");

        Assert.Contains("--blue and --green", Assert.Single(file.Import().Problems).Message, StringComparison.Ordinal);
        Assert.NotNull(file.Import(_app with { App = null, Blue = "http://127.0.0.1:8000", Green = "http://127.0.0.1:8100" }).Settings);
    }

    /// <summary>Caddy sorts directives; for the same file with its lines in another order it has the same meaning, and so have the settings.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task The_order_of_lines_does_not_matter(int seed)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        string[] blocks =
        [
            "root * /srv", "root /long/path/* /other", "header X-A a", "header /api/* X-B b", "redir /old /new", "redir /older/* /newer",
            "basicauth /secret {\nbob JDJhJDA0JHlqN3VMNFZkMUsyVjdXMTJFYVNwMi5kQlhvMUg4RW5rYW1kcHRDR3A4V1ZTZ29pbVU5SFB1\n}", "encode gzip",
            "handle /api/* {\nreverse_proxy 127.0.0.1:8000\n}", "handle /api/v2/* {\nrespond \"v2\"\n}", "handle_path /files/* {\nfile_server\n}",
            "@m {\nmethod POST\npath /posted/to/this\n}\nhandle @m {\nrespond 405\n}", "handle {\nreverse_proxy 127.0.0.1:8000\n}", "respond /x 404",
                "request_header X-C c",
        ];
        var random = new Random(seed);
        var chosen = blocks.Where(block => random.Next(3) > 0 || block.StartsWith("root",
            StringComparison.Ordinal)).Append("reverse_proxy 127.0.0.1:8000").ToArray();
        var (adapted, settings) = (new List<string>(), new List<string>());
        for (var i = 0; i < 6; i++)
        {
            random.Shuffle(chosen);
            using var file = new Caddyfile($"http://a.example.com {{\n{string.Join('\n', chosen)}\n}}\n");
            var caddy = await Tool.RunAsync("caddy", ["adapt", "--config", file.Path, "--adapter", "caddyfile"]);
            Assert.True(caddy.ExitCode == 0, caddy.Error);
            adapted.Add(System.Text.RegularExpressions.Regex.Replace(caddy.Output.Replace(file[""], "", StringComparison.Ordinal), "group[0-9]+", "group"));
            settings.Add(Caddyfile.Load(file.Import(_app)).Options is not null ? file.Import(_app).Settings!.ToJsonString() : "");
        }

        Assert.Single(settings.Distinct());
        Assert.Single(adapted.Distinct()); // none of these blocks has a rank that its line gives it
    }

    private static JsonArray Sites(string content) => Caddyfile.Settings(content, _app)["EdgeProxy"]!["Sites"]!.AsArray();
}
