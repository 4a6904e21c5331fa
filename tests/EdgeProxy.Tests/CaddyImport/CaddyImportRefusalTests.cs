using System.Text.RegularExpressions;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>What cannot be translated is named with its line, and says what to do instead.</summary>
public sealed class CaddyImportRefusalTests
{
    [Theory]
    [InlineData("rewrite * /index.php?{http.request.uuid}", "EdgeProxy fills in")]
    [InlineData("rewrite * ?a=b", "write rewrite")]
    [InlineData("redir https://{header.X}/", "EdgeProxy fills in")]
    [InlineData("redir https://example.com{query}", "no place that a redirect leads to")]
    [InlineData("redir /a /b page", "redir /old /new")]
    [InlineData("uri replace /a /b", "app's URLs")]
    [InlineData("try_files {path} /index.html", "looks for files")]
    [InlineData("try_files {path} /index.php?{query}", "no counterpart")]
    [InlineData("basicauth {\nu h\n}", "one bcrypt hash")]
    [InlineData("basic_auth {\nu h\n}", "one bcrypt hash")]
    [InlineData("basicauth scrypt {\nu h\n}", "bcrypt")]
    [InlineData("forward_auth localhost:9 {\nuri /x\n}", "access control")]
    [InlineData("php_fastcgi unix//run/php.sock", "by another server")]
    [InlineData("respond /health {header.X}", "EdgeProxy fills in")]
    [InlineData("respond /health ok 100", "200 to 599")]
    [InlineData("abort /x 403", "abort @matcher")]
    [InlineData("templates", "let the app fill in")]
    [InlineData("handle_errors {\nrespond {err.message}\n}", "{err.message}", 2)]
    [InlineData("handle_errors {\nroot * /srv\nfile_server\n}", "the status alone", 3)]
    [InlineData("handle_errors {\n@x expression `{err.message} == 1`\nhandle @x {\nroot * /srv\nrewrite * /x.html\nfile_server\n}\n}",
        "the status alone", 3)]
    [InlineData("request_header X-Forwarded-Proto https", "header_up")]
    [InlineData("request_body /upload/* {\nmax_size soon\n}", "max_size 10MB")]
    [InlineData("metrics /metrics", "admin address")]
    [InlineData("rate_limit {\nzone x\n}", "nothing like rate_limit")]
    // Caddy 2.6.2 replaces DENY by SAMEORIGIN in what header lines have set before the response is there: alone, nothing
    [InlineData("header X-Frame-Options DENY SAMEORIGIN", null)]
    [InlineData("header X-Frame-Options DENY\nheader X-Frame-Options DENY SAMEORIGIN", "by another line, too", 2)]
    [InlineData("header {\nX-Frame-Options DENY\nX-Frame-Options DENY SAMEORIGIN\n}", "by another line, too")]
    [InlineData("header Server Caddy own", "Caddy's own name")]
    [InlineData("request_header X-A a b", "write the whole value")]
    [InlineData("header {\n?X-A a\n?X-B b\n}", "both or none")]
    [InlineData("header X-A {tls_cipher}", "EdgeProxy fills in")]
    [InlineData("header -*", "name a field")]
    [InlineData("header Connection close", "belongs to the connection")]
    [InlineData("encode lzma", "zstd, br, gzip")]
    [InlineData("tls {\ndns cloudflare x\n}", "not by DNS", 2)]
    [InlineData("tls {\non_demand\n}", "name them", 2)]
    [InlineData("tls {\nclient_auth {\nmode require\n}\n}", "no client certificates", 2)]
    [InlineData("log {\noutput net localhost:1\n}", "journal", 2)]
    [InlineData("bind unix//run/x", "IP addresses")]
    [InlineData("@m path_regexp ^/api/(?!x)\nhandle @m {\nreverse_proxy :8000\n}", "no look-around")]
    [InlineData("@m {\npath_regexp x ^/[0-9]+$\npath_regexp ^/y\n}\nhandle @m {\nreverse_proxy :8000\n}", "second regular expression", 3)]
    [InlineData("@m expression `{method} == 'GET'`\nhandle @m {\nreverse_proxy :8000\n}", "no expressions")]
    [InlineData("@m remote_ip forwarded 10.0.0.0/8\nhandle @m {\nreverse_proxy :8000\n}", "believes any client")]
    [InlineData("@m header X-Forwarded-Proto http\nhandle @m {\nreverse_proxy :8000\n}", "what decides a route here")]
    [InlineData("handle /x {\nfile_server {\nroot /srv\nstatus 503\n}\n}", "one file", 4)]
    [InlineData("handle_errors {\nheader X a\nheader X b\n}", "write one", 2)]
    [InlineData("handle_errors {\nheader X {err.message}\n}", "EdgeProxy fills in", 2)]
    [InlineData("@m file /x\nhandle @m {\nroot * /srv\nreverse_proxy :8000\n}", "name one before it", 2)]
    [InlineData("root * /srv\n@m file /x*\nrespond @m x", "without stars", 2)]
    [InlineData("root * /srv\n@m {\nfile {\ntry_files {path}\nsplit_path .php\n}\n}\nrespond @m x", "without stars", 3)]
    [InlineData("root * /srv\n@m file {host}\nrespond @m x", "without stars", 2)]
    [InlineData("root * /srv\n@m file {path} =404\nrespond @m x", "without stars", 2)]
    [InlineData("root * /srv\n@m file {path}\nhandle_path /x/* {\nrespond @m x\n}", "changed before", 4)]
    [InlineData("rewrite /a/* /b{uri}\nrespond /b/* x", "changed before", 2)]
    [InlineData("uri strip_prefix /a\nrespond /b/* x", "changed before", 2)]
    [InlineData("uri replace a b", "app's URLs")]
    [InlineData("@old path_regexp ^/old/(.*)$\nredir @old /new/{re.1}", "{re.NAME.1}", 2)]
    [InlineData("@old path_regexp old ^/old/(.*)$\nredir @old /new/{re.old.2}", "has no group 2", 2)]
    [InlineData("@old path_regexp old ^/old/([a-z])*$\nredir @old /new/{re.old.1}", "is repeated", 2)]
    [InlineData("header {\nX (?=a) b\ndefer\n}", "look-around", 2)]
    [InlineData("header {\nX a {host}\ndefer\n}", "no placeholders", 2)]
    [InlineData("header {\nX a b\n-X\n}", "by another line, too")]
    [InlineData("header {\nX a $(\ndefer\n}", "neither ${1} nor $$", 2)]
    [InlineData("@old path_regexp old ^/(.*)$\nredir @old {re.old.1}", "may be no path", 2)]
    [InlineData("@old path_regexp old ^/(.*)$\nredir @old https://{re.old.1}/", "no place that a redirect leads to", 2)]
    [InlineData("@old path_regexp old ^/(.*)$\nredir https://x.test/{re.old.1}", "none that all requests here match", 2)]
    [InlineData("@old header_regexp old Cookie (a)\nredir @old /{re.old.1}", "none that all requests here match", 2)]
    [InlineData("@m method get\nrespond @m x", "write GET")]
    [InlineData("@m header User-Agent *Bot* *Spider*\nrespond @m x", "header FIELD VALUE")]
    [InlineData("@m query a=1 b=2\nrespond @m x", "a matcher for each")]
    [InlineData("handle /x/* {\nreverse_proxy 127.0.0.1:8000 {\nheader_up X-Forwarded-For {remote}\n}\n}", "write {remote_host}", 3)]
    [InlineData("handle /x/* {\nreverse_proxy 127.0.0.1:8000 {\nheader_up X-From {http.request.remote}\n}\n}", "write {remote_host}", 3)]
    [InlineData("handle_errors {\nrespond x\n}\nerror /x \"{header.X}\"", "error \"message\" 404", 4)]
    [InlineData("handle @nowhere {\nreverse_proxy :8000\n}", "not defined")]
    [InlineData("handle /other/* {\nreverse_proxy :9000\n}", "with --app ADDRESS", 3)]
    [InlineData("handle /other/* {\nreverse_proxy flower:5555\n}", "publish its port", 2)]
    [InlineData("handle /other/* {\nreverse_proxy unix//run/x 127.0.0.1:1\n}", "HOST:PORT, http:// or https://", 2)]
    [InlineData("handle /other/* {\nreverse_proxy https://example.com\n}", "header_up Host", 2)]
    [InlineData("handle /other/* {\nreverse_proxy 127.0.0.1:1 127.0.0.1:2 {\nlb_policy ip_hash\n}\n}", "cannot be translated", 3)]
    [InlineData("handle /static/* {\nroot * /srv\nfile_server {\nbrowse x.html\n}\n}", "template of browse", 4)]
    [InlineData("handle /static/* {\nroot * /srv\nfile_server {\nstatus 200\n}\n}", "remove it", 4)]
    [InlineData("header {\n+X-B d\ndefer\n}\nheader ?X-B c", "adds to X-B")]
    [InlineData("handle /static/* {\nroot * /srv\nfile_server {\nhide a/secret\n}\n}", "below the root", 4)]
    [InlineData("handle /static/* {\nfile_server\n}", "no root", 2)]
    [InlineData("handle /static/* {\nroot * {env.HERE}\nfile_server\n}", "absolute path", 3)]
    [InlineData("handle /static/* {\nroot * files\nfile_server\n}", "absolute path", 3)]
    [InlineData("handle /x/* {\nheader X-A a\nreverse_proxy 127.0.0.1:8000 {\nheader_down X-A a\n}\n}", "sent twice", 4)]
    // of one matcher both run
    [InlineData("handle_path /p/* {\nheader X-Z 1\n}\nhandle_path /p/* {\nreverse_proxy 127.0.0.1:8000\n}", "changed before", 4)]
    [InlineData("rewrite /p /x?{query}\nrewrite /p /y", "rewritten before", 2)]
    [InlineData("rewrite /p /x\nrewrite /p /y{uri}", "rewritten before", 2)]
    [InlineData("handle /p/* {\nheader X-Z 1\n}\nhandle /p/* {\nreverse_proxy 127.0.0.1:8000\n}", null)]
    // falls through to the app
    [InlineData("handle /nothing/* {\nhandle /other/* {\nreverse_proxy 127.0.0.1:8000\n}\n}\nhandle {\nreverse_proxy 127.0.0.1:8000\n}", null)]
    public void In_a_site(string lines, string? why, int line = 1)
    {
        using var file = new Caddyfile($"http://api.example.com {{\n{lines}\nreverse_proxy 127.0.0.1:8000\n}}\n");
        var result = file.Import();

        if (why is null)
        {
            Assert.Empty(result.Problems);
            return;
        }

        Assert.Null(result.Settings);
        Assert.Contains(
            result.Problems,
            problem =>
                problem.File == file.Path && problem.Line >= line + 1 && problem.Line <= line + 2 && problem.Message.Contains(why, StringComparison.Ordinal));
    }

