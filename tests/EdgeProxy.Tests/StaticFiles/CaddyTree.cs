using System.Text;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>The files and the app that EdgeProxy and Caddy both serve, and what both are asked.</summary>
internal static class CaddyTree
{
    private static readonly DateTime _modified = new(2026, 3, 1, 12, 0, 0, 250, DateTimeKind.Utc);
    private static readonly string _style = string.Concat(Enumerable.Range(0, 2000).Select(i => $".c{i} {{ color: #{i * 7919 % 0xFFFFFF:x6} }}\n"));
    private static readonly string _json = $"[{string.Join(",", Enumerable.Range(0, 400).Select(i => $$"""{"id":{{i}},"name":"item {{i * 7919 % 1000}}"}"""))}]";

    /// <summary>A request. In headers TAG stands for the server's own entity tag of the same target, without a coding.</summary>
    internal sealed record Ask(string Method, string Target, params (string Name, string Value)[] Headers)
    {
        public override string ToString() => $"{Method} {Target}{string.Concat(Headers.Select(header => $" [{header.Name}: {header.Value}]"))}";
    }

    public static void Write(StaticSite site)
    {
        var random = new byte[3000];
        new Random(1).NextBytes(random);
        var large = new byte[700_000];
        new Random(2).NextBytes(large);
        Put("app.css", _style);
        Put("app.0123456789ab.css", _style);
        Put("page.html", $"<!doctype html><p>{_style}");
        Put("data.json", _json);
        Put("icon.svg", $"<svg>{_style}</svg>");
        Put("large.txt", string.Concat(Enumerable.Repeat(_style, 10)));
        Put("small.txt", "0123456789");
        Put("empty.txt", "");
        Put("name with spaces.txt", "spaces");
        Put("ünïcode.txt", "umlauts");
        Put("100%.txt", "percent");
        Put("a+b.txt", "plus");
        Put("dir/inside.txt", "inside");
        Put(".env", "secret");
        Put("dir/.hidden", "secret");
        Put("pre.js", $"/* the source */{_style}");
        Set(site.Write("photo.png", random));
        Set(site.Write("large.bin", large));
        Set(site.Write("unknown.unheardof", random));
        foreach (var (extension, coding) in new[] { (".gz", "gzip"), (".br", "br") })
        {
            Set(site.Write("pre.js" + extension, Coded(coding, $"/* the source */{_style}")));
        }

        File.CreateSymbolicLink(Path.Combine(site.Root, "link.txt"), "dir/inside.txt");
        File.WriteAllText(Path.Combine(site.Outside, "secret.txt"), "secret");
        File.CreateSymbolicLink(Path.Combine(site.Root, "escape.txt"), "../outside/secret.txt");

        void Put(string name, string content) => Set(site.Write(name, content));
        static void Set(string path) => File.SetLastWriteTimeUtc(path, _modified);
    }

    /// <summary>The app: a path names what the response is like.</summary>
    public static async Task RespondAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var path = request.Path.Value!;
        var body = path.Contains("small", StringComparison.Ordinal) ? "tiny" : _json;
        response.ContentType = path.Contains("png", StringComparison.Ordinal)
            ? "image/png"
            : path.Contains("html", StringComparison.Ordinal)
            ? "text/html; charset=utf-8"
            : "application/json";
        if (path.Contains("tagged", StringComparison.Ordinal))
        {
            response.Headers.ETag = "\"v1\"";
            if (request.Headers.IfNoneMatch.ToString().Contains("\"v1\"", StringComparison.Ordinal))
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                response.ContentType = null;
                return;
            }
        }

        if (path.Contains("encoded", StringComparison.Ordinal))
        {
            response.Headers.ContentEncoding = "gzip";
            await response.Body.WriteAsync(Coded("gzip", body));
            return;
        }

        response.StatusCode = path.Contains("missing", StringComparison.Ordinal) ? 404 : path.Contains("created", StringComparison.Ordinal) ? 201 : 200;
        response.Headers.Vary = path.Contains("cookie", StringComparison.Ordinal) ? "Cookie" : default;
        response.ContentLength = path.Contains("chunked", StringComparison.Ordinal) ? null : body.Length;
        if (!HttpMethods.IsHead(request.Method))
        {
            await response.WriteAsync(body);
        }
    }

    public static IReadOnlyList<Ask> Asks { get; } = [.. Files(), .. Conditions(), .. Ranges(), .. Names(), .. Responses()];

    private static IEnumerable<Ask> Files() =>
        from name in new[]
        {
            "app.css",
            "page.html",
            "data.json",
            "icon.svg",
            "photo.png",
            "large.txt",
            "large.bin",
            "small.txt",
            "empty.txt",
            "unknown.unheardof",
            "pre.js",
        }
        from ask in new[] { ("GET", ""), ("HEAD", ""), ("GET", "gzip"), ("GET", "gzip, deflate, br, zstd") }
        select new Ask(ask.Item1, $"/static/{name}", ask.Item2.Length == 0 ? [] : [("Accept-Encoding", ask.Item2)]);

    private static IEnumerable<Ask> Conditions() =>
        from headers in new (string, string)[][]
        {
            [("If-None-Match", "TAG")],
            [("If-None-Match", "W/TAG")],
            [("If-None-Match", "\"other\", TAG")],
            [("If-None-Match", "*")],
            [("If-None-Match", "\"other\"")],
            [("If-Match", "TAG")], [("If-Match", "W/TAG")], [("If-Match", "\"other\"")], [("If-Match", "*")],
            [("If-Modified-Since", "Sun, 01 Mar 2026 12:00:00 GMT")],
            [("If-Modified-Since", "Sun, 01 Mar 2026 11:59:59 GMT")],
            [("If-Modified-Since", "yesterday")],
            [("If-Unmodified-Since", "Sun, 01 Mar 2026 12:00:00 GMT")], [("If-Unmodified-Since", "Sun, 01 Mar 2026 11:59:59 GMT")],
            [("If-None-Match", "\"other\""), ("If-Modified-Since", "Sun, 01 Mar 2026 12:00:00 GMT")],
            [("If-Match", "TAG"), ("If-Unmodified-Since", "Sun, 01 Mar 2026 11:59:59 GMT")],
        }
        select new Ask("GET", "/static/small.txt", headers);

    private static IEnumerable<Ask> Ranges()
    {
        foreach (
            var range in new[]
            {
                "bytes=2-4",
                "bytes=7-",
                "bytes=-3",
                "bytes=0-99",
                "bytes=-99",
                "bytes=9-9",
                "bytes=10-",
                "bytes=-0",
                "bytes=4-2",
                "bytes=a-b",
                "bytes=0-1,4-5",
                "lines=1-2",
            })
        {
            yield return new Ask("GET", "/static/small.txt", ("Range", range));
        }

        foreach (var condition in new[] { "TAG", "W/TAG", "\"other\"", "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 11:59:59 GMT" })
        {
            yield return new Ask("GET", "/static/small.txt", ("Range", "bytes=2-4"), ("If-Range", condition));
        }

        yield return new Ask("GET", "/static/app.css", ("Range", "bytes=100-199"), ("Accept-Encoding", "gzip"));
        yield return new Ask("GET", "/static/large.bin", ("Range", "bytes=600000-"));
        yield return new Ask("GET", "/static/empty.txt", ("Range", "bytes=0-"));
        yield return new Ask("HEAD", "/static/small.txt", ("Range", "bytes=2-4"));
    }

    private static IEnumerable<Ask> Names()
    {
        foreach (var target in new[]
        {
            "missing.txt",
            "dir",
            "dir/",
            "",
            "dir/inside.txt",
            "dir/inside.txt/",
            "dir//inside.txt",
            "/dir/inside.txt",
            "name%20with%20spaces.txt",
            "%C3%BCn%C3%AFcode.txt",
            "100%25.txt",
            "a+b.txt",
            "a%2Bb.txt",
            "dir%2Finside.txt", "link.txt", "escape.txt", ".env", "dir/.hidden", "app.css?v=2", "APP.CSS", "app.0123456789ab.css", "pre.js.gz",
        })
        {
            yield return new Ask("GET", $"/static/{target}");
        }

        yield return new Ask("GET", "/static/../static/small.txt");
        yield return new Ask("GET", $"/static/{new string('x', 300)}");
        foreach (var method in new[] { "POST", "PUT", "DELETE", "OPTIONS" })
        {
            yield return new Ask(method, "/static/small.txt");
        }
    }

    private static IEnumerable<Ask> Responses()
    {
        foreach (var path in new[] { "/json", "/html", "/png", "/small", "/chunked", "/encoded", "/missing", "/created", "/cookie", "/tagged" })
        {
            yield return new Ask("GET", path, ("Accept-Encoding", "gzip, deflate, br, zstd"));
            yield return new Ask("GET", path, ("Accept-Encoding", "gzip"));
        }

        foreach (var accepted in new[] { "", "identity", "gzip;q=0", "*", "identity;q=0", "gzip;q=0.5, zstd;q=0.2", "deflate" })
        {
            yield return new Ask("GET", "/json", accepted.Length == 0 ? [] : [("Accept-Encoding", accepted)]);
        }

        yield return new Ask("HEAD", "/json", ("Accept-Encoding", "gzip"));
        yield return new Ask("GET", "/tagged", ("Accept-Encoding", "gzip"), ("If-None-Match", "\"v1-gzip\""));
        yield return new Ask("GET", "/tagged", ("If-None-Match", "\"v1\""));
        yield return new Ask("GET", "/json", ("Accept-Encoding", "gzip"), ("Cache-Control", "no-transform"));
    }

    private static byte[] Coded(string coding, string content)
    {
        using var coded = new MemoryStream();
        using (Stream coder = coding == "br"
            ? new System.IO.Compression.BrotliStream(coded, System.IO.Compression.CompressionLevel.Fastest)
            : new System.IO.Compression.GZipStream(coded, System.IO.Compression.CompressionLevel.Fastest))
        {
            coder.Write(Encoding.UTF8.GetBytes(content));
        }

        return coded.ToArray();
    }
}
