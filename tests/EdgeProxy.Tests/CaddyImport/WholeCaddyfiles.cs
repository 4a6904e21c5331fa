namespace EdgeProxy.Tests.CaddyImport;

/// <summary>Whole Caddyfiles and what they are asked. <c>APP</c> and <c>OTHER</c> are servers, <c>THIRD</c> the latter by another name, <c>DIR</c> a
/// directory with files, <c>PORT</c> Caddy's port, <c>HASH</c> the
/// hash of <c>secret</c>. A request is <c>[METHOD] [HOST]TARGET [FIELD=VALUE]</c>.</summary>
internal static class WholeCaddyfiles
{
    public sealed record Whole(string Name, string Content, string[] Asks);

    public static IReadOnlyList<Whole> All { get; } =
    [
        Site(
            "security headers",
            """
            encode zstd gzip
            header {
                X-Frame-Options SAMEORIGIN
                Referrer-Policy no-referrer
                X-Up-1 ours
                -X-Has
                -X-Up-T*
            }
            reverse_proxy APP
            """),
        Site(
            "headers that are added, and by default",
            """
            header X-Frame-Options DENY
            header ?X-Def def
            header ?X-Has def
            header +X-Add one
            header /api/* X-Route api
            header X-Uri "{host}|{uri}|{method}|{scheme}|{http.request.uri.path}"
            handle_path /static/* {
                root * DIR/files/static
                header Cache-Control "public, max-age=60"
                file_server
            }
            redir /old /new
            respond /fixed "fixed" 203
            reverse_proxy APP
            """,
            "/old", "/fixed", "/a%20b?x=%20"),
        Site(
            "an api and a front end",
            """
            handle /api/* {
                reverse_proxy APP
            }
            handle /admin/* {
                reverse_proxy APP
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "/admin", "/admin/", "/admin/x", "/ADMIN/x", "/adminx", "/api%2Fx", "/%61pi/x"),
        Site(
            "an access rule that is written before a path",
            """
            @outside not remote_ip 10.0.0.0/8
            handle @outside {
                respond "no" 403
            }
            handle /admin/* {
                reverse_proxy APP
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "/admin/x", "/x"),
        Site(
            "a method that is written before a path, and one behind it",
            """
            @post method POST
            @put method PUT
            handle @post {
                respond "posted"
            }
            handle /api/* {
                reverse_proxy APP
            }
            handle @put {
                respond "put"
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "/api/x", "POST a.test/api/x", "PUT a.test/api/x", "POST a.test/x", "PUT a.test/x", "/x"),
        Site(
            "several paths before a shorter one, and a longer one behind it",
            """
            @in path /login /logout
            reverse_proxy @in OTHER
            reverse_proxy /log* APP
            header @in X-Order several
            header /log* X-Order short
            header /login* X-Order long
            respond "none"
            """,
            "/login", "/logout", "/log1", "/login1", "/x"),
        Site(
            "a single-page app",
            """
            handle /api/* {
                reverse_proxy APP
            }
            handle {
                root * DIR/files
                try_files {path} /index.html
                file_server
            }
            """,
            "/client/route?tab=1", "/missing.js", "/docs/missing", "/a%20b.txt"),
        Site(
            "a single-page app below a prefix",
            """
            handle_path /app/* {
                root * DIR/files
                try_files {path} {path}/ /index.html
                file_server {
                    index index.html
                }
            }
            redir /app /app/
            reverse_proxy APP
            """,
            "/app", "/app/", "/app/docs", "/app/docs/", "/app/some/where", "/app/static/a.css", "/appx", "/APP/x"),
        Hosts(
            "two sites",
            """
            http://a.test:PORT {
                reverse_proxy APP
            }
            http://b.test:PORT {
                header X-Site b
                reverse_proxy OTHER
            }
            """,
            "a.test/x", "b.test/x", "A.TEST/x", "b.test/api/", "POST b.test/x"),
        Hosts(
            "www to the bare name",
            """
            http://www.a.test:PORT {
                redir https://a.test{uri} permanent
            }
            http://a.test:PORT {
                reverse_proxy APP
            }
            """,
            "www.a.test/a?b", "www.a.test/", "www.a.test//x", "www.a.test/a%2Fb", "POST www.a.test/x", "a.test/a?b"),
        Hosts(
            "hosts below a star, and any",
            """
            http://*.a.test:PORT {
                respond "star {host}"
            }
            http://x.a.test:PORT {
                reverse_proxy APP
            }
            http://:PORT {
                redir https://{host}{uri} permanent
            }
            """,
            "x.a.test/", "y.a.test/", "b.test/a?b", "a.test/"),
        Site(
            "pages for errors",
            """
            reverse_proxy APP
            handle_errors {
                @gateway expression `{http.error.status_code} >= 502`
                handle @gateway {
                    root * DIR/errors
                    rewrite * /down.html
                    file_server
                }
            }
            """,
            "/status/500", "/status/502", "/status/404"),
        Site(
            "a page for each error",
            """
            root * DIR/files
            handle /static/* {
                file_server
            }
            handle /in/* {
                basicauth {
                    bob HASH
                }
                reverse_proxy APP
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                root * DIR/errors
                rewrite * /{err.status_code}.html
                file_server
            }
            """,
            "/static/none.css", "/static/", "/in/x", "/in/x Authorization=Basic Ym9iOnNlY3JldA==", "/in/x Authorization=Basic Ym9iOndyb25n", "/in"),
        Site(
            "fixed responses",
            """
            respond /proxy-health "ok" 200
            @private path /metrics /internal/*
            respond @private 404
            respond /json `{"a":1}` 201
            respond /gone 410
            reverse_proxy APP
            """,
            "/proxy-health", "/proxy-health/", "/PROXY-HEALTH", "HEAD /proxy-health", "POST /proxy-health", "/metrics", "/metrics/x", "/internal", "/internal/",
            "/internal/x", "//metrics", "/json", "/gone"),
        Site(
            "exact paths of the same app",
            """
            handle /health {
                reverse_proxy APP
            }
            @hooks path /hooks /hooks/*
            handle @hooks {
                reverse_proxy APP
            }
            handle_path /static/* {
                root * DIR/files/static
                file_server
            }
            handle {
                reverse_proxy APP
            }
            """,
            "/health", "/hooks", "/hooks/x"),
        Site(
            "a tool below a prefix",
            """
            handle_path /tool/* {
                reverse_proxy OTHER {
                    header_up X-Tool "1"
                    header_up X-Real-IP {remote_host}
                    header_up -X-Secret
                    header_down X-Up-1 tool
                    header_down -X-Has
                }
            }
            redir /tool /tool/ 308
            reverse_proxy APP {
                header_up X-Mine {method}
                header_up Host {host}
            }
            """,
            "/tool", "/tool/", "/tool/a%2Fb?q=1", "//tool/a", "/TOOL/a", "/toolx", "/tool/x X-Secret=1", "POST /tool/x", "/x X-Secret=1"),
        Site(
            "handles within a handle_path",
            """
            handle_path /v1/* {
                handle /users/* {
                    reverse_proxy APP
                }
                handle / {
                    respond "root of v1"
                }
                respond /down/* "down" 503
                handle {
                    respond "none of v1" 404
                }
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "/v1", "/v1/", "/v1/users", "/v1/users/", "/v1/users/7", "/v1/x", "/v1/down/x", "/V1/USERS/x", "/v1//users/x"),
        Site(
            "methods, headers, queries and clients",
            """
            @write method POST PUT DELETE
            @bot header User-Agent *bot*
            @debug query debug=1
            @local {
                remote_ip 127.0.0.0/8 ::1
                path /inside/*
                not path /inside/not/*
            }
            @plain {
                not header X-Token *
                path /token/*
            }
            @html not header Accept *json*
            handle @write {
                reverse_proxy OTHER
            }
            respond @bot "no bots" 403
            respond @debug "debug"
            respond @local "inside"
            respond @plain "no token" 401
            header @html X-Kind page
            reverse_proxy APP
            """,
            "POST /x", "PUT /inside/x", "/x User-Agent=a-bot/1", "/x?debug=1", "/x?debug=2", "/inside/x", "/inside/not/x", "/token/x", "/token/x X-Token=1",
            "/x Accept=application/json", "DELETE /api/x"),
        Site(
            "passwords for a part",
            """
            basicauth /admin/* {
                bob HASH
            }
            redir /admin /admin/
            handle /admin/static/* {
                uri strip_prefix /admin
                root * DIR/files
                file_server
            }
            reverse_proxy APP
            """,
            "/admin", "/admin/", "/admin/x Authorization=Basic Ym9iOnNlY3JldA==", "/ADMIN/x", "/admin/static/a.css", "/admin%2Fx",
            "/admin/static/a.css Authorization=Basic Ym9iOnNlY3JldA=="),
        Site(
            "files of several kinds",
            """
            root * DIR/files
            @assets path *.css *.js /docs/*
            handle @assets {
                header Cache-Control max-age=3600
                file_server
            }
            handle /list/* {
                file_server browse
            }
            handle /hidden/* {
                uri strip_prefix /hidden
                file_server {
                    hide *.txt DIR/files/docs
                    index page.html index.html
                }
            }
            handle /favicon.ico {
                file_server
            }
            reverse_proxy APP
            """,
            "/index.html", "/x.css", "/static/a.CSS", "/docs", "/docs/", "/docs/none", "/favicon.ico", "/favicon.ico/", "/hidden/a%20b.txt", "/hidden/",
                "/hidden/docs/",
            "/list", "/list/sub", "/list/sub/"),
        Site(
            "rewrites",
            """
            rewrite /old/* /new{uri}
            rewrite /one /two?x=1&{query}
            handle /api/* {
                rewrite * /v2{uri}
                reverse_proxy OTHER
            }
            reverse_proxy APP
            """,
            "/one", "/one?z=1", "/api/a?b=c"),
        Site(
            "a route in its own order",
            """
            route /r/* {
                uri strip_prefix /r
                respond /first "first"
                header X-Late late
                reverse_proxy APP
                respond "never"
            }
            route {
                root * DIR/files
                file_server /static/*
                reverse_proxy OTHER
            }
            """,
            "/r", "/r/", "/r/first", "/r/x"),
        Site(
            "handles that do not end",
            """
            handle /a/* {
                header X-Where a
            }
            handle /b/* {
                header X-Where b
                respond /b/only/* "b only"
            }
            handle {
                header X-Where rest
            }
            reverse_proxy APP
            """,
            "/a/x", "/b/x", "/b/only/x", "/c"),
        Site(
            "the most specific first",
            """
            handle /x/y/* {
                respond "xy"
            }
            handle /x/* {
                respond "x"
            }
            @both path /x/y/z/* /q/*
            handle @both {
                respond "both"
            }
            respond /foo "foo"
            respond /foo* "foo*"
            handle /only {
                respond /other "unreachable"
            }
            reverse_proxy APP
            """,
            "/x", "/x/", "/x/y", "/x/y/", "/x/y/z/", "/q/x", "/foo", "/foobar", "/only"),
        Site(
            "nothing serves some",
            """
            handle /api/* {
                reverse_proxy APP
            }
            respond /text "text"
            """,
            "/text", "/other", "POST /other"),
        Site(
            "a limit, and a proxy of several",
            """
            request_body /upload/* {
                max_size 10
            }
            handle /many/* {
                reverse_proxy OTHER THIRD {
                    lb_policy round_robin
                }
            }
            reverse_proxy APP
            """,
            "POST /upload/x", "POST /x", "/many/x"),
        Site(
            "regular expressions",
            """
            @assets path_regexp \.(css|js|ico)$
            header @assets X-Kind asset
            @id path_regexp id ^/(?:items|things)/(?P<id>\d{1,4})/?$
            handle @id {
                reverse_proxy OTHER
            }
            @hidden path_regexp (?i)/\.?(git|env|KeyS)(/|$)
            respond @hidden "hidden" 404
            @word path_regexp ^/w/\w+\s.[^x]$
            respond @word "word"
            @bot header_regexp agent User-Agent (?i)bot|^curl/[0-9.]+$
            respond @bot "no bots" 403
            @plain {
                path /token/*
                not header_regexp X-Token ^t[0-9]+$
            }
            respond @plain "no token" 401
            reverse_proxy APP
            """,
            "/x.css", "/x.CSS", "/x.css.", "/x.css%20", "/x.css/", "/a%2Ejs", "/items/7", "/items/7/", "/items//7", "/items/77777", "/ITEMS/7",
            "/things/%31%32", "/items/7?x.css", "/git", "/git%2Fx", "/x/GIT", "/%E2%84%AAeys", "/env%C5%BF", "/gitx", "/w/a%20bc", "/w/a%C2%A0bc",
            "/w/a%20b%0A", "/w/a%0Ab%F0%9F%98%80", "/w/%C3%A4%20bc", "/x User-Agent=a-BOT/1", "/x User-Agent=curl/7.8", "/x User-Agent=curl/7.8x",
            "/token/x X-Token=t12", "/token/x X-Token=t12x"),
        Site(
            "regular expressions of RE2 that .NET reads otherwise",
            Responses(
                @"^/1/a$", @"^/2/\d+$", @"^/3/\w+$", @"^/4/\S\s\S$", @"^/5/.$", @"^/6/[^x]$", @"(?i)^/7/[a-k]s$", @"(?i)^/8/\w$",
                @"(?i)^/9/\W$", @"^/10/\D$", @"^/11/..$", @"^/12/a{2,3}?$", @"^/13/(?P<n>a|b)(?:c)\z", @"\A/14/[\d.-]+$", @"^/15/a|b$",
                @"^/16/x*$", @"^/17/[[a]$", @"^/18/[^\w]$"),
            "/1/a", "/1/a%0A", "/1/a%0Ab", "/2/12", "/2/%D9%A3", "/2/1%0A", "/3/a_9", "/3/%C3%A4", "/3/%D9%A3", "/4/a%20b", "/4/a%0Bb", "/4/a%C2%A0b",
            "/4/a%0Db", "/5/%0A", "/5/%F0%9F%98%80", "/5/%FF", "/5/%E2%82", "/5/%C3%A4", "/6/%0A", "/6/%F0%9F%98%80", "/6/x", "/7/%E2%84%AAS",
            "/7/k%C5%BF", "/7/Ks", "/8/%C5%BF", "/8/%E2%84%AA", "/8/%C3%A4", "/9/%C5%BF", "/9/%C3%A4", "/10/%D9%A3", "/10/1", "/11/%E2%82",
            "/11/%F0%9F%98", "/11/%FF%FE", "/11/%E2%82%AC", "/12/aaa", "/12/aaaa", "/13/ac", "/13/ac%0A", "/14/1.2-%D9%A3", "/14/1.2-3", "/15/abc",
            "/x/15/b", "/16/", "/16/xx", "/17/%5B", "/18/%C5%BF"),
        Site(
            "two apps by path, each with its files",
            """
            encode zstd gzip
            redir /shop /shop/ 308
            handle_path /shop/* {
                handle /static/* {
                    root * DIR/files
                    file_server
                }
                handle {
                    request_header X-Script-Name /shop
                    reverse_proxy OTHER {
                        header_up X-Prefix /shop
                    }
                }
            }
            handle_path /static/* {
                root * DIR/files/static
                file_server
            }
            handle {
                reverse_proxy APP
            }
            """,
            "/shop", "/shop/", "/shop/cart?x=1", "/shop/static/a.css", "/shop/static", "/shop/static/", "/SHOP/x", "/shop//x", "/shopx", "POST /shop/x"),
        Site(
            "a single-page app beside Django, with caching by kind of file",
            """
            root * DIR/files
            @django path /api/* /admin/* /accounts/*
            handle @django {
                reverse_proxy APP
            }
            handle {
                @hashed path_regexp \.[0-9a-f]{12}\.(css|js)$
                header @hashed Cache-Control "public, max-age=31536000, immutable"
                @page not path_regexp \.[0-9a-f]{12}\.(css|js)$
                header @page Cache-Control "no-cache"
                try_files {path} {path}/index.html /index.html
                file_server
            }
            """,
            "/app.0123456789ab.css", "/none.0123456789ab.css", "/docs", "/client/route", "/admin", "/accounts/login/", "HEAD /app.0123456789ab.css"),
        Site(
            "names that look hashed",
            """
            root * DIR/files
            handle /h/* {
                uri strip_prefix /h
                file_server
            }
            handle_path /g/* {
                file_server
            }
            reverse_proxy APP
            """,
            "/h/app.0123456789ab.css", "/h/", "/h", "/g/app.0123456789ab.css", "/g/x.css", "/g/static", "/g/static/"),
        Hosts(
            "www and an old domain, with what is exempt",
            """
            http://www.a.test:PORT, http://old.test:PORT {
                @keep path /.well-known/* /feed
                handle @keep {
                    respond "kept on {host}"
                }
                handle /blog/* {
                    redir http://blog.a.test{uri} 301
                }
                handle {
                    redir http://a.test{uri} permanent
                }
            }
            http://a.test:PORT {
                @php path *.php /wp-* /xmlrpc*
                respond @php 410
                redir /index.html / 301
                @legacy query page=old
                redir @legacy /new?{query} 302
                reverse_proxy APP
            }
            http://blog.a.test:PORT {
                root * DIR/files
                file_server
                header X-Blog yes
            }
            """,
            "www.a.test/x?y=1", "old.test/.well-known/security.txt", "old.test/feed", "old.test/feed/", "old.test/blog/a?b", "www.a.test/blog",
            "a.test/x.php", "a.test/wp-login", "a.test/WP-admin/x", "a.test/index.html", "a.test/?page=old&x=2", "a.test/?x=2", "blog.a.test/",
            "blog.a.test/docs", "blog.a.test/docs/", "blog.a.test/none", "POST a.test/x.php", "www.a.test/a%2Fb?c=%20", "www.a.test/?", "a.test/x.php/"),
        Site(
            "maintenance for all but some, with a page",
            """
            root * DIR/files
            @clients {
                not remote_ip 10.0.0.0/8
                not path /healthz /static/*
                not header X-Let-Me-In secret
            }
            error @clients 503
            handle /static/* {
                file_server
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                @maintenance expression {err.status_code} == 503
                handle @maintenance {
                    root * DIR/errors
                    rewrite * /503.html
                    file_server
                }
            }
            """,
            "/healthz", "/x X-Let-Me-In=secret", "/x X-Let-Me-In=no", "/static/a.css", "HEAD /x", "POST /x"),
        Site(
            "maintenance by a fixed page",
            """
            header Retry-After 3600
            header Cache-Control "no-store"
            @open path /status
            handle @open {
                reverse_proxy APP
            }
            respond "<h1>Back soon</h1>" 503 {
                close
            }
            """,
            "/status", "/x"),
        Site(
            "a staging site with a password but for hooks",
            """
            header X-Robots-Tag "noindex, nofollow"
            @locked {
                not path /healthz /hooks/*
                not method OPTIONS
            }
            basicauth @locked bcrypt "Staging" {
                bob HASH
            }
            handle_path /static/* {
                root * DIR/files/static
                file_server
            }
            reverse_proxy APP
            """,
            "/healthz", "/hooks/x", "/hooks", "OPTIONS /x", "/x Authorization=Basic Ym9iOnNlY3JldA==", "/static/a.css Authorization=Basic Ym9iOnNlY3JldA==",
            "/x Authorization=Basic Ym9iOndyb25n", "/x Authorization=Bearer abc"),
        Site(
            "a blog of files below a prefix",
            """
            redir /blog /blog/ permanent
            handle /blog/* {
                uri strip_prefix /blog
                root * DIR/files
                @drafts path /list/*
                file_server {
                    index index.html
                    hide *.txt
                }
            }
            handle {
                reverse_proxy APP
            }
            """,
            "/blog", "/blog/", "/blog/docs", "/blog/docs/", "/blog/docs/b.txt", "/blog/none", "/blog/static/", "/BLOG/index.html", "/blogx",
            "/blog/index.html"),
        Site(
            "headers up and down",
            """
            header {
                Permissions-Policy "camera=(), microphone=()"
                Content-Security-Policy "default-src 'self'"
                X-Frame-Options "DENY"
                ?X-Has "default"
                -Server
                defer
            }
            reverse_proxy /tool/* OTHER {
                header_up Host internal.test
                header_up X-Real-IP {remote_host}
                header_up X-Forwarded-Prefix /tool
                header_up -X-Secret
                header_up +X-More yes
                header_down -X-Up-*
                header_down X-Has tool
                header_down +X-Down added
                header_down Cache-Control "private"
            }
            reverse_proxy APP {
                header_up X-Scheme {scheme}
                header_down -X-Up-1
            }
            """,
            "/tool/x X-Secret=1", "/tool", "/x X-Secret=1", "/status/404", "HEAD /tool/x"),
        Site(
            "limits of bodies",
            """
            request_body {
                max_size 30
            }
            request_body /tiny/* {
                max_size 5
            }
            handle_path /up/* {
                request_body {
                    max_size 1MB
                }
                reverse_proxy OTHER
            }
            reverse_proxy APP
            """,
            "POST /x", "PUT /x", "POST /up/x", "/tiny/x"),
        Hosts(
            "snippets with arguments and variables with defaults",
            """
            (static) {
                handle_path {args.0}/* {
                    root * {args.1}
                    file_server
                }
            }
            (security) {
                header {
                    X-Content-Type-Options nosniff
                    X-Frame-Options {args.0}
                    Referrer-Policy strict-origin
                }
            }
            (proxy) {
                reverse_proxy {args.0} {
                    header_up X-Via {args.1}
                }
            }
            http://{$EDGE_NAME:a.test}:PORT {
                import security DENY
                import static /static DIR/files/static
                import static /docs DIR/files/docs
                header X-Release {$EDGE_RELEASE:dev}
                import proxy APP main
            }
            http://b.test:PORT {
                import security SAMEORIGIN
                import proxy OTHER second
            }
            """,
            "a.test/static/a.css", "a.test/docs/", "a.test/docs", "a.test/docs/b.txt", "a.test/x", "b.test/x", "b.test/static/a.css", "a.test/static/none"),
        Site(
            "CORS for an API",
            """
            @preflight {
                method OPTIONS
                path /api/*
            }
            handle @preflight {
                header Access-Control-Allow-Origin "https://app.test"
                header Access-Control-Allow-Methods "GET, POST"
                respond 204
            }
            handle /api/* {
                header Access-Control-Allow-Origin "https://app.test"
                header Vary Origin
                reverse_proxy APP
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "OPTIONS /api/x", "OPTIONS /x", "OPTIONS /api", "/api/x Origin=https://app.test"),
        Site(
            "websockets by header, and long polls",
            """
            @ws {
                header Connection *pgrade*
                header X-Kind ws*
            }
            reverse_proxy @ws OTHER
            @lang header_regexp Accept-Language (?i)^de
            redir @lang /de{uri} 302
            @mobile header User-Agent *Mobile*
            handle @mobile {
                rewrite * /m{uri}
                reverse_proxy OTHER
            }
            reverse_proxy APP
            """,
            "/x X-Kind=ws1", "/x Accept-Language=DE-at,en", "/x Accept-Language=en,de", "/x?y User-Agent=a-Mobile/1", "/a%20b User-Agent=a-Mobile/1"),
        Site(
            "a download area",
            """
            root * DIR/files
            handle /list/* {
                header Content-Disposition attachment
                header X-Content-Type-Options nosniff
                file_server browse
            }
            handle /docs/* {
                file_server {
                    index b.txt
                }
            }
            handle /favicon.ico {
                header Cache-Control "max-age=86400"
                file_server
            }
            redir /downloads /list/
            redir /downloads/* /list/
            reverse_proxy APP
            """,
            "/list/", "/list", "/list/sub", "/list/sub/x.txt", "/list/none", "/docs/", "/docs/index.html", "/favicon.ico", "/downloads", "/downloads/a?b"),
        Site(
            "rewrites of old addresses",
            """
            rewrite /feed /rss.xml
            rewrite /u/* /user?{query}
            redir /old/* /new{uri} 301
            redir /a /b?x=1 308
            @dated path_regexp ^/20\d\d/(?:0[1-9]|1[0-2])/
            redir @dated /archive{uri}
            handle_path /v1/* {
                rewrite * /api{uri}
                reverse_proxy OTHER
            }
            route /raw/* {
                uri strip_prefix /raw
                respond /ping "pong"
                reverse_proxy OTHER
            }
            reverse_proxy APP
            """,
            "/feed", "/feed?x=1", "/u/7?a=1", "/u/7", "/old/x?y", "/a", "/a?z", "/2024/05/post", "/2024/13/post", "/v1/x?y=1", "/v1/", "/v1", "/raw/ping",
            "/raw/ping/", "/raw/x%20y?z", "/RAW/ping"),
        Site(
            "errors with pages for some, and caching of everything",
            """
            root * DIR/files
            header Cache-Control "public, max-age=600"
            header Surrogate-Control "max-age=60"
            header Expires "Thu, 31 Dec 2037 23:55:55 GMT"
            handle /static/* {
                file_server
            }
            handle /gone/* {
                error "gone" 410
            }
            handle /fixed/* {
                respond "no" 403
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                @4xx expression `{err.status_code} >= 400 && {err.status_code} < 500`
                handle @4xx {
                    respond "{err.status_code}: nothing at {uri}"
                }
                handle {
                    root * DIR/errors
                    rewrite * /down.html
                    file_server
                }
            }
            """,
            "/static/none.css", "/gone/x", "/fixed/x", "/status/500", "HEAD /gone/x", "/static/"),
        Site(
            "a page of maintenance that is tried first, and a directory at last",
            """
            handle /api/* {
                reverse_proxy APP
            }
            handle_path /off/* {
                root * DIR/files
                try_files /x.css {path}
                file_server
            }
            handle {
                root * DIR/files
                try_files /maintenance.html {path} {path}/ /docs/
                file_server
            }
            """,
            "/zzz", "/docs", "/list", "/list/", "/off/", "/off/docs/", "/off", "/x.css"),
        Site(
            "the directory of the Caddyfile",
            """
            root * DIR
            file_server /Caddyfile*
            file_server /errors/*
            handle_path /simple/* {
                file_server
            }
            reverse_proxy /api/* APP
            respond 404
            """,
            "/Caddyfile", "/Caddyfile/", "/errors/404.html", "/simple/Caddyfile", "/simple/files/x.css"),
        Site(
            "a text for errors",
            """
            root * DIR/files
            handle /static/* {
                file_server
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                respond "{err.status_code} {err.status_text} of {path}"
            }
            """,
            "/static/none.css", "HEAD /static/none.css", "/static/a%20b?c", "/status/404", "/status/502"),
        Site(
            "texts for some errors, with other statuses",
            """
            root * DIR/files
            handle /static/* {
                file_server
            }
            handle /in/* {
                basicauth {
                    bob HASH
                }
                reverse_proxy APP
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                @missing expression {http.error.status_code} == 404
                respond @missing `{"error": "not found"}` 410
                @down expression `{err.status_code} in [502, 503, 504]`
                handle @down {
                    header Content-Type "text/html; charset=utf-8"
                    respond "<p>page down</p>" 503
                }
                handle {
                    root * DIR/errors
                    rewrite * /{err.status_code}.html
                    file_server
                }
            }
            """,
            "/static/none.css", "/in/x", "/in/x Authorization=Basic Ym9iOnNlY3JldA=="),
        Site(
            "errors that a site sends itself",
            """
            root * DIR/files
            error /hidden* "Not found" 404
            error /private* 403
            error /broken* "broken"
            error /teapot* "no coffee" 418
            handle /static/* {
                file_server
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                @none expression {err.status_code} == 404
                respond @none "nothing at {path}"
                @locked expression `{err.status_code} in [403, 500]`
                handle @locked {
                    root * DIR/errors
                    rewrite * /502.html
                    file_server
                }
            }
            """,
            "/hidden", "/hidden/x", "HEAD /hidden/x", "/private/x", "/broken", "/teapot", "/static/none.css"),
        Site(
            "queries that a rewrite makes",
            """
            rewrite /keep /kept?{query}&z=1
            rewrite /last /l?z=1&{query}
            rewrite /mid /m?y=1&{query}&z=1
            rewrite /path /p?next={path}
            rewrite /value /v?next={query}&b=2
            rewrite /host /h?{host}={method}
            rewrite /plain /pl?a=b
            rewrite /uri {uri}?a=b
            reverse_proxy APP
            """,
            "/keep", "/keep?", "/keep?q=1", "/keep?q=1&r=%20%26", "/last", "/last?q", "/mid", "/mid?q=1&q=2", "/path", "/path?q=1", "/value", "/value?q=1&r=2",
            "/value?a%20b+c~", "/host", "/plain?q=1", "/uri", "/uri?q=1"),
        Site(
            "a matcher that takes every path",
            """
            header /* X-All all
            @all path /* /api/*
            header @all X-Both both
            @not {
                not path /static/*
                path *
            }
            respond @not "not static"
            reverse_proxy /* APP
            """,
            "/static/a.css"),
        Site(
            "a text that covers all lines",
            """
            respond /robots.txt "User-agent: *
            Disallow: /in" 200
            respond /json `{
              "a": "{method}"
            }`
            reverse_proxy APP
            """,
            "/robots.txt", "/json", "HEAD /robots.txt"),
        Site(
            "the same matcher twice, which Caddy makes one route of",
            """
            root * DIR/nothing
            root * DIR/files
            rewrite /r /x1
            rewrite /r /x2
            rewrite /s* /x3
            redir /q /q1
            redir /q /q2
            uri /strip/* strip_prefix /strip
            reverse_proxy /strip/* OTHER
            handle /api/* {
                header X-Route api
            }
            handle /api/* {
                reverse_proxy OTHER
            }
            @one {
                method POST
                path /two/* /three/*
            }
            @other {
                path /two/*
                path /three/*
                method POST
            }
            handle @one {
                header X-One 1
            }
            handle @other {
                reverse_proxy OTHER
            }
            handle_path /static/* {
                header X-Path static
            }
            handle /static/* {
                root * DIR/files/static
                file_server
            }
            handle /* {
                header X-All all
                reverse_proxy APP
            }
            handle {
                reverse_proxy OTHER
            }
            """,
            "/r", "/s", "/q", "/strip/x", "/strip/strip/x", "POST /two/x", "/two/x", "POST /three/x"),
        Site(
            "files of the app alone, with the same root twice",
            """
            root * DIR/nothing
            root * DIR/files
            handle /static/* {
                header Cache-Control "max-age=60"
            }
            handle /static/* {
                file_server
            }
            handle {
                reverse_proxy APP
            }
            """,
            "//static//a.css"),
        Site(
            "files of the app alone, without more",
            """
            root * DIR/nothing
            root * DIR/files
            @static path /static/* /docs/*
            handle @static {
                encode gzip
            }
            handle @static {
                file_server
            }
            reverse_proxy APP
            """,
            "//static/a.css", "/static//a.css", "//docs//b.txt", "///static/none.css"),
        Site(
            "files of the app alone, below a prefix in any letter case",
            """
            handle_path /static/* {
                root * DIR/files/static
                file_server
            }
            reverse_proxy APP
            """,
            "/STATIC/a.css", "/Static/A.css", "//sTATIC//a.css", "/STATIC", "/STATIC/", "/STATICX", "HEAD /STATIC/a.css"),
        Site(
            "the page of an app that is down, beside a text and a page for the rest",
            """
            handle /api/* {
                reverse_proxy APP
            }
            handle_path /one/* {
                reverse_proxy APP
            }
            root * DIR/files
            file_server
            handle_errors {
                @down expression {err.status_code} == 502 || {err.status_code} == 504
                handle @down {
                    root * DIR/errors
                    rewrite * /{err.status_code}.html
                    file_server
                }
                handle {
                    respond "{err.status_code} at {uri}"
                }
            }
            """,
            "/one/x", "/none?a=b", "/a%20b.txt", "/api/none"),
        Site(
            "a host that is changed before it is forwarded",
            """
            request_header Host inside.test
            request_header /api/* X-Api {host}
            handle_path /up/* {
                reverse_proxy OTHER {
                    header_up X-Forwarded-Proto https
                }
            }
            reverse_proxy APP
            """,
            "/up/x", "/up"),
        Site(
            "one of several servers is down",
            """
            handle /retried/* {
                reverse_proxy 127.0.0.1:1 OTHER {
                    lb_policy round_robin
                    lb_try_duration 5s
                    lb_try_interval 10ms
                }
            }
            handle /next/* {
                reverse_proxy 127.0.0.1:1 OTHER {
                    lb_policy first
                    lb_try_duration 5s
                    lb_try_interval 10ms
                    fail_duration 60s
                }
            }
            # Caddy counts the failures of an address for all that send to it.
            handle /left-out/* {
                reverse_proxy 127.0.0.1:2 OTHER {
                    lb_policy first
                    fail_duration 60s
                }
            }
            handle /count/* {
                reverse_proxy 127.0.0.1:1 OTHER {
                    lb_policy round_robin
                    lb_retries 3
                    lb_try_interval 10ms
                }
            }
            reverse_proxy APP
            """,
            "/retried/x", "/retried/y", "/next/x", "/next/y", "/left-out/x", "/left-out/x", "/left-out/y", "/count/x", "/count/y"),
        Site(
            "values that are set and set by default",
            """
            header Cache-Control no-store
            header /static/* Cache-Control "public, max-age=3600"
            header X-Robots-Tag noindex
            header ?Cache-Control private
            header ?X-Robots-Tag all
            header ?X-Def one
            handle /static/* {
                root * DIR/files
                file_server
            }
            reverse_proxy APP
            """),
        Site(
            "files, and what is not there goes on",
            """
            route {
                root * DIR/files
                file_server /docs/* {
                    pass_thru
                }
                @css path *.css
                file_server @css {
                    pass_thru
                    index none
                }
                respond /docs/no* "no"
                reverse_proxy APP
            }
            """,
            "/docs/b.txt", "/docs/none", "/docs/c", "/x.css", "/none.css", "POST /docs/c", "POST /none.css", "/docs", "/DOCS/b.txt"),
        Site(
            "a page that leads on",
            """
            redir /page https://example.com/a?b=1&c='2' html
            redir /to /place html
            reverse_proxy APP
            """,
            "/page", "/to", "HEAD /to", "POST /page"),
        Site(
            "letter case before files",
            """
            handle /static/* {
                root * DIR/files
                file_server
            }
            handle_path /docs/* {
                root * DIR/files/docs
                file_server
            }
            reverse_proxy APP
            """,
            "/STATIC/a.css", "/Static/", "/static/A.css", "/DOCS/b.txt", "/Docs/", "/STATIC", "/%53tatic/a.css", "//Static/a.css"),
        Site(
            "an error page with a root of its own",
            """
            handle_errors {
                @down expression `{err.status_code} in [502, 503, 504]`
                rewrite @down /down.html
                file_server @down {
                    root DIR/errors
                }
            }
            reverse_proxy APP
            """),
        Site(
            "files that are there, and the app for the rest",
            """
            root * DIR/files
            @static file
            handle @static {
                file_server
            }
            handle {
                reverse_proxy APP
            }
            """,
            "/docs/b.txt", "/docs/b.txt/", "/DOCS/b.txt", "/docs//b.txt", "/a%20b.txt", "/a.txt%2f", "/x%2Ecss"),
        Site(
            "the app for what is no file",
            """
            root * DIR/files
            @dynamic {
                not file
                not path /static/*
            }
            reverse_proxy @dynamic APP
            file_server
            """,
            "/docs/b.txt", "/list/", "/list/sub", "/none"),
        Site(
            "pages by the names of files and directories",
            """
            root * DIR/files
            @page {
                file {
                    root DIR/errors
                    try_files {path}.html {path}/index.html
                }
                method GET
            }
            @directory file {path}/
            @never file /maintenance.on /maintenance
            @always file favicon.ico
            respond @never "never"
            respond @page "a page"
            respond @directory "a directory"
            handle /has/* {
                respond @always "it is there"
            }
            reverse_proxy APP
            """,
            "/down", "/down/", "/down.html", "/404", "/has/x", "HEAD /404", "/list", "/list/", "/list/sub/", "/list/sub/x.txt", "/docs/index.html"),
        Site(
            "parts of header values that are replaced",
            """
            header /late/* {
                X-Up-Two "(o)f" "$1F"
                X-Up-1 "(?P<all>.*)" "<${all}> $1; $$ $none"
                defer
            }
            header X-Frame-Options of off
            header X-Own "of mine"
            reverse_proxy APP {
                header_down X-Has "[aeiou]|$" "($0)"
                header_down X-Add "^of the (.+)" "$1x${1}x"
                header_down X-None a b
            }
            """,
            "/late/x", "/x", "HEAD /late/x"),
        Site(
            "what regular expressions have found",
            """
            @user path_regexp user ^/users?/(\d+)(?:/(?P<rest>[a-z/]*))?$
            redir @user https://b.test/u/{re.user.1}?rest={http.regexp.user.rest} 301
            @slash path_regexp slash ^(/old/.+[^/])/$
            redir @slash {re.slash.1} 308
            @item path_regexp item ^/item/([^/]*)/(a|ab)(c?)
            handle @item {
                header X-Item "{re.item.1}-{re.item.2}-{re.item.3}-{re.item.0}"
                respond "item {re.item.1} {re.item.3}"
            }
            @version path_regexp version ^/v(\d)/(.*)$
            handle @version {
                rewrite * /{re.version.2}?version={re.version.1}&{query}
                reverse_proxy APP {
                    header_up X-Version {re.version.1}
                }
            }
            reverse_proxy APP
            """,
            "/user/12", "/users/12/a/b", "/user/12/", "/user/x", "/old/a/", "/old/a//", "/old/a", "/old/a%2Fb/", "/item/x/abc", "/item//abcd", "/item/y/ac/z",
            "/v1/api/x?q=1", "/v2/", "/v9/x%2Fy", "/v1//x", "/v12/x", "HEAD /user/7"),
        Site(
            "headers of errors, by their status",
            """
            header X-Early first
            handle /gone {
                error "gone" 410
            }
            handle /in {
                error 401
            }
            handle /plain {
                error 418
            }
            handle {
                reverse_proxy APP
            }
            handle_errors {
                header X-Error "{err.status_code} {http.error.status_text} at {path}"
                @gone expression {err.status_code} == 410
                header @gone {
                    X-Early second
                    +X-More more
                    Cache-Control "public, max-age=60"
                }
                @down expression `{err.status_code} >= 502`
                handle @down {
                    header X-Down yes
                    header Content-Type text/x-down
                    rewrite * /{err.status_code}.html
                    file_server {
                        root DIR/errors
                    }
                }
                handle @gone {
                    respond "gone for good"
                }
                @in expression {err.status_code} == 401
                rewrite @in /401.html
                file_server @in {
                    root DIR/errors
                    status 403
                }
            }
            """,
            "/gone", "HEAD /gone", "/in", "/plain", "/x"),
        Site(
            "a page of maintenance with its status",
            """
            @maintenance {
                not remote_ip 10.0.0.0/8
                not path /healthz
            }
            handle @maintenance {
                root * DIR/errors
                header X-Why maintenance
                rewrite * /down.html
                file_server {
                    status 503
                }
            }
            reverse_proxy APP
            """,
            "/healthz", "/x?y=z", "HEAD /x"),
        Site(
            "maintenance while a file is there",
            """
            root * DIR/errors
            @maintenance {
                file /down.html
                method GET HEAD
                not path /healthz
            }
            handle @maintenance {
                header Retry-After 60
                rewrite * /down.html
                file_server
            }
            handle {
                reverse_proxy APP
            }
            """,
            "/healthz", "/x?y=z"),
        Site(
            "try_files in its long form",
            """
            root * DIR/files
            handle /api/* {
                reverse_proxy APP
            }
            handle {
                @try file {path} {path}/index.html /index.html
                rewrite @try {http.matchers.file.relative}
                file_server
            }
            """,
            "/docs/b.txt", "/client/route?tab=1", "/docs/none"),
        Hosts(
            "snippets and hosts in matchers",
            """
            (headers) {
                header {
                    X-Snippet {args.0}
                    defer
                }
            }
            http://a.test:PORT, http://b.test:PORT {
                import headers "from a snippet"
                @b host b.test
                redir @b http://a.test{uri} 307
                @scheme {
                    protocol http
                    path /scheme
                }
                respond @scheme "http"
                reverse_proxy APP
            }
            """,
            "a.test/x", "b.test/x?y", "a.test/scheme", "b.test/scheme", "POST b.test/x"),
    ];

    /// <summary>What every file is asked, beside its own.</summary>
    public static string[] Common { get; } =
    [
        "/", "/?q=1", "/api", "/api/", "/apix", "/api/x?q=1", "/API/x", "//api/x", "/api/a%2Fb", "/static", "/static/", "/static/a.css", "/static/none.css",
            "/staticx", "/x/y",
        "/docs", "/docs/", "HEAD /api/x", "POST /api/x", "PUT /x",
    ];

    /// <summary>One response for each regular expression, its number.</summary>
    private static string Responses(params string[] patterns) => string.Join('\n', patterns.Index().Select(
        pattern => $"@r{pattern.Index + 1} path_regexp `{pattern.Item}`\nrespond @r{pattern.Index + 1} \"{pattern.Index + 1}\"")) + "\nreverse_proxy APP";

    private static Whole Site(string name, string directives, params string[] asks) => new(name, $"http://a.test:PORT {{\n{directives}\n}}\n", asks);

    private static Whole Hosts(string name, string content, params string[] asks) => new(name, content + "\n", asks);
}
