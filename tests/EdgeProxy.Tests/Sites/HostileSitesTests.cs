using EdgeProxy.Configuration;
using EdgeProxy.Sites;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tests.Sites;

/// <summary>What an attacker tries with paths, hosts, headers and passwords.</summary>
public sealed class HostileSitesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The app decodes what it gets, so that each of these is the admin's to it.</summary>
    [Theory]
    [InlineData("/admin/users")]
    [InlineData("/ADMIN/users")]
    [InlineData("/%61dmin/users")]
    [InlineData("/admin%2Fusers")]
    [InlineData("/admin%2fusers")]
    [InlineData("//admin/users")]
    [InlineData("///admin//users")]
    [InlineData("/%2Fadmin/users")]
    [InlineData("/%2f%2Fadmin%2f%2fusers")]
    [InlineData("/api/../admin/users")]
    [InlineData("/api/%2e%2e/admin/users")]
    [InlineData("/api/%2E./admin/users")]
    [InlineData("/api/..%2fadmin/users")]
    [InlineData("/api%2f..%2fadmin/users")]
    [InlineData("/api/..\\admin/users")]
    [InlineData("/./admin/users")]
    [InlineData("http://localhost/admin/users")]
    [InlineData("http://localhost//admin/users?x")]
    [InlineData("/admin/users?x=/api/")]
    [InlineData("/admin/users;jsessionid=1")]
    [InlineData("/admin/%75sers%00")]
    [InlineData("/admin/")]
    public async Task No_spelling_of_a_path_passes_by_its_route(string target)
    {
        await using var app = await Backend.StartAsync(context => context.Response.WriteAsync("the app's secret"));
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "Path": ["/admin/*", "/admin"], "Respond": { "Status": 403, "Body": "no" } }, { "App": "app" }""", app.Address);
        foreach (var method in new[] { "GET", "POST", "HEAD", "PROPFIND", "get" })
        {
            using var client = await RawClient.ConnectAsync(proxy);
            const string Headers = "Host: localhost\r\nX-HTTP-Method-Override: GET\r\nX-Original-URL: /api\r\nX-Rewrite-URL: /api\r\nContent-Length: 0\r\n";
            await client.SendAsync($"{method} {target} HTTP/1.1\r\n{Headers}\r\n");

            var response = await client.ReadResponseAsync(method);

            Assert.NotNull(response);
            Assert.Contains(response.Status, new[] { 400, 403 });
            Assert.DoesNotContain("secret", response.Body, StringComparison.Ordinal);
        }
    }

    /// <summary>What looks like the admin's path and is another one to every server behind.</summary>
    [Theory]
    [InlineData("/adminx")]
    [InlineData("/admin;/users")]
    [InlineData("/administration/users")]
    [InlineData("/api/admin/users")]
    [InlineData("/admin%252Fusers")]
    public async Task Other_paths_are_not_taken(string target)
    {
        await using var app = await Backend.NamedAsync("the app");
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "Path": ["/admin/*", "/admin"], "Respond": { "Status": 403, "Body": "no" } }, { "App": "app" }""", app.Address);

        Assert.Equal("the app", await proxy.Client.GetStringAsync(target, Cancellation));
    }

    /// <summary>Neither what is left of a path nor what is found in it may lead an upstream to another one.</summary>
    [Theory]
    [InlineData("/cut../secret", 400)]
    [InlineData("/cut%2e%2e/secret", 400)]
    [InlineData("/cut/..x", 200)]
    [InlineData("/find-..-/secret", 400)]
    [InlineData("/find-%2e.-/secret", 400)]
    [InlineData("/find-a%252e-/x", 200)]
    [InlineData("/to/https://evil.example/", 302)]
    [InlineData("/to/%5Cevil.example/", 302)]
    public async Task A_part_of_a_path_leads_nowhere_else(string target, int status)
    {
        await using var app = await Backend.StartAsync(context => context.Response.WriteAsync("the app"));
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """
            { "Path": "/cut*", "StripPrefix": "/cut", "App": "app" },
            { "Match": { "PathRegex": "^/find-([^-]*)-(.*)$" }, "Rewrite": "/{re.1}{re.2}", "App": "app" },
            { "Match": { "PathRegex": "^/to/(.*)$" }, "Redirect": { "To": "{re.1}" } }
            """, app.Address);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        var response = (await client.ReadResponseAsync())!;

        Assert.Equal(status, response.Status);
        Assert.True(status != 302 || response.Headers["Location"] is ['/', not '/', ..], response.Body);
    }

    /// <summary>What a group has found is a part of the decoded path; in a target it is that part again, and no query.</summary>
    [Theory]
    [InlineData("/find-a/b/%3Fadmin=1", "/new/a/b/%3Fadmin=1")]
    [InlineData("/find-%2523%23?q=1", "/new/%2523%23?q=1")]
    [InlineData("/find-%C3%A4%20x", "/new/%C3%A4%20x")]
    public async Task What_a_group_has_found_stays_a_part_of_the_path(string target, string forwarded)
    {
        await using var app = await Backend.StartAsync(
            context => context.Response.WriteAsync(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget));
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "Match": { "PathRegex": "^/find-(.*)$" }, "Rewrite": "/new/{re.1}", "App": "app" }""", app.Address);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.Equal(forwarded, (await client.ReadResponseAsync())!.Body);
    }

    [Theory]
    [InlineData("/x%0d%0aSet-Cookie:%20a=b", "/x  Set-Cookie: a=b")]
    [InlineData("/x%0aX-Evil:%201", "/x X-Evil: 1")]
    [InlineData("/x%00", null)]
    [InlineData("/x%7F%1b", "/x  ")]
    [InlineData("/x%C3%A9", "/x\u00c3\u00a9")]
    [InlineData("/x%E2%80%A8", "/x\u00e2\u0080\u00a8")]
    [InlineData("/x%E9", "/x\u00ef\u00bf\u00bd")] // no UTF-8
    public async Task A_placeholder_begins_no_other_header(string target, string? value)
    {
        await using var app = await Backend.StartAsync(context => context.Response.WriteAsync(
            string.Join('|', context.Request.Headers.Select(field => field.Key))));
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "App": "app", "Headers": { "Set": { "X-Path": "{path}" } }, "RequestHeaders": { "Set": { "X-Path": "{path}" } } }""", app.Address);
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        var response = (await client.ReadResponseAsync())!;

        Assert.Equal(value is null ? 400 : 200, response.Status);
        Assert.Equal(value?.TrimEnd(), value is null ? null : response.Headers["X-Path"].TrimEnd());
        Assert.False(response.Headers.ContainsKey("Set-Cookie") || response.Headers.ContainsKey("X-Evil"));
        Assert.DoesNotContain("Evil", response.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie", response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{uri}", "//evil.example/", "/evil.example/")]
    [InlineData("{uri}", "///evil.example", "/evil.example")]
    [InlineData("{uri}", "/\\evil.example", "/%5Cevil.example")]
    [InlineData("{path}", "/%2Fevil.example", "/evil.example")]
    [InlineData("{path}", "/%5Cevil.example", "/%5Cevil.example")]
    [InlineData("{path}", "/%09/evil.example", "/%09/evil.example")]
    [InlineData("/{path}", "/evil.example", "/evil.example")]
    [InlineData("/{query}", "/x?/evil.example", "/evil.example")]
    [InlineData("/{query}", "/x?\\evil.example", "/%5Cevil.example")]
    [InlineData("https://shop.example{uri}", "//evil.example", "https://shop.example//evil.example")]
    [InlineData("https://shop.example{path}", "/@evil.example%0d%0aX:", "https://shop.example/@evil.example%0D%0AX:")]
    [InlineData("https://shop.example/?next={path}", "/a&b=c%23%3F%25", "https://shop.example/?next=/a&b=c%23%3F%25")]
    public async Task A_redirect_leads_where_the_settings_say(string to, string target, string location)
    {
        await using var proxy = await SiteProxy.WithRoutesAsync($$"""{ "Redirect": { "To": "{{to}}" } }""");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.Equal(location, (await client.ReadResponseAsync())!.Headers["Location"]);
    }

    [Theory]
    [InlineData("evil.example/x")]
    [InlineData("evil.example@x")]
    [InlineData("a@evil.example")]
    [InlineData("evil.example?x")]
    [InlineData("evil.example#x")]
    [InlineData("evil.example\\x")]
    [InlineData("evil~example")]
    [InlineData("%65vil.example")]
    public async Task A_host_of_a_star_is_a_host_or_has_no_site(string host)
    {
        await using var proxy = await SiteProxy.WithRoutesAsync("""{ "Redirect": { "To": "https://{host}{uri}" } }""");
        using var client = await RawClient.ConnectAsync(proxy);
        await client.SendAsync($"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");

        var response = (await client.ReadResponseAsync())!;
        Assert.Contains(response.Status, new[] { 400, 421 });
        Assert.False(response.Headers.ContainsKey("Location"));
    }

    [Theory]
    [InlineData("{uri}x", true)]
    [InlineData("https://{host}{uri}", true)]
    [InlineData("{scheme}://shop.example/{query}", true)]
    [InlineData("//cdn.example{uri}", true)]
    [InlineData("{query}", false)]
    [InlineData("{host}", false)]
    [InlineData("https://shop.example{query}", false)]
    [InlineData("https://{query}/", false)]
    [InlineData("https://{method}.example/", false)]
    [InlineData("javascript:{path}", false)]
    [InlineData("shop.example{uri}", false)]
    public void A_redirect_that_a_client_could_lead_elsewhere_is_refused(string to, bool isSafe)
    {
        Assert.Equal(isSafe, ActionRules.IsSafe(to));
        var problems = SiteProxy.Check($$"""[ { "Hosts": "*", "Routes": [ { "Redirect": { "To": "{{to}}" } } ] } ]""").Problems;
        Assert.Equal(isSafe, !problems.Any(problem =>
            problem.Key == "EdgeProxy:Sites:0:Routes:0:Redirect:To" && problem.Severity == SettingsSeverity.Error));
    }

    [Theory]
    [InlineData("text/html; charset=utf-8", "/%3Cscript%3E", "&lt;script&gt;")]
    [InlineData("application/xml", "/%3Cscript%3E", "&lt;script&gt;")]
    [InlineData("application/json", "/%22%2c%22a%22", "\\u0022,\\u0022a\\u0022")]
    public async Task What_a_client_asks_for_is_no_markup_in_a_body(string type, string target, string escaped)
    {
        await using var proxy = await SiteProxy.WithRoutesAsync($$"""{ "Respond": { "ContentType": "{{type}}", "Body": "<{path}>" } }""");

        Assert.Equal($"</{escaped}>", await proxy.Client.GetStringAsync(target, Cancellation));
    }

    [Fact]
    public async Task A_header_that_a_path_makes_too_large_for_the_app_is_refused()
    {
        await using var app = await Backend.NamedAsync("the app");
        await using var proxy = await SiteProxy.WithRoutesAsync(
            """{ "App": "app", "RequestHeaders": { "Set": { "X-Three": "{uri}{uri}{uri}" } } }""", app.Address);

        Assert.Equal(431, (int)(await proxy.Client.GetAsync("/" + new string('x', 4000), Cancellation)).StatusCode);
        Assert.Equal(200, (int)(await proxy.Client.GetAsync("/" + new string('x', 2000), Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Requests_with_one_password_cost_one_check_and_guesses_are_limited()
    {
        var hash = BCrypt.Net.BCrypt.HashPassword("right", workFactor: 4);
        await using var proxy = await SiteProxy.WithRoutesAsync(
            $$"""{ "BasicAuth": { "Users": { "bob": "{{hash}}" } }, "Respond": { "Body": "in" } }""");
        var checks = proxy.Get<PasswordChecks>();

        var several = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => StatusAsync("bob:right")));
        Assert.All(several, status => Assert.Equal(200, status));
        Assert.Equal(1, checks.Checked);

        foreach (var wrong in new[] { "bob:wrong", "bob:wrong", "alice:right" })
        {
            Assert.Equal(401, await StatusAsync(wrong));
        }

        Assert.Equal(3, checks.Checked); // the same wrong one is known

        var guesses = new List<int>();
        for (var i = 0; i < FailureLimit.Burst + 5; i++)
        {
            guesses.Add(await StatusAsync($"bob:{i}"));
        }

        Assert.Contains(429, guesses);
        Assert.Equal(FailureLimit.Burst + 1, checks.Checked);
        Assert.Equal(200, await StatusAsync("bob:right")); // who has been in stays in

        async Task<int> StatusAsync(string credentials)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation("Authorization", "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(credentials)));
            using var response = await proxy.Client.SendAsync(request, Cancellation);
            Assert.Equal(response.StatusCode == System.Net.HttpStatusCode.Unauthorized, response.Headers.WwwAuthenticate.Count > 0);
            return (int)response.StatusCode;
        }
    }

    /// <summary>The name of no user is checked against a hash as dear as a user's.</summary>
    [Fact]
    public void An_unknown_user_costs_as_much_as_a_known_one()
    {
        var nothing = BcryptHash.OfNothing(6);

        Assert.True(BcryptHash.IsValid(nothing));
        Assert.Equal(6, BcryptHash.CostOf(nothing));
        Assert.False(BcryptHash.Verify(nothing, ""));
        Assert.False(BcryptHash.Verify(nothing, new string('x', 5000)));
        Assert.True(BcryptHash.Verify("$2a$14$QLNe6ZUNgOusC19HGHOKVe1qVcmZmNRl005pq78wA/EMxevUlKnz2", "secret")); // of caddy hash-password
    }

    [Fact]
    public void Many_clients_share_what_is_left_and_a_network_is_one_client()
    {
        var limit = new FailureLimit(TimeProvider.System);
        for (var i = 0; i < FailureLimit.Burst; i++)
        {
            Assert.True(limit.TryTake(System.Net.IPAddress.Parse($"2001:db8::{i + 1:x}")));
        }

        Assert.False(limit.TryTake(System.Net.IPAddress.Parse("2001:db8::ffff")));
        Assert.True(limit.TryTake(System.Net.IPAddress.Parse("2001:db8:0:1::1")));
        limit.GiveBack(System.Net.IPAddress.Parse("2001:db8::ffff"));
        Assert.True(limit.TryTake(System.Net.IPAddress.Parse("2001:db8::ffff")));

        var many = Enumerable.Range(0, FailureLimit.MaxClients + FailureLimit.Burst + 5)
            .Count(i => limit.TryTake(new System.Net.IPAddress(0x0a000000 + i)));
        Assert.Equal(FailureLimit.MaxClients - 2 + FailureLimit.Burst, many);
    }
}
