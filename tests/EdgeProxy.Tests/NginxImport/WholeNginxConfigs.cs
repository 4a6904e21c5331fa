namespace EdgeProxy.Tests.NginxImport;

/// <summary>Configurations of nginx and what they are asked. <c>APP</c> and <c>OTHER</c> are servers (host and port), <c>DIR</c> a directory with files,
/// <c>PORT</c> the port. A request is <c>[METHOD] [HOST]TARGET [FIELD=VALUE]</c>.</summary>
internal static class WholeNginxConfigs
{
    private const string Fields = """
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        """;

    public sealed record Whole(string Name, string Content, string[] Asks);

    public static IReadOnlyList<Whole> All { get; } =
    [
        Server(
            "Django with static files and uploads",
            $$"""
            server_name a.test;
            client_max_body_size 1k;
            location = /favicon.ico { access_log off; log_not_found off; alias DIR/files/favicon.ico; }
            location /static/ {
                alias DIR/files/static/;
                expires 30d;
                add_header Cache-Control "public";
            }
            location /media/ { root DIR/files; }
            location / {
                {{Fields}}
                proxy_set_header X-Real-IP $remote_addr;
                proxy_pass http://APP;
            }
            """,
            "/favicon.ico", "/favicon.icox", "/static", "/static/", "/static/a.css", "/static/none.css", "/staticx", "/STATIC/a.css", "//static//a.css",
            "/static/a%2Ecss", "/media/m.txt", "/media/a%20b.txt", "/media", "b.test/x", "POST /x", "HEAD /static/a.css", "/a%2Fb?q=%20", "/a.b/", "/x%20"),
        Server(
            "gunicorn's own example",
            $$"""
            charset utf-8;
            root DIR/files;
            location / { try_files $uri @proxy_to_app; }
            location @proxy_to_app {
                {{Fields}}
                proxy_redirect off;
                proxy_pass http://APP;
            }
            error_page 500 502 503 504 /down.html;
            location = /down.html { internal; root DIR/errors; }
            """,
            "/", "/static/a.css", "/static", "/static/", "/nothing", "/a%20b.txt", "/static/A.CSS", "POST /nothing", "/status/502", "/down.html"),
        Server(
            "error pages for what return refuses",
            """
            root DIR/files;
            error_page 403 404 /404.html;
            location = /404.html { internal; root DIR/errors; }
            location /secret/ { return 403; }
            location /said/ { return 403 "said"; }
            location /gone/ { return 410; }
            location /shut/ { deny all; }
            location /far/ { allow 10.0.0.0/8; deny all; proxy_pass http://APP; }
            location / { proxy_pass http://APP; }
            """,
            "/secret/x", "HEAD /secret/x", "/said/x", "/gone/x", "/x", "/404.html", "HEAD /404.html", "/shut/x", "/far/x"),
        Server(
            "prefixes, exact paths and regular expressions",
            """
            location = /moved { return 301 /pre; }
            location = /robots.txt { return 200 "User-agent: *"; }
            location = /health { default_type application/json; return 200 '{"ok": true}'; }
            location = /exact { return 200 "exact $uri $request_uri"; }
            location /exact/ { return 200 "below"; }
            location /pre { return 200 "pre"; }
            location /pre/long/ { return 200 "long"; }
            location ^~ /first/ { return 200 "first"; }
            location /first/plain/ { return 200 "plain"; }
            location ~ \.(css|js)$ { return 200 "code"; }
            location ~* ^/Any/\d+$ { return 200 "any"; }
            location / { proxy_set_header Host $http_host; proxy_pass http://APP; }
            """,
            "/robots.txt", "/health", "/moved", "/exact", "/exact/", "/exactx", "/EXACT", "/exact?x=1",
            "/pre", "/prefix", "/Pre", "/pre/long", "/pre/long/", "/pre/long/x.css",
            "/first/x.css", "/first/plain/x.css", "/first/plain/x", "/x.css", "/x.CSS", "/x.css%0A", "/any/7",
            "/ANY/77", "/any/7x", "/x.css/", "//exact", "/%65xact", "/x.css?y"),
        Server(
            "an api below a prefix, and other servers",
            $$"""
            {{Fields}}
            add_header X-Frame-Options DENY always;
            proxy_hide_header X-Up-1;
            location /api/ { add_header X-Api api; proxy_pass http://OTHER/; }
            location /v1/ { proxy_pass http://OTHER/v2/; }
            location = /one { proxy_pass http://OTHER/two; }
            location /many/ { proxy_set_header X-Tool "a b"; proxy_set_header X-Gone ""; add_header X-Only here always; proxy_pass http://pool; }
            location / { proxy_pass http://APP; }
            """,
            "/api", "/api/", "/api/x?q=1", "/apix", "/api?q", "/v1/", "/v1/a/b", "/v1", "/one", "/one?q=1", "/one/", "/many/x X-Gone=1", "/many/x"),
        Server(
            "who may come",
            """
            add_header X-All all always;
            location /inside/ { allow 127.0.0.0/8; deny all; proxy_set_header Host $host; proxy_pass http://APP; }
            location /outside/ { allow 10.0.0.0/8; deny all; proxy_set_header Host $host; proxy_pass http://APP; }
            location /not/ { deny 127.0.0.1; allow all; proxy_set_header Host $host; proxy_pass http://APP; }
            location /gone/ { deny all; return 410; }
            location /shut/ { add_header X-Good good; add_header X-All all always; deny all; }
            location /all/ { allow all; root DIR/files; }
            location /static { allow all; alias DIR/files/static; }
            location /favicon.ico { allow 10.0.0.0/8; allow all; alias DIR/files/favicon.ico; }
            location /own/ { add_header X-Own own always; deny 127.0.0.1; allow all; root DIR/files; }
            location /said/ { add_header Cache-Control max-age=7; return 200 said; }
            location /static/ { add_header X-Content-Type-Options nosniff; root DIR/files; }
            location / { proxy_set_header Host $host; proxy_pass http://APP; }
            """,
            "/inside/x", "/outside/x", "/not/x", "/gone/x", "/shut/x", "/own/x", "/said/x", "/static/a.css", "/x", "/all/x", "/favicon.ico",
            "/favicon.icox", "/favicon.ico/x", "/statica.css"),
        Server(
            "a single-page app",
            """
            root DIR/files;
            index index.html;
            location /api/ { proxy_set_header Host $host; proxy_pass http://APP; }
            location / { try_files $uri $uri/ /index.html; }
            """,
            "/", "/static/a.css", "/docs", "/docs/", "/docs/b.txt", "/some/where", "/api/x", "/api"),
        new(
            "rewrites, conditions, passwords",
            $$"""
            upstream first { server OTHER; server APP backup; }
            upstream second { server 127.0.0.1:1; server 127.0.0.1:2 down; server OTHER backup; }
            server {
                listen PORT default_server;
                server_name a.test www.a.test;
                {{Fields}}
                if ($host = www.a.test) { return 301 $scheme://a.test$request_uri; }
                if ($host ~* ^(old|older)\.a\.test$) { rewrite ^/(.*)$ http://a.test/$1 permanent; }
                if ($host ~ ^new\.) { rewrite ^ http://a.test$request_uri? redirect; }
                if ($request_method !~ ^(GET|HEAD|POST|OPTIONS)$) { return 405; }
                if ($http_user_agent ~* (sqlmap|nikto)) { return 403; }
                if ($remote_addr = 10.0.0.1) { return 403; }
                if ($uri ~ \.php$) { return 410; }
                if ($http_x_word !~ ^(yes|no)$) { rewrite ^/word$ http://w.test/; }
                rewrite ^/old$ /new permanent;
                rewrite ^/old/(.*)$ /new/$1 permanent;
                rewrite ^/blog(/.*)?$ http://blog.test/ redirect;
                rewrite ^/q$ /r?z=1? redirect;
                rewrite ^/w/(.*) https://w.test/$1;
                location = /one { rewrite ^/one$ /two permanent; }
                location /api/ { rewrite ^/api/(.*)$ /$1 break; proxy_pass http://APP; }
                location /tool { rewrite ^/tool/?(.*)$ /$1 break; proxy_pass http://APP; }
                location /x { rewrite ^/x/(.+)$ /y/$1 break; rewrite ^/xx(/.*)$ $1 break; proxy_pass http://APP; }
                location /s/ { rewrite ^/s(.*)$ $1 break; proxy_pass http://APP; }
                location ^~ /t/ { rewrite ^/t/(.*)$ /u/$1? break; proxy_pass http://APP; }
                location /cors/ {
                    if ($request_method = 'OPTIONS') {
                        add_header Access-Control-Allow-Origin *;
                        add_header Content-Length 0;
                        return 204;
                    }
                    add_header X-Cors cors always;
                    proxy_pass http://APP;
                }
                location /first/ { proxy_pass http://first; }
                location /second/ { proxy_pass http://second; }
                location /raw/ { proxy_pass http://OTHER$request_uri; }
                location /in/ { auth_basic "a b"; auth_basic_user_file DIR/users; proxy_pass http://APP; }
                location /static/ { auth_basic x; auth_basic_user_file DIR/users; root DIR/files; }
                location /shut/ { auth_basic x; auth_basic_user_file DIR/users; deny all; proxy_pass http://APP; }
                location /both/ { auth_basic x; auth_basic_user_file DIR/users; allow 127.0.0.1; deny all; proxy_pass http://APP; }
                location /said/ { auth_basic x; auth_basic_user_file DIR/users; return 200 said; }
                location ~ /\.(?!well-known).* { deny all; }
                location / { proxy_pass http://APP; }
            }
            server {
                listen PORT;
                server_name b.test;
                {{Fields}}
                auth_basic b;
                auth_basic_user_file users;
                root DIR/files;
                location /open/ { auth_basic off; proxy_pass http://APP; }
                location / { try_files $uri @app; }
                location @app { proxy_pass http://APP; }
            }
            server {
                listen PORT;
                server_name c.test;
                error_page 403 405 /404.html;
                location = /404.html { internal; root DIR/errors; }
                if ($http_x_no) { return 403; }
                if ($http_x_empty = "") { return 402; }
                location /shut/ { if ($request_method = POST) { return 405; } return 200 open; }
                location / { return 403; }
            }
            server { listen PORT; server_name d.test; return 200 first; if ($host = d.test) { return 403; } }
            """,
            [
                "www.a.test/x?y=1", "old.a.test/x%20y?z", "OLDER.A.TEST//x//y", "old.a.testx/x", "xold.a.test/x", "new.b.test/x?y", "xnew.b.test/x", "PUT /x",
                "DELETE /api/x", "HEAD /x", "/x User-Agent=Nikto/2", "/x User-Agent=Mozilla", "/x.php", "/x.php/y", "/x.PHP", "/word", "/word X-Word=yes",
                "/word X-Word=yess", "/old", "/old?x=1", "/oldx", "/OLD", "/old/a%20b?x=1", "/old/", "/old//a//b", "/blog", "/blog/x?q=1", "/blogx", "/q",
                "/q?y", "/w/a%20b;c+d&e?f", "/w/", "/w", "/one", "/one?x", "/onex", "/api/x?y", "/api/", "/api", "/api/a%20b", "/tool", "/tool/x", "/toolx?y",
                "/TOOL/x", "/x/", "/x/a?b", "/xx/a", "/xx", "/s/a?b", "/s/", "/t/", "/t/a?b=c", "/t/x.php", "OPTIONS /cors/x", "/cors/x", "POST /cors/x",
                "/first/x", "/second/x", "POST /second/x", "/raw/x?y%20z", "/in/x", "/in/x Authorization=Basic YWRtaW46c2VjcmV0",
                "/in/x Authorization=Basic YWRtaW46eA==", "/in/x Authorization=Basic QWRtaW46c2VjcmV0", "/in", "/static/a.css",
                "/static/a.css Authorization=Basic YWRtaW46c2VjcmV0", "/shut/x", "/shut/x Authorization=Basic YWRtaW46c2VjcmV0", "/both/x",
                "/both/x Authorization=Basic YWRtaW46c2VjcmV0", "/said/x", "/.env", "/x/.git/y", "/.well-known/x", "/.well-knowx", "/.well", "/.well-known/.x",
                "b.test/", "b.test/x", "b.test/x Authorization=Basic YWRtaW46c2VjcmV0", "b.test/static/a.css",
                "b.test/static/a.css Authorization=Basic YWRtaW46c2VjcmV0", "b.test/open/x", "c.test/x X-No=1", "c.test/x X-Empty=1", "c.test/x",
                "POST c.test/shut/x X-Empty=1", "c.test/shut/x X-Empty=1", "d.test/x",
            ]),
        new(
            "several servers, redirects, and what certbot leaves",
            """
            server {
                if ($host = www.a.test) {
                    return 301 https://a.test$request_uri;
                } # managed by Certbot
                listen PORT;
                server_name www.a.test b.test;
                return 404; # managed by Certbot
            }
            server {
                listen PORT default_server;
                server_name _;
                return 301 http://a.test$uri$is_args$args;
            }
            server {
                listen PORT;
                server_name a.test;
                location / { proxy_set_header Host $host; proxy_pass http://APP; }
            }
            """,
            ["www.a.test/x?y=1", "b.test/x", "c.test/a%20b", "c.test/x?y", "a.test/x", "A.TEST/x"]),
    ];

    private static Whole Server(string name, string content, params string[] asks) =>
        new(name, $"upstream pool {{\nserver OTHER;\nserver 127.0.0.1:1;\nserver THIRD max_fails=0;\n}}\nserver {{\nlisten PORT;\n{content}\n}}\n", asks);
}
