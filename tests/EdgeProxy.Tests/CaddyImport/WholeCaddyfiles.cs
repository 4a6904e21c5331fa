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
            "fixed answers",
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

    private static Whole Site(string name, string directives, params string[] asks) => new(name, $"http://a.test:PORT {{\n{directives}\n}}\n", asks);

    private static Whole Hosts(string name, string content, params string[] asks) => new(name, content + "\n", asks);
}
