using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Compression;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Files in a content coding: compressed beforehand, or once, here.</summary>
public sealed class EncodedVariantsTests : IAsyncLifetime
{
    private static readonly string _style = string.Concat(
        Enumerable.Range(0, 3000).Select(i => $".c{i} {{ color: #{i * 7919 % 0xFFFFFF:x6}; margin: {i % 40}px }}\n"));

    /// <summary>Stands still, far from the disk's clock, so that no file looks as if it were just being written.</summary>
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2050, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private StaticSite _site = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private EncodedVariants Forms => _site.Proxy.Get<EncodedVariants>();

    public async ValueTask InitializeAsync() => _site = await StaticSite.StartAsync(time: _clock);

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    [InlineData("gzip")]
    public async Task A_file_is_compressed_once_at_once_and_then_as_well_as_can_be(string coding)
    {
        _site.Write("app.css", _style);
        var (quick, first) = await GetAsync("/static/app.css", coding);
        Assert.Equal((coding, "Accept-Encoding"), (first.Coding, first.Vary));
        Assert.Equal(_style, Encoding.UTF8.GetString(await StockDecoder.DecodeAsync(coding, quick)));

        var (best, last) = (quick, first);
        await Eventually.TrueAsync(
            async () =>
            {
                (best, last) = await GetAsync("/static/app.css", coding);
                return last.Tag != first.Tag;
            },
            "the best form is there");

        Assert.True(best.Length <= quick.Length, $"{best.Length} is more than {quick.Length}");
        Assert.Equal(_style, Encoding.UTF8.GetString(await StockDecoder.DecodeAsync(coding, best)));
        Assert.Equal(1, Forms.Made);
    }

