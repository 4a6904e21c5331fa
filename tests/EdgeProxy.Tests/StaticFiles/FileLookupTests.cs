using System.Net;
using EdgeProxy.StaticFiles;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Index files, fallbacks and cache rules, where there is no peer to compare with.</summary>
public sealed class FileLookupTests : IAsyncLifetime
{
    private StaticSite _site = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _site = await StaticSite.StartAsync(options =>
        {
            var entry = options.StaticFiles![0];
            entry.Index = ["index.html"];
            entry.TryFiles = ["{path}", "/index.html"];
            entry.CacheControl =
            [
                new CacheRuleOptions { Path = "/assets/*", Value = "public, max-age=31536000, immutable" },
                new CacheRuleOptions { Path = "*.woff2", Value = "public, max-age=604800" },
            ];
        });
        _site.Write("index.html", "the page");
        _site.Write("assets/app-B3xy.js", "the script");
    }

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData("/static/", "the page")]
    [InlineData("/static/client/route", "the page")]
    [InlineData("/static/assets/app-B3xy.js", "the script")]
    [InlineData("/static/assets/gone.js", "the page")]
    public async Task A_single_page_app_gets_its_page_for_what_is_no_file(string target, string content)
    {
        using var response = await _site.GetAsync(target);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(content, await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_page_that_is_replaced_is_served_within_a_second_on_every_path()
    {
        _ = await Text("/static/route");
        var page = _site.Write("index.html", "the new page");
        File.SetLastWriteTimeUtc(page, TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(-10));

        await Support.Eventually.TrueAsync(
            async () => await Text("/static/route") == "the new page" && await Text("/static/") == "the new page", "the new page");
    }

    [Fact]
    public async Task An_older_release_has_its_part_until_it_is_gone()
    {
        Directory.CreateDirectory(Path.Combine(_site.Older, "assets"));
        await File.WriteAllTextAsync(Path.Combine(_site.Older, "assets", "app-A1zz.js"), "the old script", Cancellation);

        Assert.Equal("the old script", await Text("/static/assets/app-A1zz.js"));
    }

    [Theory]
    [InlineData("/static/assets/app-B3xy.js", "public, max-age=31536000, immutable")]
    [InlineData("/static/route", "no-cache")]
    [InlineData("/static/fonts/a.woff2", "public, max-age=604800")]
    [InlineData("/static/app.0123456789ab.css", "public, max-age=31536000, immutable")]
    public async Task The_first_cache_rule_that_matches_counts(string target, string expected)
    {
        _site.Write("fonts/a.woff2", "a font");
        _site.Write("app.0123456789ab.css", "a style");

        using var response = await _site.GetAsync(target);

        Assert.Equal(expected, Assert.Single(response.Headers.NonValidated["Cache-Control"]));
    }

    [Theory]
    [InlineData("/static/.env")]
    [InlineData("/static/..%2f..%2fetc/passwd")]
    [InlineData("/static/a%00b")]
    [InlineData("/static/.well-known/.secret")]
    public async Task What_is_never_a_name_falls_back_like_what_is_missing(string target)
    {
        _site.Write(".env", "SECRET=1");
        _site.Write(".well-known/.secret", "SECRET=1");

        using var response = await _site.GetAsync(target);

        Assert.DoesNotContain("SECRET", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    private async Task<string> Text(string target)
    {
        using var response = await _site.GetAsync(target);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }
}
