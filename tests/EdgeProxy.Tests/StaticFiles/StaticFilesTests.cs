using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Diagnostics;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>What a client gets of a file, and what an operator gets to see of it.</summary>
public sealed class StaticFilesTests : IAsyncLifetime
{
    private StaticSite _site = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _site = await StaticSite.StartAsync();

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task A_file_comes_with_all_that_a_cache_needs_though_the_app_is_down()
    {
        var path = _site.Write("app.css", "body { color: red }");
        File.SetLastWriteTimeUtc(path, new DateTime(2026, 3, 1, 12, 0, 0, 250, DateTimeKind.Utc));

        using var response = await _site.GetAsync("/static/app.css");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("body { color: red }", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("text/css; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(19, response.Content.Headers.ContentLength);
        Assert.Equal("Sun, 01 Mar 2026 12:00:00 GMT", Value(response, "Last-Modified"));
        Assert.Matches("^\"[0-9a-f]{16}\"$", Value(response, "ETag"));
        Assert.Equal("Accept-Encoding", Value(response, "Vary"));
        Assert.Equal("bytes", Value(response, "Accept-Ranges"));
        Assert.Equal("no-cache", Value(response, "Cache-Control"));
        Assert.Equal("nosniff", Value(response, "X-Content-Type-Options"));
    }

    [Fact]
    public async Task HEAD_has_the_headers_of_GET_and_no_body()
    {
        _site.Write("app.js", "alert(1)");

        using var get = await _site.GetAsync("/static/app.js");
        using var head = await _site.SendAsync(HttpMethod.Head, "/static/app.js");

        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal(Headers(get), Headers(head));
    }

    [Theory]
    [InlineData("//static/a.txt", 200)]
    [InlineData("/static///a.txt", 200)]
    [InlineData("///static//a.txt?x", 200)]
    [InlineData("/static%2Fa.txt", 404)]
    [InlineData("/%2fstatic/a.txt", 404)]
    [InlineData("//static/none.txt", 404)]
    [InlineData("/static%252Fa.txt", 503)] // no slash but a percent sign, and so the app's, which is down
    [InlineData("//staticfoo/a.txt", 503)]
    public async Task Slashes_in_a_row_and_encoded_ones_are_slashes_to_the_app_too(string target, int status)
    {
        _site.Write("a.txt", "a");

        using var response = await _site.GetAsync(target);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    public async Task Any_other_method_is_405_and_told_what_is_allowed(string method)
    {
        _site.Write("a.txt", "a");

        using var response = await _site.SendAsync(new HttpMethod(method), "/static/a.txt");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(["GET", "HEAD"], response.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("a.css", "text/css; charset=utf-8")]
    [InlineData("a.JS", "text/javascript; charset=utf-8")]
    [InlineData("a.mjs", "text/javascript; charset=utf-8")]
    [InlineData("a.js.map", "application/json")]
    [InlineData("a.json", "application/json")]
    [InlineData("a.html", "text/html; charset=utf-8")]
    [InlineData("a.svg", "image/svg+xml")]
    [InlineData("a.woff2", "font/woff2")]
    [InlineData("a.woff", "font/woff")]
    [InlineData("a.wasm", "application/wasm")]
    [InlineData("a.avif", "image/avif")]
    [InlineData("a.webmanifest", "application/manifest+json")]
    [InlineData("a.tar.gz", "application/gzip")]
    [InlineData("a.m3u8", "application/vnd.apple.mpegurl")]
    [InlineData("a.m4s", "video/iso.segment")]
    [InlineData("a.mpd", "application/dash+xml")]
    [InlineData("a.vtt", "text/vtt; charset=utf-8")]
    [InlineData("a.heic", "image/heic")]
    [InlineData("a.OPUS", "audio/ogg")]
    [InlineData("a.flac", "audio/flac")]
    [InlineData("a.mkv", "video/matroska")]
    [InlineData("a.epub", "application/epub+zip")]
    [InlineData("a.unheardof", "application/octet-stream")]
    [InlineData("LICENSE", "application/octet-stream")]
    public async Task The_content_type_comes_from_the_name(string name, string type)
    {
        _site.Write(name, "<html><script>alert(1)</script>");

        using var response = await _site.GetAsync($"/static/{name}");

        Assert.Equal(type, response.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", Value(response, "X-Content-Type-Options"));
    }

    [Theory]
    [InlineData("static/app.0123456789ab.css", "public, max-age=31536000, immutable")]
    [InlineData("static/js/app.min.fedcba987654.js", "public, max-age=31536000, immutable")]
    [InlineData("static/app.css", "no-cache")]
    [InlineData("static/app.0123456789AB.css", "no-cache")]
    [InlineData("static/app.0123456789abc.css", "no-cache")]
    [InlineData("static/app.0123456789ab", "no-cache")]
    [InlineData("static/app.0123456789ab.d/x.css", "no-cache")]
    [InlineData("media/app.0123456789ab.png", "no-cache")] // a stranger's name says nothing of the content
    public async Task Hashed_names_are_kept_for_a_year_and_all_others_asked_for_again(string name, string cacheControl)
    {
        _site.Write(name.Replace("static/", "", StringComparison.Ordinal), "x");

        using var response = await _site.GetAsync($"/{name}");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(cacheControl, Value(response, "Cache-Control"));
    }

    [Fact]
    public async Task Without_Immutable_hashed_names_are_asked_for_again_too()
    {
        await using var site = await StaticSite.StartAsync(options => options.StaticFiles![0].Immutable = false);
        site.Write("app.0123456789ab.css", "x");

        using var response = await site.GetAsync("/static/app.0123456789ab.css");

        Assert.Equal("no-cache", Value(response, "Cache-Control"));
    }

    /// <summary>A file of a stranger must not run in the site's name: opened by itself, or loaded by a page whose policy trusts the own site.</summary>
    [Theory]
    [InlineData("photo.jpg", false, "image/jpeg")]
    [InlineData("film.mp4", false, "video/mp4")]
    [InlineData("notes.txt", false, "text/plain; charset=utf-8")]
    [InlineData("report.pdf", false, "application/pdf")]
    [InlineData("voice.opus", false, "audio/ogg")]
    [InlineData("song.flac", false, "audio/flac")]
    [InlineData("film.mkv", false, "video/matroska")]
    [InlineData("photo.heic", false, "image/heic")]
    [InlineData("subtitles.vtt", false, "text/vtt; charset=utf-8")]
    [InlineData("page.html", true, "text/html; charset=utf-8")]
    [InlineData("page.xhtml", true, "application/xhtml+xml")]
    [InlineData("icon.svg", true, "image/svg+xml")]
    [InlineData("feed.xml", true, "text/xml; charset=utf-8")]
    [InlineData("app.js", true, "application/octet-stream")]
    [InlineData("app.css", true, "application/octet-stream")]
    [InlineData("app.wasm", true, "application/octet-stream")]
    [InlineData("page.HTM", true, "text/html; charset=utf-8")]
    [InlineData("page.html.unknown", true, "application/octet-stream")]
    public async Task User_content_that_a_browser_would_run_is_an_attachment(string name, bool isAttachment, string type)
    {
        _site.Write($"media/{name}", "<script>alert(1)</script>");

        using var response = await _site.GetAsync($"/media/{name}");

        Assert.Equal(type, response.Content.Headers.ContentType!.ToString());
        Assert.Equal(isAttachment ? "attachment" : null, response.Content.Headers.ContentDisposition?.ToString());
        Assert.Equal(isAttachment, response.Headers.Contains("Content-Security-Policy"));
        Assert.Equal("nosniff", Value(response, "X-Content-Type-Options"));
    }

    [Fact]
    public async Task The_first_root_that_has_the_file_serves_it()
    {
        _site.Write("both.txt", "new release");
        await File.WriteAllTextAsync(Path.Combine(_site.Older, "both.txt"), "old release", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(_site.Older, "old.txt"), "old release", Cancellation);

        Assert.Equal((200, "new release"), await _site.ReadAsync("/static/both.txt"));
        Assert.Equal((200, "old release"), await _site.ReadAsync("/static/old.txt"));
    }

    [Fact]
    public async Task The_more_specific_path_wins()
    {
        await using var site = await StaticSite.StartAsync(options =>
            options.StaticFiles = [.. options.StaticFiles!, new StaticFilesOptions { Path = "/static/special", Root = options.StaticFiles![0].Fallbacks![0] }]);
        site.Write("special/a.txt", "general");
        await File.WriteAllTextAsync(Path.Combine(site.Older, "a.txt"), "special", Cancellation);

        Assert.Equal((200, "special"), await site.ReadAsync("/static/special/a.txt"));
    }

    [Theory]
    [InlineData("/staticfoo")]
    [InlineData("/staticfoo/a.txt")]
    [InlineData("/Staticfoo/a.txt")]
    [InlineData("/x/static/a.txt")]
    [InlineData("/")]
    public async Task What_only_looks_like_a_static_path_is_the_apps(string path)
    {
        await using var app = await Backend.StartAsync(context => context.Response.WriteAsync("the app"));
        await using var site = await StaticSite.StartAsync(app: app.Address);
        site.Write("a.txt", "a file");

        Assert.Equal((200, "the app"), await site.ReadAsync(path));
        Assert.Equal((200, "a file"), await site.ReadAsync("/static/a.txt"));
    }

    [Fact]
    public async Task A_file_that_is_not_there_never_reaches_the_app()
    {
        var asked = 0;
        await using var app = await Backend.StartAsync(context =>
        {
            Interlocked.Increment(ref asked);
            return context.Response.WriteAsync("the app");
        });
        await using var site = await StaticSite.StartAsync(app: app.Address);

        var (status, body) = await site.ReadAsync("/static/secret/missing.txt");

        Assert.Equal((404, 0), (status, asked));
        Assert.DoesNotContain(site.Root, body, StringComparison.Ordinal);
        Assert.DoesNotContain("missing.txt", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_root_is_404_until_it_is_there()
    {
        Directory.Delete(_site.Older);
        Directory.Delete(_site.Root, recursive: true);
        Assert.Equal(404, (await _site.ReadAsync("/static/a.txt")).Status);

        _site.Write("a.txt", "deployed");

        Assert.Equal((200, "deployed"), await _site.ReadAsync("/static/a.txt"));
    }

    [Fact]
    public async Task The_access_log_has_a_line_without_a_slot()
    {
        using var directory = new TemporaryDirectory();
        var log = directory["access.log"];
        await using (var site = await StaticSite.StartAsync(options => options.AccessLog = new AccessLogOptions { Path = log }))
        {
            site.Write("a.txt", "0123456789");
            Assert.Equal((200, "0123456789"), await site.ReadAsync("/static/a.txt"));
        }

        var line = JsonNode.Parse(Assert.Single(await File.ReadAllLinesAsync(log, Cancellation)))!;
        Assert.Equal(("/static/a.txt", 200, 10), ((string?)line["path"], (int)line["status"]!, (int)line["bytes"]!));
        Assert.Null(line["slot"]);
    }

    private static string? Value(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    private static IEnumerable<string> Headers(HttpResponseMessage response) =>
        response.Headers.Concat(response.Content.Headers).Where(header => header.Key != "Date")
            .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}").Order();
}
