using System.Text.RegularExpressions;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>What cannot be translated is named with its line, and says what to do instead.</summary>
public sealed class RefusalTests
{
    [Theory]
    [InlineData("redir https://{host}{uri}", "let the app do")]
    [InlineData("rewrite * /index.php", "app's URLs")]
    [InlineData("uri replace /a /b", "app's URLs")]
    [InlineData("try_files {path} /index.html", "404 for what is not there")]
    [InlineData("basicauth {\nu h\n}", "app's to check")]
    [InlineData("basic_auth {\nu h\n}", "app's to check")]
    [InlineData("forward_auth localhost:9 {\nuri /x\n}", "app's to check")]
    [InlineData("php_fastcgi unix//run/php.sock", "by another server")]
    [InlineData("respond /health ok", "let the app answer")]
    [InlineData("abort", "let the app answer")]
    [InlineData("templates", "let the app answer")]
    [InlineData("handle_errors {\nrespond x\n}", "remove it")]
    [InlineData("request_header X-A b", "no other field")]
    [InlineData("request_body /upload/* {\nmax_size 1MB\n}", "whole site")]
    [InlineData("metrics /metrics", "admin address")]
    [InlineData("rate_limit {\nzone x\n}", "nothing like rate_limit")]
    [InlineData("header X-Frame-Options DENY", "XFrameOptionsMiddleware")]
    [InlineData("header /api/* Strict-Transport-Security max-age=1", "whole site")]
    [InlineData("header Cache-Control no-store", "in the app")]
    [InlineData("encode lzma", "zstd, br, gzip")]
    [InlineData("tls {\ndns cloudflare x\n}", "not by DNS", 2)]
    [InlineData("tls {\non_demand\n}", "name them", 2)]
    [InlineData("tls {\nclient_auth {\nmode require\n}\n}", "no certificates", 2)]
    [InlineData("log {\noutput net localhost:1\n}", "journal", 2)]
    [InlineData("bind unix//run/x", "IP addresses")]
    [InlineData("handle /favicon.ico {\nroot * /srv\nfile_server\n}", "single files")]
    [InlineData("@css path *.css\nhandle @css {\nroot * /srv\nfile_server\n}", "single files")]
    [InlineData("@post method POST\nhandle @post {\nreverse_proxy :8000\n}", "beginning of their paths")]
    [InlineData("handle @nowhere {\nreverse_proxy :8000\n}", "not defined")]
    [InlineData("handle_path /api/* {\nreverse_proxy 127.0.0.1:8000\n}", "have the prefix", 2)]
    [InlineData("handle /other/* {\nreverse_proxy :9000\n}", "one app", 2)]
    [InlineData("handle /static/* {\nfile_server browse\n}", "no listings", 2)]
    [InlineData("handle /static/* {\nfile_server {\npass_thru\n}\n}", "404", 3)]
    [InlineData("handle /static/* {\nfile_server {\nhide secret\n}\n}", "hides names that begin with a dot", 3)]
    [InlineData("handle /static/* {\nfile_server\n}", "no root", 2)]
    [InlineData("handle /static/* {\nroot * {env.HERE}\nfile_server\n}", "absolute path", 3)]
    [InlineData("handle /static/* {\nroot * files\nfile_server\n}", "absolute path", 3)]
    [InlineData("root * /srv\nhandle /static/* {\nfile_server\n}\nhandle /static/api/* {\nreverse_proxy 127.0.0.1:8000\n}", "own all beneath", 6)]
    [InlineData("handle /static/* {\nencode gzip\nroot * /srv\nfile_server\n}", "otherwise than the rest", 2)]
    [InlineData("handle /nothing/* {\nhandle /other/* {\nreverse_proxy 127.0.0.1:8000\n}\n}\nhandle {\nreverse_proxy 127.0.0.1:8000\n}", null)] // falls through to the app
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
        Assert.Contains(result.Problems, problem => problem.File == file.Path && problem.Line >= line + 1 && problem.Line <= line + 2 && problem.Message.Contains(why, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("reverse_proxy 127.0.0.1:8000 127.0.0.1:8100", "2 upstreams")]
    [InlineData("reverse_proxy https://127.0.0.1:8000", "plain HTTP")]
    [InlineData("reverse_proxy h2c://127.0.0.1:8000", "plain HTTP")]
    [InlineData("reverse_proxy {http.request.host}:8000", "plain HTTP")]
    [InlineData("reverse_proxy 127.0.0.1:8000-8002", "plain HTTP")]
    [InlineData("reverse_proxy", "no upstream")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_up Host {upstream_hostport}\n}", "no other field")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_up X-Api-Key secret\n}", "no other field")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_down -X\n}", "through as they are")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nhandle_response {\nrespond x\n}\n}", "through as they are")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport http {\ntls\n}\n}", "plain HTTP/1.1")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport fastcgi\n}", "plain HTTP/1.1")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nhealth_body ^ok$\n}", "by hand")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nlb_try_duration soon\n}", "duration")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport http {\ndial_timeout 10m\n}\n}", "must be a duration from")] // what the settings allow
    [InlineData("root * /srv\nfile_server", "the app gets none")]
    [InlineData("encode gzip", "needs an app")]
    public void Of_the_app(string lines, string why)
    {
        using var file = new Caddyfile($"http://api.example.com {{\n{lines}\n}}\n");
        var result = file.Import();

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Line > 0 && problem.Message.Contains(why, StringComparison.Ordinal));
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
    [InlineData("a.example.com {\nreverse_proxy :8000\n}\nb.example.com {\nreverse_proxy :9000\n}", 5, "one of several sites")]
    [InlineData("a.example.com {\nheader Strict-Transport-Security max-age=1\nreverse_proxy :8000\n}\nb.example.com {\nreverse_proxy :8000\n}", 5, "lacks what")]
    [InlineData("a.example.com {\nreverse_proxy :8000\n}\nwww.example.com {\nredir https://a.example.com{uri}\n}", 5, "PREPEND_WWW")]
    [InlineData("a.example.com, b.example.com {\nreverse_proxy :8000\n}\nhttp://b.example.com {\nreverse_proxy :8000\n}", 4, "over http too")]
    [InlineData("myhost {\nreverse_proxy :8000\n}", 1, "must be a full domain name")]
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
        using var file = new Caddyfile(":80 {\nbasicauth {\nu h\n}\nreverse_proxy :8000\n}\n");

        Assert.Matches($@"^{Regex.Escape(file.Path)}:2: 'basicauth' cannot be translated: .+$", Assert.Single(file.Import().Problems).ToString());
    }
}
