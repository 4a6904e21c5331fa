using System.Net;
using EdgeProxy.Proxying;
using EdgeProxy.Sites;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Sites.Forwarding;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Tests.Sites;

/// <summary>Sites before an app: which one serves a request, with which route, and what becomes of it.</summary>
public sealed class SitesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("shop.example", "exact")]
    [InlineData("SHOP.example:8080", "exact")]
    [InlineData("shop.example.", "exact")]
    [InlineData("a.shop.example", "below")]
    [InlineData("b.a.shop.example", "any")] // a star is one label, as in certificates
    [InlineData("xshop.example", "any")]
    [InlineData("127.0.0.1", "any")]
    [InlineData("xn--bcher-kva.example", "idn")]
    [InlineData("XN--bcher-kva.example.:80", "idn")]
    [InlineData("xn--mnchen-3ya.example", "any")]
    [InlineData("xn--mnchen-3ya.shop.example", "below")]
    public async Task The_most_specific_host_has_the_site(string host, string site)
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "*", "Routes": [ { "Respond": { "Body": "any" } } ] },
              { "Hosts": "xn--bcher-kva.example", "Routes": [ { "Match": { "Hosts": "xn--bcher-kva.example" }, "Respond": { "Body": "idn" } } ] },
              { "Hosts": ["*.shop.example"], "Routes": [ { "Respond": { "Body": "below" } } ] },
              { "Hosts": ["shop.example"], "Routes": [ { "Respond": { "Body": "exact" } } ] } ]
            """);

        Assert.Equal(site, await (await GetAsync(proxy, "/", host)).Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_redirect_to_the_host_keeps_it_as_the_client_wrote_it()
    {
        await using var proxy = await SiteProxy.StartAsync("""[ { "Hosts": "*", "Routes": [ { "Redirect": { "To": "https://{host}{uri}" } } ] } ]""");

        using var response = await GetAsync(proxy, "/x", "xn--bcher-kva.example");

        Assert.Equal("https://xn--bcher-kva.example/x", response.Headers.GetValues("Location").Single());
    }

    [Fact]
    public async Task A_host_of_no_site_gets_421_and_a_path_of_no_route_404()
    {
        await using var proxy = await SiteProxy.StartAsync("""[ { "Hosts": "shop.example", "Routes": [ { "Path": "/a", "Respond": { "Body": "a" } } ] } ]""");

        Assert.Equal(421, (int)(await GetAsync(proxy, "/a", "other.example")).StatusCode);
        Assert.Equal(404, (int)(await GetAsync(proxy, "/b", "shop.example")).StatusCode);
        Assert.Equal(200, (int)(await GetAsync(proxy, "/a", "shop.example")).StatusCode);
    }

    [Fact]
    public async Task The_first_route_that_matches_serves()
    {
        await using var proxy = await SiteProxy.WithRoutesAsync("""
            { "Path": "/a/*", "Respond": { "Body": "1" } }, { "Path": "/a/b", "Respond": { "Body": "2" } }, { "Path": "*", "Respond": { "Body": "3" } }
            """);

        Assert.Equal("1", await proxy.Client.GetStringAsync("/a/b", Cancellation));
        Assert.Equal("3", await proxy.Client.GetStringAsync("/a", Cancellation));
    }

    [Fact]
    public async Task The_app_gets_path_and_query_byte_for_byte_and_as_the_route_changes_them()
    {
        await using var app = await EchoAsync();
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """
            { "Path": "/strip/*", "StripPrefix": "/strip", "App": "app", "RequestHeaders": { "Set": { "X-Who": "{remote_host}", "X-Forwarded-Proto": "https" } } },
            { "Path": "/new/*", "Rewrite": "/v2{uri}", "App": "app" },
            { "App": "app" }
            """,
            app.Address);

        Assert.StartsWith("/a%2Fb;c?d=%FF ", await proxy.Client.GetStringAsync("/a%2Fb;c?d=%FF", Cancellation), StringComparison.Ordinal);
        Assert.Equal("/x%2Fy?z 127.0.0.1 https", await proxy.Client.GetStringAsync("/strip/x%2Fy?z", Cancellation));
        Assert.StartsWith("/v2/new/x?y ", await proxy.Client.GetStringAsync("/new/x?y", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_of_the_settings_serves_a_route()
    {
        await using var other = await EchoAsync();
        await using var proxy = await SiteProxy.StartAsync(
            """[ { "Hosts": "*", "Routes": [ { "Path": "/other/*", "Cluster": "other" }, { "App": "app" } ] } ]"""
                .Replace("\"Cluster\": \"other\"", "\"Upstreams\": \"" + other.Address + "\"", StringComparison.Ordinal));
        Assert.StartsWith("/other/a%2Fb ", await proxy.Client.GetStringAsync("/other/a%2Fb", Cancellation), StringComparison.Ordinal);

        var loaded = SiteProxy.Check(
            """[ { "Hosts": "*", "Routes": [ { "Path": "/other/*", "Cluster": "Other" }, { "App": "app" } ] } ]""",
            $$""", "ReverseProxy": { "Clusters": { "other": { "Destinations": { "d": { "Address": "{{other.Address}}" } } } } }""");
        Assert.Empty(loaded.Problems);
        await using var named = await DataPlane.StartAsync(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            own => own.Sites = loaded.Options!.Sites,
            ("ReverseProxy:Clusters:other:Destinations:d:Address", other.Address));
        Assert.StartsWith("/other/a%2Fb?c ", await named.Client.GetStringAsync("/other/a%2Fb?c", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstreams_take_turns_and_one_that_is_down_is_left_out()
    {
        await using var first = await Backend.NamedAsync("1");
        await using var second = await Backend.NamedAsync("2");
        await using var proxy = await SiteProxy.WithRoutesAsync($$"""
            { "Path": "/turns", "Upstreams": ["{{first.Address}}", "{{second.Address}}"], "LoadBalancing": "RoundRobin" },
            { "Path": "/first", "Upstreams": ["{{first.Address}}", "{{second.Address}}"], "LoadBalancing": "First" },
            { "Path": "/well", "Upstreams": ["http://127.0.0.1:1", "{{second.Address}}"], "LoadBalancing": "First",
              "UpstreamHealth": { "Path": "/healthz", "Interval": "00:00:01", "Timeout": "00:00:01" } }
            """);

        var turns = new HashSet<string>();
        for (var i = 0; i < 4; i++)
        {
            turns.Add(await proxy.Client.GetStringAsync("/turns", Cancellation));
            Assert.Equal("1", await proxy.Client.GetStringAsync("/first", Cancellation));
        }

        Assert.Equal(2, turns.Count);
        await Eventually.TrueAsync(
            async () => (await proxy.Client.GetAsync("/well", Cancellation)).StatusCode == HttpStatusCode.OK, "the one that is down has failed its probe");
    }

    [Fact]
    public async Task A_route_can_close_the_connection_without_a_response()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "*", "ErrorResponses": { "400-599": { "Body": "error" } }, "Headers": { "Set": { "X-Site": "s" } },
                "Routes": [ { "Path": "/no", "Respond": { "Abort": true } }, { "Respond": { "Body": "yes" } } ] } ]
            """);
        using var client = await RawClient.ConnectAsync(proxy);

        await client.SendAsync("GET /no HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Null(await client.ReadResponseAsync());
        Assert.Equal("yes", await proxy.Client.GetStringAsync("/yes", Cancellation));
        Assert.NotEmpty(SiteProxy.Check("""[ { "Hosts": "*", "Routes": [ { "Respond": { "Abort": true, "Body": "no" } } ] } ]""").Problems);
    }

    [Fact]
    public async Task Headers_are_on_responses_of_the_app_and_on_errors_and_redirects()
    {
        await using var app = await EchoAsync();
        const string Site = """
            [ { "Hosts": "*", "Headers": { "Set": { "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src {scheme}:" } },
                "Routes": [ { "Path": "/old", "Redirect": { "To": "/new" } }, { "Path": "/down", "Upstreams": "http://127.0.0.1:1" },
                            { "Path": "/in/*", "Headers": { "Remove": "X-Frame-*", "Set": { "X-In": "{path}" } }, "App": "app" },
                            { "Path": "/none", "Match": { "Methods": "PUT" }, "App": "app" }, { "Path": "/*x", "App": "app" } ] } ]
            """;
        await using var proxy = await SiteProxy.StartAsync(Site, app.Address);

        foreach (var (path, status) in new[] { ("/x", 200), ("/old", 302), ("/down", 502), ("/none", 404) })
        {
            var response = await proxy.Client.GetAsync(path, Cancellation);
            Assert.Equal((path, status), (path, (int)response.StatusCode));
            Assert.Equal("DENY", Assert.Single(response.Headers.GetValues("X-Frame-Options")));
            Assert.Equal("default-src http:", Assert.Single(response.Headers.GetValues("Content-Security-Policy")));
        }

        var changed = await proxy.Client.GetAsync("/in/a", Cancellation);
        Assert.False(changed.Headers.Contains("X-Frame-Options"));
        Assert.Equal("/in/a", Assert.Single(changed.Headers.GetValues("X-In")));
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_left_to_the_routes_behind_and_files_have_the_headers_of_the_site()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory["a.css"], "file", Cancellation);
        await using var proxy = await SiteProxy.StartAsync($$"""
            [ { "Hosts": "*", "Headers": { "Set": { "X-Site": "s" }, "Remove": "ETag" },
                "Routes": [ { "Path": "/f/*", "StripPrefix": "/f", "Files": { "Root": "{{directory.Path}}" }, "PassThru": true,
                              "Headers": { "Set": { "X-Files": "f" } } },
                            { "Path": "/f/b/*", "Respond": { "Body": "{path}{is_args}{query}" } } ] } ]
            """);

        Assert.Equal((200, "file", "s", "f"), await AskAsync("/f/a.css", HttpMethod.Get));
        Assert.Equal((405, null, "s", "f"), await AskAsync("/f/a.css", HttpMethod.Post));
        Assert.Equal((200, "/f/b/c", "s", null), await AskAsync("/f/b/c?", HttpMethod.Get));
        Assert.Equal((200, "/f/b/c?d=1", "s", null), await AskAsync("/f/b/c?d=1", HttpMethod.Post));
        Assert.Equal((404, null, "s", null), await AskAsync("/f/none", HttpMethod.Get));

        async Task<(int, string?, string?, string?)> AskAsync(string path, HttpMethod method)
        {
            using var request = new HttpRequestMessage(method, path);
            using var response = await proxy.Client.SendAsync(request, Cancellation);
            Assert.Null(response.Headers.ETag);
            return (
                (int)response.StatusCode,
                response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync(Cancellation) : null,
                response.Headers.TryGetValues("X-Site", out var site) ? site.Single() : null,
                response.Headers.TryGetValues("X-Files", out var files) ? files.Single() : null);
        }
    }

    [Fact]
    public async Task Texts_for_errors_say_what_happened_and_run_nothing()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "*", "ErrorResponses": { "400-599": { "Body": "{status} {status_text}: {path}" }, "502": { "Status": 503, "Body": "{ \"down\": \"{path}\" }" } },
                "Routes": [ { "Path": "/down/*", "Upstreams": "http://127.0.0.1:1" },
                            { "Path": "/html/*", "Upstreams": "http://127.0.0.1:1", "ErrorResponses": { "502": { "Body": "<p>{path}", "ContentType": "text/html" } } },
                            { "Path": "/empty/*", "Upstreams": "http://127.0.0.1:1", "ErrorResponses": { "502": { "Status": 200 } } } ] } ]
            """);

        Assert.Equal((404, "404 Not Found: /a b", "text/plain; charset=utf-8"), await AskAsync("/a%20b?q"));
        Assert.Equal((503, """{ "down": "/down/\u0022\u003C" }""", "application/json"), await AskAsync("/down/%22%3C"));
        Assert.Equal((502, "<p>/html/&lt;script&gt;", "text/html"), await AskAsync("/html/%3Cscript%3E"));
        Assert.Equal((200, "", "text/plain; charset=utf-8"), await AskAsync("/empty/x"));

        async Task<(int, string, string?)> AskAsync(string path)
        {
            using var response = await proxy.Client.GetAsync(path, Cancellation);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation), response.Content.Headers.ContentType?.ToString());
        }
    }

    [Fact]
    public async Task A_response_that_is_an_error_has_the_error_page()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "*", "ErrorResponses": { "403": { "Body": "no entry to {path}" } },
                "Routes": [ { "Path": "/in/*", "Respond": { "Status": 403, "AsError": true } }, { "Path": "/gone", "Respond": { "Status": 410, "AsError": true } },
                            { "Respond": { "Status": 403 } } ] } ]
            """);

        Assert.Equal((403, "no entry to /in/x"), await AskAsync("/in/x"));
        Assert.Equal((403, ""), await AskAsync("/"));
        var (status, body) = await AskAsync("/gone"); // EdgeProxy's own
        Assert.Equal(410, status);
        Assert.Contains("\"title\":\"Gone\"", body, StringComparison.Ordinal);

        async Task<(int, string)> AskAsync(string path)
        {
            using var response = await proxy.Client.GetAsync(path, Cancellation);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        }
    }

    [Fact]
    public async Task Error_pages_keep_the_status_when_the_app_is_down_and_during_maintenance_and_are_read_anew()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory["down.html"], "<p>down", Cancellation);
        await File.WriteAllTextAsync(directory["404.html"], "<p>site", Cancellation);
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync("the app's own");
        });
        await using var proxy = await SiteProxy.StartAsync(
            $$"""
            [ { "Hosts": "*", "ErrorPages": { "502-504": "{{directory["down.html"]}}", "404": "{{directory["{status}.html"]}}" },
                "Routes": [ { "Path": "/up/*", "App": "app" }, { "Path": "/down/*", "Upstreams": "http://127.0.0.1:1" },
                            { "Path": "/own/*", "Upstreams": "http://127.0.0.1:1", "ErrorPages": { "502": "{{directory["own.html"]}}" } } ] } ]
            """,
            app.Address);

        Assert.Equal((503, "the app's own"), await AskAsync("/up/"));
        Assert.Equal((502, "<p>down"), await AskAsync("/down/"));
        Assert.Equal((404, "<p>site"), await AskAsync("/none"));
        Assert.Equal((502, "<p>down"), await AskAsync("/own/")); // its own cannot be read yet
        await File.WriteAllTextAsync(directory["own.html"], "<p>own", Cancellation);
        Assert.Equal((502, "<p>own"), await AskAsync("/own/"));
        proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, ""));
        Assert.Equal((503, "<p>down"), await AskAsync("/up/"));
        await File.WriteAllTextAsync(directory["down.html"], "<p>changed", Cancellation);
        Assert.Equal((503, "<p>changed"), await AskAsync("/up/"));
        using var response = await proxy.Client.GetAsync("/up/", Cancellation);
        Assert.Equal("text/html; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.NotNull(response.Headers.RetryAfter);

        async Task<(int, string)> AskAsync(string path)
        {
            using var response = await proxy.Client.GetAsync(path, Cancellation);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        }
    }

    [Fact]
    public async Task Files_are_served_below_the_root_by_the_changed_path()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["static"]);
        await File.WriteAllTextAsync(directory["static/a.css"], "a", Cancellation);
        await File.WriteAllTextAsync(directory[".env"], "secret", Cancellation);
        await using var proxy = await SiteProxy.WithRoutesAsync($$"""
            { "Path": "/static/*", "Files": { "Root": "{{directory.Path}}" } },
            { "Path": "/assets/*", "StripPrefix": "/assets", "Files": { "Root": "{{directory["static"]}}" } },
            { "Path": "/app*", "StripPrefix": "/app", "Files": { "Root": "{{directory["static"]}}", "Index": ["a.css"], "TryFiles": ["{path}", "/a.css"] } },
            { "Path": "*", "Files": { "Root": "{{directory.Path}}" } }
            """);
        await File.WriteAllTextAsync(directory["a.css"], "another a", Cancellation);
        Assert.Equal("another a", await proxy.Client.GetStringAsync("/a.css", Cancellation));
        Assert.Equal("a", await proxy.Client.GetStringAsync("/app/a.css", Cancellation)); // the same path below two roots
        Assert.Equal("a", await proxy.Client.GetStringAsync("/app/no/such/page", Cancellation));

        Assert.Equal("a", await proxy.Client.GetStringAsync("/static/a.css", Cancellation));
        Assert.Equal("a", await proxy.Client.GetStringAsync("/assets/a.css", Cancellation));
        Assert.Equal(404, (int)(await proxy.Client.GetAsync("/assets/none", Cancellation)).StatusCode);
        Assert.Equal(404, (int)(await proxy.Client.GetAsync("/.env", Cancellation)).StatusCode);
        Assert.Equal(404, (int)(await proxy.Client.GetAsync("/static%2Fa.css", Cancellation)).StatusCode);
        Assert.Equal(405, (int)(await proxy.Client.PostAsync("/static/a.css", null, Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_body_may_be_as_large_as_the_route_says()
    {
        await using var app = await EchoAsync();
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "Path": "/small/*", "MaxRequestBodySize": 10, "App": "app" }, { "App": "app" }""", app.Address);

        Assert.Equal(413, (int)(await proxy.Client.PostAsync("/small/x", new StringContent(new string('x', 11)), Cancellation)).StatusCode);
        Assert.Equal(200, (int)(await proxy.Client.PostAsync("/small/x", new StringContent(new string('x', 10)), Cancellation)).StatusCode);
        Assert.Equal(200, (int)(await proxy.Client.PostAsync("/x", new StringContent(new string('x', 11)), Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_site_is_served_only_where_it_is_bound()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "inner.example", "Bind": "127.0.0.2", "Routes": [ { "Respond": { "Body": "inner" } } ] },
              { "Hosts": "here.example", "Bind": ["127.0.0.2", "127.0.0.1"], "Routes": [ { "Respond": { "Body": "here" } } ] },
              { "Hosts": "port.example", "Bind": ":1", "Routes": [ { "Respond": { "Body": "port" } } ] } ]
            """);

        Assert.Equal(421, (int)(await GetAsync(proxy, "/", "inner.example")).StatusCode);
        Assert.Equal(421, (int)(await GetAsync(proxy, "/", "port.example")).StatusCode);
        Assert.Equal(200, (int)(await GetAsync(proxy, "/", "here.example")).StatusCode);
    }

    [Fact]
    public async Task Without_sites_nothing_of_them_is_made()
    {
        await using var app = await Backend.NamedAsync("the app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        var services = proxy.Get<IServiceProvider>();

        Assert.Equal("the app", await proxy.Client.GetStringAsync("/", Cancellation));
        foreach (var type in new[] { typeof(SiteTable), typeof(SiteServer), typeof(SiteMetrics), typeof(SiteEndpoints), typeof(PasswordChecks) })
        {
            Assert.Null(services.GetService(type));
        }

        Assert.DoesNotContain(services.GetServices<ITransformProvider>(), provider => provider is SiteTransforms);
    }

    private static Task<Backend> EchoAsync() => Backend.StartAsync(context =>
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return context.Response.WriteAsync($"{target} {context.Request.Headers["X-Who"]} {context.Request.Headers["X-Forwarded-Proto"]}");
    });

    private static Task<HttpResponseMessage> GetAsync(DataPlane proxy, string path, string host)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        return proxy.Client.SendAsync(request, Cancellation);
    }
}
