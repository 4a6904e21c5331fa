using System.Net;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Sites;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying.Candidates;

/// <summary>A preview link is for whoever has it, for a time, and for nobody else.</summary>
public sealed class PreviewTests : IAsyncLifetime
{
    private static readonly string[] ForCaches =
    [
        "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-Cdn-Cache-Control", "Surrogate-Control", "X-Accel-Expires",
        "Expires",
    ];

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly CandidateKey _key = new([7, .. new byte[31]]);
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false });
    private Backend _blue = null!;
    private Backend _green = null!;
    private DataPlane _proxy = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Token => PreviewToken.Sign(_key, _time.GetUtcNow() + TimeSpan.FromMinutes(15));

    public async ValueTask InitializeAsync()
    {
        _blue = await Backend.StartAsync(context => RespondAsync(context, "blue"));
        _green = await Backend.StartAsync(context => RespondAsync(context, "green"));
        _proxy = await DataPlane.StartAsync(_blue.Address, _green.Address, _time);
        _proxy.Slots.Share(new CandidateShare(_proxy.Slots[SlotName.Green], 0, _key));
    }

    [Fact]
    public async Task The_link_sets_a_cookie_and_leads_to_the_page_without_the_token()
    {
        using var opened = await SendAsync($"/cart/%2F?b=1&edgeproxy-preview={Token}&c=%26");

        Assert.Equal((HttpStatusCode.Found, "/cart/%2F?b=1&c=%26"), (opened.StatusCode, opened.Headers.Location!.OriginalString));
        Assert.Equal("no-store", opened.Headers.CacheControl!.ToString());
        Assert.Equal("no-referrer", opened.Headers.GetValues("Referrer-Policy").Single());
        var set = Assert.Single(opened.Headers.GetValues("Set-Cookie"));
        Assert.Matches(@"^edgeproxy-preview-app=\d+\.[\w-]{43}; max-age=900; path=/; samesite=lax; httponly$", set);

        using var page = await SendAsync("/cart/", set.Split(';')[0]);
        Assert.Equal("green", await page.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("no-store, private", page.Headers.CacheControl!.ToString()); // though the app has said public
        Assert.False(page.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task No_cache_keeps_what_is_seen()
    {
        using var page = await SendAsync("/", $"edgeproxy-preview-app={Token}");

        Assert.Equal("green", await page.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("no-store, private", page.Headers.CacheControl!.ToString());
        Assert.DoesNotContain(page.Headers.Concat(page.Content.Headers), header => ForCaches.Contains(header.Key));

        using var others = await SendAsync("/");
        Assert.Equal(ForCaches.Order(), others.Headers.Concat(others.Content.Headers).Select(header => header.Key).Where(ForCaches.Contains).Order());
    }

    /// <summary>Whatever serves the page: a file, a redirect, a text, an app.</summary>
    [Theory]
    [InlineData("/files/page.html", 200)]
    [InlineData("/text", 200)]
    [InlineData("/moved", 301)]
    [InlineData("/app", 200)]
    public async Task The_link_may_lead_anywhere_on_a_site(string path, int status)
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory["page.html"], "a page", Cancellation);
        await using var proxy = await SiteProxy.WithRoutesAsync(
            $$"""
            { "Path": "/files/*", "StripPrefix": "/files", "Files": { "Root": "{{directory.Path}}", "CacheControl": [ { "Path": "*", "Value": "public, max-age=60" } ] } },
            { "Path": "/text", "Respond": { "Status": 200, "Body": "hello" }, "Headers": { "Set": { "CDN-Cache-Control": "max-age=60" } } },
            { "Path": "/moved", "Redirect": { "To": "/", "Status": 301 } },
            { "App": "app" }
            """,
            _blue.Address);
        proxy.Slots.Share(new CandidateShare(proxy.Slots[SlotName.Green], 0, _key));
        var token = PreviewToken.Sign(_key, TimeProvider.System.GetUtcNow().AddMinutes(15));
        using (var opened = await _client.GetAsync(new Uri(proxy.Address, $"{path}?edgeproxy-preview={token}"), Cancellation))
        {
            Assert.Equal((HttpStatusCode.Found, path), (opened.StatusCode, opened.Headers.Location!.OriginalString));
            Assert.StartsWith($"edgeproxy-preview-app={token};", Assert.Single(opened.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        }

        foreach (var isInvited in (bool[])[true, false])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, path));
            request.Headers.TryAddWithoutValidation("Cookie", isInvited ? $"edgeproxy-preview-app={token}" : "a=b");
            using var page = await _client.SendAsync(request, Cancellation);
            Assert.Equal(isInvited && path == "/app" ? 503 : status, (int)page.StatusCode); // there is no candidate, and nobody else's page is shown
            Assert.Equal(isInvited, page.Headers.CacheControl?.ToString() == "no-store, private");
            Assert.False(isInvited && page.Headers.Contains("CDN-Cache-Control"));
        }
    }

    [Fact]
    public async Task Files_of_a_static_path_are_kept_from_caches_too()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory["app.0123456789ab.js"], "new", Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            _blue.Address, _green.Address, options => options.StaticFiles = [new() { Path = "/static", Root = directory.Path }]);
        proxy.Slots.Share(new CandidateShare(proxy.Slots[SlotName.Green], 0, _key));
        var token = PreviewToken.Sign(_key, TimeProvider.System.GetUtcNow().AddMinutes(15));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, "/static/app.0123456789ab.js"));
        request.Headers.TryAddWithoutValidation("Cookie", $"edgeproxy-preview-app={token}");

        using var file = await _client.SendAsync(request, Cancellation);

        Assert.Equal("new", await file.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("no-store, private", file.Headers.CacheControl!.ToString());
        using var others = await _client.GetAsync(new Uri(proxy.Address, "/static/app.0123456789ab.js"), Cancellation);
        Assert.NotEqual("no-store, private", others.Headers.CacheControl?.ToString());
    }

    [Fact]
    public async Task Nobody_else_gets_it()
    {
        foreach (var cookie in (string[])["", "sessionid=1", "edgeproxy-preview-app=1.a", $"edgeproxy-canary-app={ClientNumber.Sign(_key, 0)}"])
        {
            using var response = await SendAsync("/", cookie);
            Assert.Equal("blue", await response.Content.ReadAsStringAsync(Cancellation));
            Assert.False(response.Headers.Contains("Set-Cookie"));
        }
    }

    [Fact]
    public async Task What_was_not_signed_for_this_switch_or_is_over_opens_nothing()
    {
        var token = Token;
        var other = new CandidateKey([8, .. new byte[31]]);
        string[] invalid =
        [
            "", "x", "99999999999.", $"9{token}", token + "A", $"{token.Split('.')[0]}.{token.Split('.')[1][..22]}",
            PreviewToken.Sign(other, _time.GetUtcNow() + TimeSpan.FromMinutes(15)), $"99999999999999999999.{token.Split('.')[1]}", $"-1.{token.Split('.')[1]}",
        ];
        foreach (var value in invalid)
        {
            await AssertRefusedAsync(value);
        }

        _time.Advance(TimeSpan.FromMinutes(15));
        await AssertRefusedAsync(token);

        async Task AssertRefusedAsync(string value)
        {
            using var opened = await SendAsync("/?edgeproxy-preview=" + value);
            Assert.True(opened.StatusCode == HttpStatusCode.Gone, value);
            Assert.False(opened.Headers.Contains("Set-Cookie"));
            using var page = await SendAsync("/", $"edgeproxy-preview-app={value}");
            Assert.Equal("blue", await page.Content.ReadAsStringAsync(Cancellation));
        }
    }

    [Theory]
    [InlineData("//evil.example/", "/evil.example/")]
    [InlineData("///evil.example", "/evil.example")]
    public async Task The_link_does_not_lead_to_another_host(string path, string location)
    {
        using var client = await RawClient.ConnectAsync(_proxy);
        await client.SendAsync($"GET {path}?edgeproxy-preview={Token} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");

        var response = await client.ReadToEndAsync();

        Assert.Contains($"\r\nLocation: {location}\r\n", response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_candidate_the_parameter_is_the_apps()
    {
        _proxy.Slots.Share(null);

        using var response = await SendAsync($"/?edgeproxy-preview={Token}", $"edgeproxy-preview-app={Token}");

        Assert.Equal("blue", await response.Content.ReadAsStringAsync(Cancellation));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _proxy.DisposeAsync();
        await _blue.DisposeAsync();
        await _green.DisposeAsync();
    }

    private static Task RespondAsync(HttpContext context, string name)
    {
        context.Response.Headers.CacheControl = "public, max-age=3600";
        foreach (var field in ForCaches)
        {
            context.Response.Headers[field] = field == "Expires" ? "Fri, 30 Nov 2091 12:00:00 GMT" : "max-age=3600";
        }

        return context.Response.WriteAsync(name);
    }

    private async Task<HttpResponseMessage> SendAsync(string path, string cookies = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_proxy.Address, path));
        request.Headers.TryAddWithoutValidation("Cookie", cookies);
        return await _client.SendAsync(request, Cancellation);
    }
}
