using System.Text.Json.Nodes;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>What each construct becomes.</summary>
public sealed class TranslationTests
{
    [Theory]
    [InlineData("handle /static/* {\nroot * /srv\nfile_server\n}", "/static=/srv/static")] // the path stays
    [InlineData("handle_path /static/* {\nroot * /srv/files\nfile_server\n}", "/static=/srv/files")]
    [InlineData("handle_path /static/* {\nroot * /srv/files/\nfile_server\n}", "/static=/srv/files")]
    [InlineData("handle /static/* {\nuri strip_prefix /static\nroot * /srv/files\nfile_server\n}", "/static=/srv/files")]
    [InlineData("@s path /static/* /assets/*\nhandle @s {\nroot * /srv\nfile_server\n}", "/static=/srv/static;/assets=/srv/assets")]
    [InlineData("route {\nroot * /srv\nfile_server /static/*\n}", "/static=/srv/static")]
    [InlineData("route /static/* {\nuri strip_prefix /static\nroot * /srv/x\nfile_server\n}", "/static=/srv/x")]
    [InlineData("handle /static/* {\nfile_server {\nroot /srv/y\nhide .git\nprecompressed zstd br gzip\n}\n}", "/static=/srv/y/static")]
    [InlineData("root * /a\nroot /static/* /b\nhandle /static/* {\nfile_server\n}", "/static=/b/static")] // the longest first
    [InlineData("root * /srv\nhandle /static/* {\nfile_server\n}\nhandle /static/css/* {\nfile_server\n}", "/static=/srv/static")] // the same, so once
    [InlineData(
        "root * /srv\nhandle /static/* {\nfile_server\n}\nhandle_path /static/css/* {\nroot * /css\nfile_server\n}", "/static=/srv/static;/static/css=/css")]
    [InlineData("handle / {\nfile_server\n}", null)] // a single page, not a tree
    [InlineData("@sp path \"/with space/*\"\nhandle @sp {\nroot * /srv\nfile_server\n}", "/with%20space=/srv/with space")]
    public void Files(string lines, string? expected)
    {
        using var file = new Caddyfile($"http://api.example.com {{\n{lines}\nreverse_proxy 127.0.0.1:8000\n}}\n");
        var settings = file.Import().Settings;

        Assert.Equal(expected, settings is null ? null : Roots(settings));
    }

    /// <summary>The way without blocks that many Django tutorials show.</summary>
    [Fact]
    public void Files_beside_an_app_that_gets_all_but_these_paths()
    {
        var settings = Caddyfile.Settings("""
            http://api.example.com {
              root * /srv/app
              @app not path /static/* /media/*
              reverse_proxy @app 127.0.0.1:8000
              file_server
            }
            """);

        Assert.Equal("/media=/srv/app/media;/static=/srv/app/static", Roots(settings));
    }

