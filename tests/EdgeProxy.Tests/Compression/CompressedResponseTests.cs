using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using EdgeProxy.Compression;
using EdgeProxy.Settings;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Compression;

/// <summary>Responses of the app, compressed on their way.</summary>
public sealed class CompressedResponseTests
{
    private const string Browser = "gzip, deflate, br, zstd";

    private static readonly string _json = $"[{string.Join(",\n", Enumerable.Range(0, 300).Select(i => $$"""{"id": {{i}}, "name": "item {{i * 7919 % 1000}}", "price": {{i * 31 % 977}}.95}"""))}]";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("zstd", "zstd")]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData(Browser, "zstd")]
    [InlineData("br;q=0.9, gzip", "gzip")]
    [InlineData("identity;q=0, br", "br")]
    [InlineData("", null)]
    [InlineData("deflate", null)]
    [InlineData("gzip;q=0", null)]
    [InlineData("identity;q=0", null)]
    public async Task The_client_chooses_the_coding(string accepted, string? expected)
    {
        await using var site = await Site.RespondsAsync(context => Json(context));

        var response = await site.GetAsync("/", accepted);

        Assert.Equal((HttpStatusCode.OK, expected), (response.Status, response.Coding));
        Assert.Equal("Accept-Encoding", response.Vary);
        Assert.Equal(expected is null ? _json.Length : null, response.Length);
        Assert.Equal(_json, await response.DecodedAsync());
    }

    [Theory]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("text/html", true)]
    [InlineData("TEXT/HTML", true)]
    [InlineData("application/problem+json", true)]
    [InlineData("application/hal+xml;v=1", true)]
    [InlineData("image/svg+xml", true)]
    [InlineData("image/png", false)]
    [InlineData("application/zip", false)]
    [InlineData("application/grpc", false)]
    [InlineData("font/woff2", false)]
    [InlineData("text/event-stream", false)]
    [InlineData("application/x-ndjson", false)]
    [InlineData("jsonish", false)]
    [InlineData("", false)]
    public async Task Only_what_shrinks_is_compressed(string type, bool expected)
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () => context.Response.ContentType = type));

        var response = await site.GetAsync("/", Browser);

        Assert.Equal(expected ? "zstd" : null, response.Coding);
        Assert.Equal(expected ? "Accept-Encoding" : "", response.Vary);
        Assert.Equal(_json, await response.DecodedAsync());
    }

    [Fact]
    public async Task The_types_may_be_set()
    {
        await using var site = await Site.RespondsAsync(
            context =>
                Json(context, () => context.Response.ContentType = context.Request.Path.Value![1..]), options =>
                    options.Compression.MimeTypes = ["application/x-ours", "text/*"]);

        Assert.Equal("zstd", (await site.GetAsync("/application/x-ours", Browser)).Coding);
        Assert.Equal("zstd", (await site.GetAsync("/text/anything", Browser)).Coding);
        Assert.Null((await site.GetAsync("/application/json", Browser)).Coding);
        Assert.Null((await site.GetAsync("/text/event-stream", Browser)).Coding);
    }

    [Theory]
    [InlineData(511, false)]
    [InlineData(512, true)]
    [InlineData(0, false)]
    public async Task Small_responses_are_sent_as_they_are(int size, bool expected)
    {
        await using var site = await Site.RespondsAsync(context =>
        {
            context.Response.ContentType = "text/plain";
            context.Response.ContentLength = size;
            return context.Response.WriteAsync(new string('x', size));
        });

        var response = await site.GetAsync("/", Browser);

        Assert.Equal((expected ? "zstd" : null, size), (response.Coding, (await response.DecodedAsync()).Length));
    }

    /// <summary>What each of these says about its bytes would be wrong for others, or there are none.</summary>
    [Theory]
    [InlineData(206, "Content-Range", "bytes 0-9/100")]
    [InlineData(200, "Content-Encoding", "gzip")]
    [InlineData(200, "Content-Encoding", "identity")]
    [InlineData(200, "Cache-Control", "public, no-transform")]
    [InlineData(200, "Content-Range", "bytes 0-9/100")]
    public async Task Some_responses_are_left_alone(int status, string header, string value)
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers[header] = value;
            context.Response.Headers.ETag = "\"v1\"";
        }));

        using var response = await site.SendAsync(HttpMethod.Get, "/", Browser);

        Assert.Equal(_json, await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("\"v1\"", response.Headers.ETag!.ToString());
        Assert.Equal(_json.Length, response.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData(201)]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Every_status_with_a_body_is_compressed(int status)
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () => context.Response.StatusCode = status));

        var response = await site.GetAsync("/", "gzip");

        Assert.Equal(((HttpStatusCode)status, "gzip"), (response.Status, response.Coding));
        Assert.Equal(_json, await response.DecodedAsync());
    }

    [Fact]
    public async Task A_client_may_ask_for_no_transformation()
    {
        await using var site = await Site.RespondsAsync(context => Json(context));

        Assert.Null((await site.GetAsync("/", Browser, ("Cache-Control", "no-transform"))).Coding);
    }

    /// <summary>BREACH: where a secret and a client's input meet on one page, its compressed length tells the secret.</summary>
    [Theory]
    [InlineData("/account", false)]
    [InlineData("/account/settings", false)]
    [InlineData("/accounts", true)]
    [InlineData("/", true)]
    public async Task A_path_may_be_left_out(string path, bool expected)
    {
        await using var site = await Site.RespondsAsync(context => Json(context), options => options.Compression.ExcludePaths = ["/account"]);

        Assert.Equal(expected ? "gzip" : null, (await site.GetAsync(path, "gzip")).Coding);
    }

    [Fact]
    public async Task Without_codings_nothing_is_touched()
    {
        await using var site = await Site.RespondsAsync(context => Json(context), options => options.Compression.Encodings = []);

        var response = await site.GetAsync("/", Browser);

        Assert.Equal((null, ""), (response.Coding, response.Vary));
    }

    [Fact]
    public async Task HEAD_is_not_compressed_and_varies_all_the_same()
    {
        await using var site = await Site.RespondsAsync(context => Json(context));

        using var response = await site.SendAsync(HttpMethod.Head, "/", Browser);

        Assert.Equal(_json.Length, response.Content.Headers.ContentLength);
        Assert.Empty(response.Content.Headers.ContentEncoding);
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
    }

    [Theory]
    [InlineData(null, "Accept-Encoding")]
    [InlineData("Cookie", "Cookie, Accept-Encoding")]
    [InlineData("Cookie, accept-encoding", "Cookie, accept-encoding")]
    [InlineData("*", "*")]
    public async Task Vary_is_added_to(string? vary, string expected)
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () => context.Response.Headers.Vary = vary));

        Assert.Equal(expected, (await site.GetAsync("/", Browser)).Vary);
        Assert.Equal(expected, (await site.GetAsync("/", "")).Vary);
    }

    [Fact]
    public async Task What_counts_or_sums_up_other_bytes_is_taken_away()
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () =>
        {
            foreach (var header in new[] { "Accept-Ranges", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest" })
            {
                context.Response.Headers[header] = "x";
            }
        }));

        using var coded = await site.SendAsync(HttpMethod.Get, "/", Browser);
        using var plain = await site.SendAsync(HttpMethod.Get, "/", "");

        string[] names = ["Accept-Ranges", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest"];
        Assert.DoesNotContain(coded.Headers.Concat(coded.Content.Headers), header => names.Contains(header.Key));
        Assert.Equal(names.Length, plain.Headers.Concat(plain.Content.Headers).Count(header => names.Contains(header.Key)));
    }

    [Theory]
    [InlineData("\"v1\"", "gzip", "\"v1-gzip\"")]
    [InlineData("\"v1\"", "br", "\"v1-br\"")]
    [InlineData("\"v1\"", "", "\"v1\"")]
    [InlineData("W/\"v1\"", "gzip", "W/\"v1\"")]
    public async Task A_strong_tag_names_the_very_bytes(string tag, string accepted, string expected)
    {
        await using var site = await Site.RespondsAsync(context => Json(context, () => context.Response.Headers.ETag = tag));

        Assert.Equal(expected, (await site.GetAsync("/", accepted)).Tag);
    }

    /// <summary>The app never sees a tag that it has not made without its own beside it, and the client gets back the one it holds.</summary>
    [Theory]
    [InlineData("\"v1-gzip\"", 304, "\"v1-gzip\"", "Accept-Encoding")]
    [InlineData("\"v0-br\", \"v1-br\"", 304, "\"v1-br\"", "Accept-Encoding")]
    [InlineData("W/\"v1-zstd\"", 304, "W/\"v1-zstd\"", "Accept-Encoding")]
    [InlineData("\"v1\"", 304, "\"v1\"", "")]
    [InlineData("\"v0-gzip\"", 200, "\"v1-gzip\"", "Accept-Encoding")]
    [InlineData("\"v1-gzip-gzip\"", 200, "\"v1-gzip\"", "Accept-Encoding")]
    [InlineData("\"v1-deflate\"", 200, "\"v1-gzip\"", "Accept-Encoding")]
    [InlineData("*", 304, "\"v1\"", "")]
    [InlineData("nonsense-gzip", 200, "\"v1-gzip\"", "Accept-Encoding")]
    public async Task A_tag_that_was_made_on_the_way_is_understood_on_the_way_back(string ifNoneMatch, int status, string tag, string vary)
    {
        await using var site = await Site.RespondsAsync(context =>
        {
            context.Response.Headers.ETag = "\"v1\"";
            // As Django does: weakly.
            if (context.Request.Headers.IfNoneMatch.ToString().Split(", ").Any(held => held is "\"v1\"" or "W/\"v1\"" or "*"))
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }

            return Json(context);
        });

        var response = await site.GetAsync("/", "gzip", ("If-None-Match", ifNoneMatch));

        Assert.Equal(((HttpStatusCode)status, tag, vary), (response.Status, response.Tag, response.Vary));
    }

    [Theory]
    [InlineData("\"v1-gzip\"", "\"v1-gzip\", \"v1\"")]
    [InlineData("\"v1\"", "\"v1\"")]
    [InlineData("\"a-b\", \"c-br\"", "\"a-b\", \"c-br\", \"c\"")]
    public async Task A_client_that_read_a_compressed_version_may_change_it(string ifMatch, string expected)
    {
        await using var site = await Site.RespondsAsync(context => context.Response.WriteAsync(context.Request.Headers.IfMatch.ToString()));

        using var response = await site.SendAsync(HttpMethod.Put, "/", Browser, ("If-Match", ifMatch));

        Assert.Equal(expected, await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Other_clusters_are_compressed_as_the_app_is()
    {
        await using var docs = await Backend.StartAsync(context => Json(context));
        await using var site = await Site.RespondsAsync(
            context => context.Response.WriteAsync("the app"),
            settings: [
                ("ReverseProxy:Clusters:docs:Destinations:a:Address", docs.Address),
                ("ReverseProxy:Routes:docs:ClusterId", "docs"),
                ("ReverseProxy:Routes:docs:Match:Path", "/docs")]);

        var response = await site.GetAsync("/docs", "br");

        Assert.Equal(("br", _json), (response.Coding, await response.DecodedAsync()));
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    [InlineData("gzip")]
    public async Task A_large_response_in_pieces_arrives_as_it_was(string coding)
    {
        var content = string.Concat(Enumerable.Range(0, 400_000).Select(i => (i * 7919 % 100_003).ToString(CultureInfo.InvariantCulture) + ";"));
        await using var site = await Site.RespondsAsync(async context =>
        {
            context.Response.ContentType = "text/csv";
            for (var rest = content.AsMemory(); !rest.IsEmpty; rest = rest[Math.Min(5000, rest.Length)..])
            {
                await context.Response.WriteAsync(rest[..Math.Min(5000, rest.Length)].ToString(), Cancellation);
                await context.Response.Body.FlushAsync(Cancellation);
            }
        });

        var response = await site.GetAsync("/", coding);

        Assert.Equal(coding, response.Coding);
        Assert.Equal(content, await response.DecodedAsync());
    }

    /// <summary>A flush costs bytes and time; pieces of a response whose length is known are none.</summary>
    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    [InlineData("gzip")]
    public async Task Pieces_of_a_known_length_are_compressed_as_one(string name)
    {
        Assert.True(ContentCodings.TryParse(name, out var coding));
        await using var site = await Site.RespondsAsync(async context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = _json.Length;
            foreach (var piece in Encoding.ASCII.GetBytes(_json).Chunk(200))
            {
                await context.Response.Body.WriteAsync(piece, Cancellation);
                await context.Response.Body.FlushAsync(Cancellation);
                await Task.Yield();
            }
        });
        var asOne = EncodedVariants.Encode(coding, Effort.Quick, Encoding.ASCII.GetBytes(_json), Cancellation).Length;

        var response = await site.GetAsync("/", name);

        Assert.Equal(_json, await response.DecodedAsync());
        Assert.InRange(response.Body.Length, asOne - 32, asOne + 32);
    }

    /// <summary>A page that is sent piece by piece appears piece by piece, compressed or not.</summary>
    [Theory]
    [InlineData("text/html", "gzip", "gzip")]
    [InlineData("text/html", "br", "br")]
    [InlineData("text/event-stream", "gzip", null)]
    [InlineData("application/x-ndjson", "br", null)]
    public async Task Nothing_waits_for_what_the_app_has_not_said_yet(string type, string accepted, string? coding)
    {
        var turns = System.Threading.Channels.Channel.CreateUnbounded<int>();
        await using var site = await Site.RespondsAsync(async context =>
        {
            context.Response.ContentType = type;
            await foreach (var turn in turns.Reader.ReadAllAsync(Cancellation))
            {
                await context.Response.WriteAsync($"data: {turn}\n\n", Cancellation);
                await context.Response.Body.FlushAsync(Cancellation);
            }
        });
        turns.Writer.TryWrite(0);
        using var response = await site.SendAsync(HttpMethod.Get, "/", accepted, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(coding, response.Content.Headers.ContentEncoding.SingleOrDefault());
        await using var raw = await response.Content.ReadAsStreamAsync(Cancellation);
        await using Stream decoded = coding switch
        {
            "gzip" => new GZipStream(raw, CompressionMode.Decompress),
            "br" => new BrotliStream(raw, CompressionMode.Decompress),
            _ => raw,
        };

        var buffer = new byte[100];
        for (var turn = 0; turn < 20; turn++)
        {
            // The app says the next word only when the last one has arrived.
            var expected = $"data: {turn}\n\n";
            await decoded.ReadExactlyAsync(buffer.AsMemory(0, expected.Length), Cancellation).AsTask().WaitAsync(Eventually.Patience, Cancellation);
            Assert.Equal(expected, Encoding.ASCII.GetString(buffer, 0, expected.Length));
            turns.Writer.TryWrite(turn + 1);
        }

        turns.Writer.Complete();
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    [InlineData("gzip")]
    public async Task A_response_that_breaks_off_is_cut_and_never_looks_complete(string coding)
    {
        await using var app = BreaksOffAfter(Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(2_000_000)));
        await using var site = await Site.OfAsync(app.Address);

        await Assert.ThrowsAsync<HttpRequestException>(() => site.GetAsync("/", coding));
    }

    /// <summary>Brotli and zstd say nothing before they have seen more: then there is still time for an honest response.</summary>
    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    public async Task A_response_that_breaks_off_before_its_first_byte_went_out_is_an_error(string coding)
    {
        await using var app = BreaksOffAfter("{");
        await using var site = await Site.OfAsync(app.Address);

        var response = await site.GetAsync("/", coding);

        Assert.Equal((HttpStatusCode.BadGateway, null, null), (response.Status, response.Coding, response.Tag));
    }

    private static RawServer BreaksOffAfter(string content) => new(async (stream, _, cancellation) =>
    {
        await RawServer.ReadHeadAsync(stream, cancellation);
        await RawServer.WriteAsync(
            stream, $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"v1\"\r\nContent-Length: 9000000\r\n\r\n{content}", cancellation);
    });

    [Fact]
    public async Task A_client_who_leaves_ends_the_request_at_the_app()
    {
        var ended = new TaskCompletionSource();
        await using var site = await Site.RespondsAsync(async context =>
        {
            context.RequestAborted.Register(ended.SetResult);
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync("<p>so far", Cancellation);
            await context.Response.Body.FlushAsync(Cancellation);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        using (var response = await site.SendAsync(HttpMethod.Get, "/", "gzip", HttpCompletionOption.ResponseHeadersRead))
        {
            await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
            Assert.True(await body.ReadAsync(new byte[100], Cancellation).Within() > 0);
        }

        await ended.Task.WaitAsync(Eventually.Patience, Cancellation);
        await Eventually.TrueAsync(() => site.Proxy.Slots.Active.InFlight.Total == 0, "the lease is given back");
    }

    private static Task Json(HttpContext context, Action? change = null)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = _json.Length;
        change?.Invoke();
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(_json);
    }

    private sealed class Site(DataPlane proxy, Backend? app) : IAsyncDisposable
    {
        public DataPlane Proxy => proxy;

        public static async Task<Site> RespondsAsync(
            RequestDelegate app, Action<EdgeProxyOptions>? configure = null, params (string Key, string Value)[] settings)
        {
            var backend = await Backend.StartAsync(app);
            return new Site(await DataPlane.StartAsync(backend.Address, "http://127.0.0.1:1", configure, settings), backend);
        }

        public static async Task<Site> OfAsync(string address) => new(await DataPlane.StartAsync(address, "http://127.0.0.1:1"), null);

        public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string accepted, params (string Name, string Value)[] headers) =>
            SendAsync(method, path, accepted, HttpCompletionOption.ResponseContentRead, headers);

        public async Task<HttpResponseMessage> SendAsync(
            HttpMethod method, string path, string accepted, HttpCompletionOption until, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(method, path);
            foreach (var (name, value) in headers.Append(("Accept-Encoding", accepted)).Where(header => header.Item2.Length > 0))
            {
                Assert.True(request.Headers.TryAddWithoutValidation(name, value));
            }

            return await proxy.Client.SendAsync(request, until, Cancellation);
        }

        public async Task<Response> GetAsync(string path, string accepted, params (string Name, string Value)[] headers)
        {
            using var response = await SendAsync(HttpMethod.Get, path, accepted, headers);
            var length = response.Content.Headers.ContentLength;
            return new Response(
                response.StatusCode,
                response.Content.Headers.ContentEncoding.SingleOrDefault(),
                response.Headers.TransferEncodingChunked == true ? null : length,
                response.Headers.ETag?.ToString(),
                string.Join(", ", response.Headers.Vary),
                await response.Content.ReadAsByteArrayAsync(Cancellation));
        }

        public async ValueTask DisposeAsync()
        {
            await proxy.DisposeAsync();
            await (app?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    private sealed record Response(HttpStatusCode Status, string? Coding, long? Length, string? Tag, string Vary, byte[] Body)
    {
        public async Task<string> DecodedAsync() => Encoding.UTF8.GetString(Coding is null ? Body : await StockDecoder.DecodeAsync(Coding, Body));
    }
}