    /// <summary>Whoever writes it means the app's field, which Caddy leaves as it is.</summary>
    [Fact]
    public void A_replacement_that_comes_too_early_is_noted()
    {
        using var file = new Caddyfile("http://api.example.com {\nheader X-Frame-Options DENY SAMEORIGIN\nreverse_proxy 127.0.0.1:8000\n}\n");
        var result = file.Import();

        Assert.Contains(result.Notes, note => note.Line == 2 && note.Message.Contains("changes no response", StringComparison.Ordinal));
        Assert.DoesNotContain("SAMEORIGIN", result.Settings!.ToJsonString(), StringComparison.Ordinal);
    }

    /// <summary>What was refused has an effect, though nobody knows which.</summary>
    [Fact]
    public void Of_a_line_that_is_refused_nothing_else_is_said()
    {
        using var file = new Caddyfile(
            "http://api.example.com {\nroot * /srv\ntry_files {path} /index.html\nreverse_proxy /api/* 127.0.0.1:8000\nfile_server\n}\n");
        var result = file.Import();

        Assert.Contains(result.Problems, problem => problem.Line == 4);
        Assert.DoesNotContain(result.Notes, note => note.Message.Contains("has no effect", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("reverse_proxy 127.0.0.1:8000 127.0.0.1:8100", "2 upstreams")]
    [InlineData("reverse_proxy https://127.0.0.1:8000", "plain HTTP")]
    [InlineData("reverse_proxy h2c://127.0.0.1:8000", "plain HTTP")]
    [InlineData("reverse_proxy {http.request.host}:8000", "plain HTTP")]
    [InlineData("reverse_proxy 127.0.0.1:8000-8002", "plain HTTP")]
    [InlineData("reverse_proxy", "no upstream")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_up X-Api-Key {tls_client_subject}\n}", "EdgeProxy fills in")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nhandle_response {\nrespond x\n}\n}", "through as they are")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport http {\ntls\n}\n}", "plain HTTP/1.1")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport fastcgi\n}", "plain HTTP/1.1")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nhealth_body ^ok$\n}", "by hand")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nlb_try_duration soon\n}", "duration")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport http {\ndial_timeout 10m\n}\n}", "must be a duration from")] // what the settings allow
    [InlineData("root * /srv\nfile_server", "no app to serve")]
    [InlineData("encode gzip", "no app to serve")]
    public void Of_the_app(string lines, string why)
    {
        using var file = new Caddyfile($"http://api.example.com {{\n{lines}\n}}\n");
        var result = file.Import();

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Message.Contains(why, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("api.example.com/v1 {\nreverse_proxy :8000\n}", 1, "has a path")]
    [InlineData("ftp://api.example.com {\nreverse_proxy :8000\n}", 1, "not understood")]
    [InlineData("api.example.com:99999 {\nreverse_proxy :8000\n}", 1, "not understood")]
    [InlineData("*.example.com {\nreverse_proxy :8000\n}", 1, "DNS challenge")]
    [InlineData("https:// {\nreverse_proxy :8000\n}", 1, "without a name")]
    [InlineData("{\nauto_https off\n}\napi.example.com {\nreverse_proxy :8000\n}", 4, "auto_https is off")]
    [InlineData("{\norder x first\n}\n:80 {\nreverse_proxy :8000\n}", 2, "global option")]
    [InlineData("{\nemail a@example.com\n}\na.example.com {\ntls b@example.com\nreverse_proxy :8000\n}", 5, "make both lines the same")]
    [InlineData("a.example.com {\nreverse_proxy :8000\n}\nb.example.com {\nreverse_proxy :9000\n}", 5, "one of several upstreams")]
    [InlineData(
        "{\nservers {\ntrusted_proxies static 10.0.0.0/8\n}\n}\n:80 {\n@x not remote_ip 10.0.0.0/8\nrespond @x 403\nreverse_proxy :8000\n}", 7, "client_ip")]
    [InlineData("{\nacme_ca https://ca.lan/directory\n}\nmyhost {\nreverse_proxy :8000\n}", 4, "must be a full domain name")]
    [InlineData(":80 {\nreverse_proxy {$APP}\n}", 2, "{$APP} is not set here")]
    public void Around_the_sites(string content, int line, string why)
    {
        using var file = new Caddyfile(content + "\n");
        var result = file.Import();

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Line == line && problem.Message.Contains(why, StringComparison.Ordinal));
    }

    [Fact]
    public void A_line_is_what_happened_why_and_what_to_do()
    {
        using var file = new Caddyfile(":80 {\nmethod POST\nreverse_proxy :8000\n}\n");

        Assert.Matches($@"^{Regex.Escape(file.Path)}:2: 'method POST' cannot be translated: .+$", Assert.Single(file.Import().Problems).ToString());
    }
}