    /// <summary>Caddy sorts: reverse_proxy comes before file_server, which gets nothing then.</summary>
    [Fact]
    public void What_caddy_never_reaches_is_noted()
    {
        using var file = new Caddyfile(":80 {\nroot * /srv\nfile_server /static/*\nreverse_proxy 127.0.0.1:8000\n}\n");
        var result = file.Import();

        Assert.Equal("", Roots(result.Settings!));
        Assert.Contains(result.Notes, note => note.Line == 3 && note.Message.Contains("no effect", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("encode gzip", """{"Encodings":["gzip"]}""")]
    [InlineData("encode zstd gzip", """{"Encodings":["zstd","gzip"]}""")]
    [InlineData("", """{"Encodings":[]}""")]
    [InlineData("encode {\nzstd\ngzip 5\nminimum_length 1024\n}", """{"Encodings":["zstd","gzip"],"MinimumSize":1024}""")]
    [InlineData("encode gzip {\nmatch {\nheader Content-Type text/* application/json*\n}\n}", """{"Encodings":["gzip"],"MimeTypes":["text/*","application/json"]}""")]
    [InlineData("@c not path /account/* /account/keys/*\nencode @c gzip", """{"Encodings":["gzip"],"ExcludePaths":["/account"]}""")]
    public void Compression(string lines, string expected) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), Caddyfile.Site(lines)["EdgeProxy"]!["Compression"]), lines);

    [Theory]
    [InlineData("lb_try_duration 20s", "Upstream:HoldTimeout", "00:00:20")]
    [InlineData("transport http {\ndial_timeout 500ms\nread_timeout 3m\nkeepalive 1m30s\n}", "Upstream:ConnectTimeout", "00:00:00.5000000")]
    [InlineData("transport http {\nread_timeout 3m\n}", "Upstream:ActivityTimeout", "00:03:00")]
    [InlineData("health_uri /healthz\nhealth_status 2xx", "Health:ExpectedStatus", "200-299")]
    [InlineData("health_interval 5s", "Health:MonitorInterval", "00:00:05")]
    [InlineData("health_headers {\nHost api.example.com\n}", "Health:Host", "api.example.com")]
    [InlineData("health_body ok", "Health:ExpectedBody", "ok")]
    [InlineData("trusted_proxies 10.0.0.0/8", "TrustedProxies:0", "10.0.0.0/8")]
    [InlineData("trusted_proxies private_ranges", "TrustedProxies:5", "::1")]
    [InlineData(
        "flush_interval -1\nlb_policy first\nheader_up Host {host}\nheader_up X-Forwarded-Proto {scheme}\nheader_up X-Real-IP {remote_host}",
        "Slots:Blue:Address", "http://127.0.0.1:8000")]
    public void Proxying(string options, string key, string value) =>
        Assert.Equal(value, Value(Caddyfile.Settings($"http://api.example.com {{\nreverse_proxy 127.0.0.1:8000 {{\n{options}\n}}\n}}\n"), $"EdgeProxy:{key}"));

    [Theory]
    [InlineData("request_body {\nmax_size 10MB\n}", "Upstream:MaxRequestBodySize", "10000000")]
    [InlineData("header Strict-Transport-Security \"max-age=31536000; includeSubDomains\"", "Tls:Hsts", "max-age=31536000; includeSubDomains")]
    [InlineData("header {\n?Strict-Transport-Security max-age=60\n-Server\ndefer\n}", "Tls:Hsts", "max-age=60")]
    [InlineData("log {\noutput file /var/log/caddy/shop.log {\nroll_size 10mb\n}\n}", "AccessLog:Path", "/var/log/edgeproxy/shop.log")]
    [InlineData("log", "AccessLog:Format", "Caddy")]
    [InlineData("log {\noutput discard\n}", "AccessLog:Format", "None")]
    [InlineData("log {\noutput stdout\nformat single_field common_log\n}", "AccessLog:Format", "Common")]
    public void Options_of_the_site(string lines, string key, string value) => Assert.Equal(value, Value(Caddyfile.Site(lines), $"EdgeProxy:{key}"));

    [Theory]
    [InlineData("", "api.example.com", "Tls:Acme:Domains:0", "api.example.com")]
    [InlineData("email ops@example.com", "api.example.com, www.example.com", "Tls:Acme:Domains:1", "www.example.com")]
    [InlineData("email ops@example.com", "api.example.com", "Tls:Acme:Email", "ops@example.com")]
    [InlineData("acme_ca https://acme-staging-v02.api.letsencrypt.org/directory", "api.example.com", "Tls:Acme:Staging", "true")]
    [InlineData("acme_ca https://acme-v02.api.letsencrypt.org/directory", "api.example.com", "Tls:Acme:DirectoryUrl", null)]
    [InlineData("acme_ca https://ca.example.com/dir", "api.example.com", "Tls:Acme:DirectoryUrl", "https://ca.example.com/dir")]
    [InlineData("acme_eab {\nkey_id a\nmac_key bWFj\n}", "api.example.com", "Tls:Acme:ExternalAccount:HmacKey", "bWFj")]
    [InlineData("key_type p384", "api.example.com", "Tls:Acme:KeyType", "P384")]
    [InlineData("auto_https disable_redirects", "api.example.com", "Tls:RedirectHttp", null)] // nothing over http; clear text least of all
    [InlineData("", "http://api.example.com, https://api.example.com", "Tls:RedirectHttp", "false")]
    [InlineData("", "http://api.example.com", "Tls:Acme:Domains:0", null)]
    [InlineData("", ":80", "Tls:Acme:Domains:0", null)]
    [InlineData("grace_period 20s", ":80", "Shutdown:DrainTimeout", "00:00:20")]
    [InlineData("servers {\ntrusted_proxies static 10.0.0.0/8\n}", ":80", "TrustedProxies:0", "10.0.0.0/8")]
    public void Addresses_and_global_options(string options, string addresses, string key, string? value)
    {
        var global = options.Length > 0 ? $"{{\n{options}\n}}\n" : "";
        Assert.Equal(value, Value(Caddyfile.Settings($"{global}{addresses} {{\nreverse_proxy 127.0.0.1:8000\n}}\n"), $"EdgeProxy:{key}"));
    }

    [Theory]
    [InlineData(":80", "*", "http://*:80", null)]
    [InlineData("http://", "*", "http://*:80", null)]
    [InlineData(":8080", "*", "http://*:8080", null)]
    [InlineData("http://a.example.com", "a.example.com", "http://*:80", null)]
    [InlineData("a.example.com", "a.example.com", "http://*:80", "https://*:443")]
    [InlineData("https://a.example.com:8443", "a.example.com", "http://*:80", "https://*:8443")]
    [InlineData("A.example.com,\nb.example.com c.example.com", "a.example.com;b.example.com;c.example.com", "http://*:80", "https://*:443")]
    public void Names_and_ports(string addresses, string hosts, string http, string? https)
    {
        var settings = Caddyfile.Settings($"{addresses} {{\nreverse_proxy 127.0.0.1:8000\n}}\n");

        Assert.Equal(hosts, Value(settings, "AllowedHosts"));
        Assert.Equal(http, Value(settings, "Kestrel:Endpoints:Http:Url"));
        Assert.Equal(https, Value(settings, "Kestrel:Endpoints:Https:Url"));
    }

    [Fact]
    public void Own_certificates_need_no_authority()
    {
        var settings = Caddyfile.Settings("*.example.com {\nbind 127.0.0.1 ::1\ntls /etc/ssl/full.pem /etc/ssl/key.pem\nreverse_proxy :8000\n}\n");

        Assert.Equal("/etc/ssl/key.pem", Value(settings, "EdgeProxy:Tls:Certificates:0:Key"));
        Assert.Null(Value(settings, "EdgeProxy:Tls:Acme:Domains:0"));
        Assert.Equal("*.example.com", Value(settings, "AllowedHosts"));
        Assert.Equal("https://127.0.0.1:443", Value(settings, "Kestrel:Endpoints:Https:Url"));
        Assert.Equal("https://[::1]:443", Value(settings, "Kestrel:Endpoints:Https2:Url"));
    }

    [Fact]
    public void Sites_that_are_alike_become_one_and_a_redirect_to_https_is_what_happens_anyway()
    {
        var settings = Caddyfile.Settings("""
            (app) {
              encode gzip
              reverse_proxy {args.0}
            }
            a.example.com {
              import app 127.0.0.1:8000
            }
            b.example.com {
              import app 127.0.0.1:8000
            }
            http://a.example.com {
              redir https://{host}{uri} permanent
            }
            """);

        Assert.Equal("a.example.com;b.example.com", Value(settings, "AllowedHosts"));
        Assert.Null(Value(settings, "EdgeProxy:Tls:RedirectHttp")); // on by default
    }

    /// <summary>Entries as PATH=ROOT.</summary>
    private static string Roots(JsonObject settings) =>
        string.Join(';', settings["EdgeProxy"]!["StaticFiles"]!.AsArray().Select(entry => $"{entry!["Path"]!.ToString()[..^1]}={entry["Root"]}"));

    private static string? Value(JsonObject settings, string key)
    {
        JsonNode? node = settings;
        foreach (var part in key.Split(':'))
        {
            node = node is JsonArray list ? list.ElementAtOrDefault(int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)) : node?[part];
        }

        return node?.ToString();
    }
}
