using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport;
using EdgeProxy.Tests.CaddyImport;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.NginxImport;

/// <summary>What becomes of configurations of nginx, and what is said of those that cannot be translated.</summary>
public sealed class NginxTranslationTests : IDisposable
{
    private static readonly ImportOptions _options = new(HealthPath: "/healthz");

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_certbot_has_made_of_a_server()
    {
        var settings = Settings("""
            user www-data;
            events {}
            http {
                gzip on;
                gzip_types text/css application/json;
                access_log /var/log/nginx/access.log;
                upstream app { server 127.0.0.1:8000 fail_timeout=0; keepalive 8; }
                map $http_upgrade $connection_upgrade { default upgrade; '' close; }
                server {
                    server_name shop.example.com www.shop.example.com;
                    client_max_body_size 20M;
                    location / {
                        proxy_set_header Host $http_host;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_upgrade;
                        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                        proxy_read_timeout 2m;
                        proxy_pass http://app;
                    }
                    listen [::]:443 ssl ipv6only=on; # managed by Certbot
                    listen 443 ssl http2; # managed by Certbot
                    ssl_certificate /etc/letsencrypt/live/shop.example.com/fullchain.pem; # managed by Certbot
                    ssl_certificate_key /etc/letsencrypt/live/shop.example.com/privkey.pem; # managed by Certbot
                    ssl_protocols TLSv1.2 TLSv1.3;
                }
                server {
                    if ($host = shop.example.com) { return 301 https://$host$request_uri; } # managed by Certbot
                    listen 80; listen [::]:80;
                    server_name shop.example.com www.shop.example.com;
                    return 404; # managed by Certbot
                }
            }
            """);

        var proxy = settings["EdgeProxy"]!;
        Assert.Equal(
            """
            [{"Hosts":["shop.example.com","www.shop.example.com","*"],"Scheme":"Https","Acme":false,"Routes":[{"App":"app","MaxRequestBodySize":20971520}]},{"Hosts":["shop.example.com","www.shop.example.com","*"],"Scheme":"Http","Routes":[{"Redirect":{"To":"https://{host}{uri}","Status":301},"Match":{"Hosts":"shop.example.com"}},{"Respond":{"Status":404}}]}]
            """,
            proxy["Sites"]!.ToJsonString());
        Assert.Equal("http://127.0.0.1:8000", (string?)proxy["Slots"]!["Blue"]!["Address"]);
        Assert.Equal(
            """[{"Certificate":"/etc/letsencrypt/live/shop.example.com/fullchain.pem","Key":"/etc/letsencrypt/live/shop.example.com/privkey.pem"}]""",
            proxy["Tls"]!["Certificates"]!.ToJsonString());
        Assert.Equal("00:02:00", (string?)proxy["Upstream"]!["ActivityTimeout"]);
        Assert.Equal("""{"Encodings":["gzip"],"MimeTypes":["text/html","text/css","application/json"],"MinimumSize":20}""", proxy["Compression"]!.ToJsonString());
        Assert.Equal("/var/log/edgeproxy/access.log", (string?)proxy["AccessLog"]!["Path"]);
        Assert.Equal("*", (string?)settings["AllowedHosts"]);
        Assert.Equal("""{"Http":{"Url":"http://*:80"},"Https":{"Url":"https://*:443"}}""", settings["Kestrel"]!["Endpoints"]!.ToJsonString());
    }

    [Fact]
    public void A_part_of_the_configuration_finds_what_it_includes()
    {
        Write("nginx.conf", "events {}\n");
        Write("proxy_params", "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n");
        Write("snippets/b.conf", "add_header X-B b always;\n");
        Write("snippets/a.conf", "add_header X-A a always;\n");
        var file = Write("sites-enabled/shop", """
            server {
                listen 8080;
                include snippets/*.conf;
                include nothing/*.conf;
                location / { include proxy_params; proxy_pass http://unix:/run/gunicorn.sock; }
            }
            """);

        var settings = Load(NginxConfigImport.Run(file, _options with { Blue = "unix:/run/gunicorn.sock", Green = "unix:/run/green.sock" }));

        Assert.Equal(
            """{"App":"app","RequestHeaders":{"Set":{"X-Real-IP":"{remote_host}"}},"MaxRequestBodySize":1048576,"Headers":{"Add":{"X-A":"a","X-B":"b"}}}""",
            settings["EdgeProxy"]!["Sites"]![0]!["Routes"]![0]!.ToJsonString());
        Assert.Equal("unix:/run/gunicorn.sock", (string?)settings["EdgeProxy"]!["Slots"]!["Blue"]!["Address"]);
    }