    [Fact]
    public async Task A_hundred_first_requests_share_one_compression()
    {
        _site.Write("app.css", _style);

        var responses = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => GetAsync("/static/app.css", "gzip")));

        Assert.All(responses, response => Assert.Equal("gzip", response.Headers.Coding));
        foreach (var (body, _) in responses)
        {
            Assert.Equal(_style, Encoding.UTF8.GetString(await StockDecoder.DecodeAsync("gzip", body)));
        }

        Assert.Equal(1, Forms.Made);
    }

    [Fact]
    public async Task A_file_that_changes_is_compressed_anew_within_the_second()
    {
        _site.Write("app.css", _style);
        var (_, before) = await GetAsync("/static/app.css", "gzip");

        _site.Write("app.css", _style + "/* changed */");
        _clock.Advance(TimeSpan.FromSeconds(1));
        var (body, after) = await GetAsync("/static/app.css", "gzip", ("If-None-Match", before.Tag!));

        Assert.Equal(HttpStatusCode.OK, after.Status);
        Assert.EndsWith("/* changed */", Encoding.UTF8.GetString(await StockDecoder.DecodeAsync("gzip", body)), StringComparison.Ordinal);
    }

    /// <summary>Each form has a tag of its own, and whoever holds any of them need not load it again.</summary>
    [Fact]
    public async Task Every_form_is_found_again_by_its_tag_and_ranges_are_of_the_file_itself()
    {
        _site.Write("app.css", _style);
        var tags = new List<string>();
        foreach (var coding in new[] { "identity", "zstd", "br", "gzip" })
        {
            tags.Add((await GetAsync("/static/app.css", coding)).Headers.Tag!);
        }

        Assert.Equal(4, tags.Distinct().Count());
        foreach (var tag in tags)
        {
            var (body, headers) = await GetAsync("/static/app.css", "br", ("If-None-Match", $"W/{tag}"));
            Assert.Equal((HttpStatusCode.NotModified, 0), (headers.Status, body.Length));
        }

        foreach (var (tag, expected) in tags.Zip([HttpStatusCode.PartialContent, HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK]))
        {
            var (body, headers) = await GetAsync("/static/app.css", "gzip", ("Range", "bytes=3-9"), ("If-Range", tag));
            Assert.Equal((expected, null), (headers.Status, headers.Coding));
            Assert.Equal(expected == HttpStatusCode.OK ? _style : _style[3..10], Encoding.UTF8.GetString(body));
        }
    }

    [Theory]
    [InlineData("app.css", "", null)]
    [InlineData("app.css", "identity", null)]
    [InlineData("app.css", "deflate", null)]
    [InlineData("app.css", "gzip;q=0", null)]
    [InlineData("app.css", "identity;q=0", null)]
    [InlineData("app.css", "gzip, deflate, br, zstd", "zstd")]
    [InlineData("photo.png", "gzip, deflate, br, zstd", null)]
    [InlineData("photo.png", "identity;q=0, gzip", null)]
    [InlineData("small.css", "gzip", null)]
    [InlineData("bare/secret.css", "gzip", null)]
    [InlineData("noise.txt", "gzip", null)] // text by name, and does not shrink
    public async Task What_is_sent_in_a_coding_and_what_is_not(string name, string accepted, string? expected)
    {
        await using var site = await StaticSite.StartAsync(options => options.Compression.ExcludePaths = ["/static/bare"], _clock);
        site.Write(name, name switch
        {
            "small.css" => Encoding.UTF8.GetBytes(_style[..511]),
            "noise.txt" => System.Security.Cryptography.RandomNumberGenerator.GetBytes(5000),
            _ => Encoding.UTF8.GetBytes(_style),
        });

        using var response = await site.GetAsync($"/static/{name}", ("Accept-Encoding", accepted));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(expected, response.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
    }

    [Fact]
    public async Task The_order_and_the_choice_of_codings_are_the_settings()
    {
        await using var site = await StaticSite.StartAsync(options => options.Compression.Encodings = ["gzip", "br"], _clock);
        site.Write("app.css", _style);

        using var response = await site.GetAsync("/static/app.css", ("Accept-Encoding", "br, gzip, zstd"));

        Assert.Equal("gzip", Assert.Single(response.Content.Headers.ContentEncoding));
    }

    [Theory]
    [InlineData("zstd, br, gzip", "zstd")]
    [InlineData("br, gzip", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("zstd;q=0.1, gzip;q=0.2", "gzip")]
    public async Task A_sidecar_is_sent_as_it_is(string accepted, string expected)
    {
        var file = _site.Write("app.css", _style);
        Sidecar(file, "zst", "from zstd");
        Sidecar(file, "br", "from br");
        Sidecar(file, "gz", "from gzip");

        var (body, headers) = await GetAsync("/static/app.css", accepted);

        Assert.Equal(expected, headers.Coding);
        Assert.Equal($"from {expected}", Encoding.UTF8.GetString(body)); // whatever is in it: nothing was compressed here
        Assert.Equal("text/css; charset=utf-8", headers.Type);
        Assert.Equal(0, Forms.Made);
    }

    /// <summary>Also of types and sizes that would not be compressed here, and larger than what is kept in memory.</summary>
    [Theory]
    [InlineData("archive.bin", 9)]
    [InlineData("app.js", 2_000_000)]
    public async Task A_sidecar_of_any_type_and_size_is_sent(string name, int size)
    {
        Sidecar(_site.Write(name, "tiny"), "br", new string('x', size));

        for (var i = 0; i < 2; i++)
        {
            var (body, headers) = await GetAsync($"/static/{name}", "br");
            Assert.Equal(("br", size), (headers.Coding, body.Length));
        }
    }

    [Fact]
    public async Task A_sidecar_that_is_older_than_its_file_is_not_sent()
    {
        var file = _site.Write("app.css", _style);
        Sidecar(file, "gz", "of an earlier version", -1);

        var (body, headers) = await GetAsync("/static/app.css", "gzip");

        Assert.Equal("gzip", headers.Coding);
        Assert.Equal(_style, Encoding.UTF8.GetString(await StockDecoder.DecodeAsync("gzip", body)));
    }

    [Fact]
    public async Task A_sidecar_that_comes_or_changes_or_goes_is_noticed_within_the_second()
    {
        var file = _site.Write("app.css", _style);
        Assert.Equal(_style, await DecodedAsync());

        Sidecar(file, "gz", Gzip("first"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("first", await DecodedAsync());

        Sidecar(file, "gz", Gzip("second"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("second", await DecodedAsync());

        File.Delete(file + ".gz");
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(_style, await DecodedAsync());

        async Task<string> DecodedAsync() => Encoding.UTF8.GetString(await StockDecoder.DecodeAsync("gzip", (await GetAsync("/static/app.css", "gzip")).Body));
    }

    /// <summary>Otherwise whoever uploads <c>photo.jpg.gz</c> replaces somebody else's <c>photo.jpg</c>.</summary>
    [Fact]
    public async Task Strangers_bring_no_sidecars()
    {
        var file = _site.Write("media/photo.jpg", "a photo");
        Sidecar(file, "gz", Gzip("another photo"));

        var (body, headers) = await GetAsync("/media/photo.jpg", "gzip");

        Assert.Equal((null, "a photo"), (headers.Coding, Encoding.UTF8.GetString(body)));
    }

    [Fact]
    public async Task A_sidecar_that_leads_out_of_the_root_is_not_sent()
    {
        var file = _site.Write("app.css", _style);
        await File.WriteAllTextAsync(Path.Combine(_site.Outside, "secret"), "the secret", Cancellation);
        File.CreateSymbolicLink(file + ".gz", "../outside/secret");

        var (body, _) = await GetAsync("/static/app.css", "gzip");

        Assert.Equal(_style, Encoding.UTF8.GetString(await StockDecoder.DecodeAsync("gzip", body)));
    }

    [Fact]
    public async Task Curl_decodes_what_it_asks_for()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/curl"), "curl is not installed");
        _site.Write("app.css", _style);
        using var curl = Process.Start(
            new ProcessStartInfo(
                "/usr/bin/curl",
                ["--silent", "--fail", "--compressed", new Uri(_site.Proxy.Address, "/static/app.css").ToString()])
            { RedirectStandardOutput = true })!;

        Assert.Equal(_style, await curl.StandardOutput.ReadToEndAsync(Cancellation).Within());
        Assert.Equal(1, Forms.Made);
    }

    /// <summary>What is compressed here counts against the memory too.</summary>
    [Fact]
    public async Task Coded_forms_are_within_the_bound()
    {
        await using var site = await StaticSite.StartAsync(options => options.Compression.CacheSize = "1MB", _clock);
        for (var i = 0; i < 30; i++)
        {
            site.Write($"{i}.css", _style);
            using var response = await site.GetAsync($"/static/{i}.css", ("Accept-Encoding", "gzip"));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.InRange(site.Cache.Count, 1, (1 << 20) / _style.Length);
    }

    /// <summary>Without room to keep the result, each request would pay for it.</summary>
    [Fact]
    public async Task Without_memory_nothing_is_compressed()
    {
        await using var site = await StaticSite.StartAsync(options => options.Compression.CacheSize = "0B", _clock);
        site.Write("app.css", _style);

        using var response = await site.GetAsync("/static/app.css", ("Accept-Encoding", "gzip"));

        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task The_proxy_stops_in_the_middle_of_the_best_form()
    {
        var random = new Random(7);
        _site.Write("large.json", string.Concat(Enumerable.Range(0, 300_000).Select(_ => random.Next().ToString(CultureInfo.InvariantCulture) + ",")));
        Assert.Equal("br", (await GetAsync("/static/large.json", "br")).Headers.Coding);

        await _site.Proxy.StopAsync().WaitAsync(Eventually.Patience, Cancellation);
    }

    private async Task<(byte[] Body, Response Headers)> GetAsync(string path, string accepted, params (string Name, string Value)[] headers)
    {
        using var response = await _site.GetAsync(path, [("Accept-Encoding", accepted), .. headers]);
        var body = await response.Content.ReadAsByteArrayAsync(Cancellation);
        Assert.Equal(response.Content.Headers.ContentLength ?? 0, body.Length);
        return (body, new Response(
            response.StatusCode,
            response.Content.Headers.ContentEncoding.SingleOrDefault(),
            response.Headers.ETag?.ToString(),
            string.Join(", ", response.Headers.Vary),
            response.Content.Headers.ContentType?.ToString()));
    }

    private static void Sidecar(string file, string extension, string content, int seconds = 0) =>
        Sidecar(file, extension, Encoding.UTF8.GetBytes(content), seconds);

    private static void Sidecar(string file, string extension, byte[] content, int seconds = 0)
    {
        File.WriteAllBytes($"{file}.{extension}", content);
        File.SetLastWriteTimeUtc($"{file}.{extension}", File.GetLastWriteTimeUtc(file).AddSeconds(seconds));
    }

    private static byte[] Gzip(string content)
    {
        using var coded = new MemoryStream();
        using (var gzip = new GZipStream(coded, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(content));
        }

        return coded.ToArray();
    }

    private sealed record Response(HttpStatusCode Status, string? Coding, string? Tag, string Vary, string? Type);
}