    [Fact]
    public void Names_are_those_of_the_first_server_and_the_rest_is_of_the_default_one()
    {
        var sites = Settings("""
            server { listen 80; listen 8080; server_name a.test; location / { proxy_pass http://127.0.0.1:8000; } }
            server { listen 80 default_server; server_name b.test a.test; return 200 "${host}{host}"; }
            server { listen 80; server_name _; return 204; }
            """)["EdgeProxy"]!["Sites"]!;

        Assert.Equal(["\"a.test\"", """["a.test","*"]""", """["b.test","*"]"""], sites.AsArray().Select(site => site!["Hosts"]!.ToJsonString()));
        Assert.Equal([":80", ":8080", ":80"], sites.AsArray().Select(site => (string?)site!["Bind"]));
        Assert.Equal(@"{host}\{host}", (string?)sites[2]!["Routes"]![0]!["Respond"]!["Body"]);
        Assert.Equal("127.0.0.1:8000", (string?)sites[0]!["Routes"]![0]!["RequestHeaders"]!["Set"]!["Host"]);
    }

    [Theory]
    [InlineData("gzip on; gzip_types text/css; gzip_min_length 100;", """["text/html","text/css","application/json"]""", 50, true)]
    [InlineData("gzip on; gzip_types application/json; gzip_min_length 50;", """["text/html","application/json"]""", 50, false)]
    [InlineData("gzip on; return 301 http://b.test/;", """["text/html","application/json"]""", 50, false)]
    [InlineData("return 301 http://b.test/;", """["text/html","application/json"]""", 50, false)]
    public void What_is_compressed_is_that_of_all_servers(string first, string types, int length, bool differs)
    {
        var result = Import($$"""
            server { listen 80; server_name a.test; {{first}} location / { proxy_pass http://127.0.0.1:8000; } }
            server {
                listen 80;
                server_name b.test;
                gzip on;
                gzip_types application/json;
                gzip_min_length 50;
                location / { proxy_pass http://127.0.0.1:8000; }
            }
            """);

        Assert.Equal($$"""{"Encodings":["gzip"],"MimeTypes":{{types}},"MinimumSize":{{length}}}""", Load(result)["EdgeProxy"]!["Compression"]!.ToJsonString());
        Assert.Equal(differs, result.Notes.Any(note => note.Message.Contains("differ from server to server", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_app_is_asked_for_where_there_are_several()
    {
        const string Two = """
            upstream shop { server 127.0.0.1:8000; }
            server {
                location /x/ { proxy_pass http://127.0.0.1:9000; }
                location / { proxy_pass http://shop; }
            }
            """;

        Assert.Contains("--app", Assert.Single(Import(Two).Problems).Message, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:7", Assert.Single(Import(Two, _options with { App = "127.0.0.1:7" }).Problems).Message, StringComparison.Ordinal);
        foreach (var name in new[] { "shop", "127.0.0.1:8000" })
        {
            var routes = Load(Import(Two, _options with { App = name }))["EdgeProxy"]!["Sites"]![0]!["Routes"]!;
            Assert.Equal("""["http://127.0.0.1:9000"]""", routes[1]!["Upstreams"]!.ToJsonString());
            Assert.Equal("app", (string?)routes[2]!["App"]);
        }
    }

    [Theory]
    [InlineData("rewrite ^/a /b;", "a location for the old path")]
    [InlineData("rewrite ^/a /b last;", "a location for the old path")]
    [InlineData("rewrite ^/(.*)/$ /$1 permanent;", "the app's URLs")]
    [InlineData("rewrite ^/a(.*)$ /b/$1 permanent;", "the app's URLs")]
    [InlineData("rewrite ^/(a)/(.*)$ /$2 permanent;", "the app's URLs")]
    [InlineData("rewrite ^/a/(.*)$ /b?x=$1 permanent;", "the app's URLs")]
    [InlineData("rewrite ^/a$ /b?x=1 permanent;", "write a ? at the end")]
    [InlineData("rewrite ^/a https://b.test permanent;", "behind the host")]
    [InlineData("rewrite ^/a$ /b%20c permanent;", "no escapes")]
    [InlineData("rewrite ^/(?=a) /b permanent;", "look-around")]
    [InlineData("location /a/ { rewrite ^/a/(.*)$ /$1 last; return 200; }", "break within the location")]
    [InlineData("location /a/ { rewrite ^/a/(.*)$ /$1 break; return 404; }", "a location of its own")]
    [InlineData("location /a/ { rewrite ^/a/(.*)$ /$1 break; proxy_pass http://127.0.0.1:8000/b/; }", "http://HOST/new/")]
    [InlineData("location /a/ { rewrite ^/a/(.*)$ /$1 break; root /srv; }", "http://HOST/new/")]
    [InlineData("location /a/ { rewrite ^/a/b$ /c permanent; return 200; }", null)]
    [InlineData("location /a/ { rewrite b$ /c permanent; return 200; }", "begin with ^")]
    [InlineData("location /a/ { rewrite ^/a/b|x /c permanent; return 200; }", "begin with ^")]
    [InlineData("if ($request_method = POST) { return 405; }", null)]
    [InlineData("if ($request_method ~ POST) { return 405; }", "^(GET|HEAD|POST)$")]
    [InlineData("if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }", "TrustedProxies")]
    [InlineData("if ($http_x ~ ^a*$) { return 403; }", "empty text")]
    [InlineData("if ($http_x = $host) { return 403; }", "without variables")]
    [InlineData("if ($host ~ a) { return 403; }", "from the begin")]
    [InlineData("if ($host ~ ^app.org) { return 403; }", "from the begin")]
    [InlineData("if ($host = A.test) { return 403; }", "small letters")]
    [InlineData("if ($host ~ ^www\\.(.*)$) { return 301 http://$1; }", "a group")]
    [InlineData("if ($request_uri ~ ^/a) { return 403; }", "are translated")]
    [InlineData("if ($remote_addr = 10.0.0.0/8) { return 403; }", "are translated")]
    [InlineData("if ($cookie_a) { return 403; }", "are translated")]
    [InlineData("if (-f /srv/maintenance) { return 503; }", "error_page 502")]
    [InlineData("if ($http_x) { set $a b; }", "within if")]
    [InlineData("if ($http_x) { add_header X a; }", "without return or rewrite")]
    [InlineData("if ($uri ~ ^/a) { rewrite ^/b /c permanent; }", "both look at the path")]
    [InlineData("location /a/ { if ($uri ~ b) { return 403; } return 200; }", "both look at the path")]
    [InlineData("root /srv; error_page 405 /e.html; if ($request_method = POST) { return 405; }", "the page's own path and method")]
    [InlineData("auth_basic hidden;", "bcrypt")]
    [InlineData("auth_basic $host; auth_basic_user_file x;", "without quotes")]
    [InlineData("auth_basic hidden; auth_basic_user_file /no/such/file;", "cannot be read")]
    [InlineData("satisfy any;", "both required")]
    [InlineData("satisfy all;", null)]
    [InlineData("location /a/ { root /srv; try_files $uri @b; } location @b { return 200; proxy_pass http://127.0.0.1:8000; }", "in @b")]
    [InlineData("deny 10.0.0.1; location /a/ { root /srv; allow all; try_files $uri @b; } location @b { proxy_pass http://127.0.0.1:8000; }", "for both")]
    [InlineData("limit_conn x 1;", "Upstream:MaxConcurrentPerClient")]
    [InlineData("proxy_cache off; proxy_pass_header Server;", null)]
    [InlineData("proxy_cache_valid 200 1m;", "keeps no responses")]
    [InlineData("underscores_in_headers on;", "a hyphen")]
    [InlineData("set_real_ip_from 10.0.0.0/8;", "X-Forwarded-For")]
    [InlineData("set_real_ip_from unix:; real_ip_header X-Forwarded-For;", "an address or a network")]
    [InlineData("set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;", "write real_ip_recursive on")]
    [InlineData("location /a/ { set_real_ip_from 10.0.0.0/8; deny 203.0.113.1; allow all; return 200; }", "trusted for all of a server")]
    [InlineData("location /a/ { rewrite ^/a/(.*)$ /$1 break; proxy_pass http://127.0.0.1:8000$request_uri; }", "a proxy_pass without a URI")]
    [InlineData("add_header Content-Length 0;", "that of the body")]
    [InlineData("location ~ ^/(?!a)b { return 200; }", "look-around")]
    [InlineData("location ~ /(?!a)$ { return 200; }", "look-around")]
    [InlineData("location ~ ^/(?!a) { return 200; }", null)]
    [InlineData("location /a/ { proxy_pass http://127.0.0.1:8000$request_uri; }", null)]
    [InlineData("location /a/ { proxy_pass http://127.0.0.1:8000/b$request_uri; }", "without variables")]
    [InlineData("location /a/ { location /a/b/ { return 200; } return 200; }", "within a location")]
    [InlineData("location /a { alias /srv/a/; }", "both end with a slash")]
    [InlineData("location /a { alias srv/a; }", "absolute path")]
    [InlineData("location /a { alias /srv/b; }", "both with one name")]
    [InlineData("location /a { alias /srv/a; try_files $uri /index.html; }", "beside an alias")]
    [InlineData("location /a { proxy_pass http://127.0.0.1:8000/b; }", "joins names")]
    [InlineData("location /a/ { proxy_pass http://$host; }", "without variables")]
    [InlineData("location /a/ { uwsgi_pass y; }", "slots speak HTTP")]
    [InlineData("location /a/ { root /srv; try_files $uri @nowhere; }", "no location with a proxy_pass")]
    [InlineData("location /a/ { return 444; }", null)]
    [InlineData("location /a/ { return 99; }", "status from 200")]
    [InlineData("location /a/ { return 301 $cookie_x; }", "$cookie_x")]
    [InlineData("location /a/ { return 301 $http_x; }", "$http_x")]
    [InlineData("location /a/ { allow 10.0.0.1; deny 10.0.0.0/8; allow all; return 200; }", null)]
    [InlineData("location /a/ { allow 10.0.0.1; deny 10.0.0.0/8; allow all; proxy_pass http://127.0.0.1:8000; }", "allow and deny")]
    [InlineData("error_page 404 = @app;", "error_page 502")]
    [InlineData("error_page 404 /404.html;", "no file of a location")]
    [InlineData("server_name *.example.com;", "a star is names of any depth")]
    [InlineData("server_name ~^a;", "write each host")]
    [InlineData("listen unix:/run/x;", "a port")]
    [InlineData("listen 80 proxy_protocol;", "proxy_protocol")]
    [InlineData("listen 443 ssl;", "ssl_certificate")]
    [InlineData("proxy_redirect http://a/ /;", "Location")]
    [InlineData("ssl_verify_client on;", "certificates of clients")]
    [InlineData("location /a/ { internal; root /srv; }", "X-Accel-Redirect")]
    [InlineData("location /a/ { error_page 404 /x; return 200; }", "whole server")]
    [InlineData("location /a/ { proxy_pass https://127.0.0.1:8443; }", "does not verify")]
    [InlineData("expires 1h;", "for files")]
    [InlineData("unheard_of on;", "nothing like it")]
    [InlineData("charset koi8-r;", "convert them")]
    [InlineData("charset $x;", "convert them")]
    [InlineData("add_header X a always; add_header X a;", "twice")]
    [InlineData("client_max_body_size big;", "client_max_body_size 10m")]
    public void It_refuses_with_the_line_and_the_reason(string line, string? why)
    {
        var result = Import($"server {{\nlocation / {{ proxy_pass http://127.0.0.1:8000; }}\n{line}\n}}\n");

        if (why is null)
        {
            Load(result);
            return;
        }

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Message.Contains(why, StringComparison.Ordinal));
        Assert.All(result.Problems, problem => Assert.True(problem.Line is 1 or 2 or 3, problem.ToString()));
        Assert.All(result.Problems, problem => Assert.Matches("(write|remove|let|name|leave|do|import|convert|keep) ", problem.Message)); // what to do
    }

    [Fact]
    public void Users_have_the_hashes_that_can_be_checked()
    {
        const string Hash = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
        const string Server = "server { location / { auth_basic hidden; auth_basic_user_file users; proxy_pass http://127.0.0.1:8000; } }";
        Write("users", $"# of all\nann:{Hash}\n");
        Assert.Equal(
            $$$"""{"Users":{"ann":"{{{Hash}}}"},"Realm":"hidden"}""",
            Settings(Server)["EdgeProxy"]!["Sites"]![0]!["Routes"]![0]!["BasicAuth"]!.ToJsonString());

        var dear = Hash.Replace("$05", "$31", StringComparison.Ordinal);
        var file = Write("users", $"ann:{Hash}\nbob:$apr1$9nUMo1Sg$JboYS1GVihyAjdUHnA4mq1\nAnn:{Hash}\ncat:{dear}\n");
        var problems = Import(Server).Problems;
        Assert.Equal([(file, 2), (file, 3), (file, 4)], problems.Select(problem => (problem.File, problem.Line)));
        Assert.Contains($"htpasswd -B {file} bob", problems[0].Message, StringComparison.Ordinal);
        Assert.Contains("letter case", problems[1].Message, StringComparison.Ordinal);
        Assert.Contains("a cost beyond", problems[2].Message, StringComparison.Ordinal);

        Write("users", "# nobody yet\n");
        Assert.Contains("names no user", Assert.Single(Import(Server).Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rate=10r/s", "location /login/ { limit_req zone=a burst=20 nodelay;",
        """{ "Paths": ["/login"], "Requests": 10, "Period": "00:00:01", "Burst": 21 }""")]
    [InlineData("rate=30r/m", "location / { limit_req zone=a;", """{ "Requests": 30, "Period": "00:01:00", "Burst": 1 }""")]
    [InlineData("rate=30r/m", "limit_req zone=b; location / {", "RateLimits of the settings")]
    public void The_setting_in_place_of_a_limit_is_told(string rate, string server, string told)
    {
        var problems = Import($$"""
            limit_req_zone $binary_remote_addr zone=a:10m {{rate}};
            server { {{server}} proxy_pass http://127.0.0.1:8000; } }
            """).Problems;

        Assert.Equal([1, 2], problems.Select(problem => problem.Line));
        Assert.Contains(told, problems[1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Proxies_in_front_are_trusted_where_all_servers_trust_them()
    {
        const string Trust = "set_real_ip_from 10.0.0.0/8; set_real_ip_from 192.0.2.7; real_ip_header X-Forwarded-For; real_ip_recursive on;";
        const string Server = "location / { proxy_pass http://127.0.0.1:8000; }";
        var proxy = Settings($"{Trust} server {{ {Server} }}")["EdgeProxy"]!;
        Assert.Equal("""["10.0.0.0/8","192.0.2.7"]""", proxy["TrustedProxies"]!.ToJsonString());
        Assert.Equal("Both", (string?)proxy["Sites"]![0]!["Scheme"]); // TLS may end there
        Assert.Contains("not the same", Assert.Single(Import($"server {{ {Trust} {Server} }} server {{ server_name b.test; {Server} }}").Problems).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_is_that_of_one_server()
    {
        const string Server = "server { location /x/ { proxy_pass http://pool; } location / { proxy_pass http://127.0.0.1:8000; } }";
        var route = Settings($"upstream pool {{ server 127.0.0.1:1 backup; server 127.0.0.1:2; }} {Server}")["EdgeProxy"]!["Sites"]![0]!["Routes"]![1]!;
        Assert.Equal("""["http://127.0.0.1:2","http://127.0.0.1:1"]""", route["Upstreams"]!.ToJsonString());
        Assert.Equal("First", (string?)route["LoadBalancing"]);
        foreach (var (upstream, why) in new[]
        {
            ("server 127.0.0.1:1 backup; server 127.0.0.1:2; server 127.0.0.1:3;", "a backup is that of one server"),
            ("ip_hash; server 127.0.0.1:2;", "sessions"),
            ("server 127.0.0.1:2 weight=2;", "remove what says otherwise"),
        })
        {
            Assert.Contains(why, Assert.Single(Import($"upstream pool {{ {upstream} }} {Server}").Problems).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_that_are_refused_at_the_handshake_need_no_certificate()
    {
        var result = Import("""
            server { listen 443 ssl default_server; ssl_reject_handshake on; return 444; }
            server {
                listen 443 ssl;
                server_name a.test;
                ssl_certificate /a.pem;
                ssl_certificate_key /a.key;
                location / { proxy_pass http://127.0.0.1:8000; }
            }
            """);

        Assert.Equal("""[{"Certificate":"/a.pem","Key":"/a.key"}]""", Load(result)["EdgeProxy"]!["Tls"]!["Certificates"]!.ToJsonString());
    }

    /// <summary>Also where another server's certificate has the name.</summary>
    [Fact]
    public void A_name_that_is_refused_at_the_handshake_gets_nothing()
    {
        const string Certificate = "ssl_certificate /a.pem; ssl_certificate_key /a.key;";
        var proxy = Settings($$"""
            server { listen 443 ssl; server_name a.test; {{Certificate}} location / { proxy_pass http://127.0.0.1:8000; } }
            server { listen 443 ssl; server_name old.a.test; ssl_reject_handshake on; {{Certificate}} root /srv/old; }
            """)["EdgeProxy"]!;

        Assert.Single(proxy["Tls"]!["Certificates"]!.AsArray());
        Assert.Equal("old.a.test", (string?)proxy["Sites"]![1]!["Hosts"]);
        Assert.Equal("""[{"Respond":{"Abort":true}}]""", proxy["Sites"]![1]!["Routes"]!.ToJsonString());
    }

    [Fact]
    public void A_character_set_that_texts_have_anyway_is_noted()
    {
        var result = Import("server {\ncharset UTF-8;\nlocation / { proxy_pass http://127.0.0.1:8000; }\n}\n");

        Assert.NotNull(result.Settings);
        Assert.Contains(result.Notes, note => note.Line == 2 && note.Message.StartsWith("charset", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("server {", 1, "not closed")]
    [InlineData("server {\n}\n}\n", 3, "not expected")]
    [InlineData("server {\nlisten 80\n}\n", 3, "not expected")]
    [InlineData("listen 80", 1, "semicolon")]
    [InlineData("server {\nreturn 200 \"x;\n}\n", 2, "does not end")]
    [InlineData("server {\n;\n}\n", 2, "not expected")]
    [InlineData("include /no/such/file;\n", 1, "cannot be read")]
    [InlineData("include */x.conf;\n", 1, "pattern")]
    [InlineData("include nginx.conf;\n", 1, "within each other")]
    [InlineData("", 0, "no server block")]
    [InlineData("# nothing", 0, "no server block")]
    public void A_file_that_cannot_be_read_is_a_problem_with_a_line(string content, int line, string why)
    {
        var problem = Assert.Single(Import(content).Problems);

        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
        Assert.Equal(line, problem.Line);
    }

    [Fact]
    public void All_problems_are_named_at_once()
    {
        var lines = Import("""
            server {
                listen 80 quick;
                rewrite a b;
                location ~ (?=x) { return 200; }
                location / {
                    proxy_pass http://127.0.0.1:8000;
                    proxy_set_header X $nothing;
                    sub_filter a b;
                }
            }
            """, new ImportOptions()).Problems.Select(problem => problem.Line);

        Assert.Equal([0, 2, 3, 4, 7, 8], lines);
    }

    private string Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_directory[name])!);
        File.WriteAllText(_directory[name], content);
        return _directory[name];
    }

    private ImportResult Import(string content, ImportOptions? options = null) => NginxConfigImport.Run(Write("nginx.conf", content), options ?? _options);

    private JsonObject Settings(string content) => Load(Import(content));

    private static JsonObject Load(ImportResult result)
    {
        Caddyfile.Load(result);
        return result.Settings!;
    }
}
