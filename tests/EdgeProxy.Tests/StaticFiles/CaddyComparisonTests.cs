using System.Text.RegularExpressions;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Compression;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>The same requests to EdgeProxy and to the real Caddy over the same files and the same app. Whatever differs is in the table, with the reason, or
/// fails.</summary>
public sealed class CaddyComparisonTests
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>Header fields that a client acts on. Not Cache-Control and nosniff, which Caddy does not send and every static response here has
    /// (StaticFilesTests).</summary>
    private static readonly string[] _compared = [
        "Content-Type", "Content-Encoding", "Content-Range", "Content-Length", "Accept-Ranges", "Last-Modified", "Allow", "Location"];

    /// <param name="Requests">Which, as a regular expression on <see cref="CaddyTree.Ask.ToString"/>.</param>
    /// <param name="What">What differs: <c>aspect: caddy | edgeproxy</c>, as a regular expression.</param>
    /// <param name="Why">The reason for the difference.</param>
    private sealed record Intended(string Requests, string What, string Why);

    private static readonly Intended[] _intended =
    [
        new(
            ".",
            @"^Vary:  \| accept-encoding$",
            "caches must know that another client may get a coded form, also from a response to one that does not (later versions of Caddy agree for files)"),
        new(@"/static/(large\.bin|unknown)", @"^Content-Type:  \| application/octet-stream$", "without a type a browser guesses"),
        new(
            @"/static/pre\.js \[Accept-Encoding",
            @"^Accept-Ranges: bytes \| $",
            "ranges are of the plain file only; a part of a coded form is of no use to anybody"),
        new(@"Range: bytes=-0", @"^status: 206 \| 416$", "RFC 9110 section 14.1.2: a suffix of length 0 cannot be satisfied"),
        new(
            @"Range: (bytes=4-2|bytes=a-b|lines=1-2)",
            @"^status: 416 \| 200$",
            "RFC 9110 section 14.2: an invalid range, or one of an unknown unit, is ignored"),
        new(@"Range: bytes=0-1,4-5", @"^status: 206 \| 200$", "section 14.2 allows it: no browser asks for several ranges, attackers do"),
        new(@"/static/empty\.txt \[Range", @"^status: 416 \| 200$", "some clients send a range always; an empty file is whole (later versions of Caddy agree)"),
        new(@"^HEAD .*Range", @"^status: 206 \| 200$", "section 14.2: ranges are defined for GET alone"),
        new(
            @"/static/dir%2Finside\.txt",
            @"^status: 200 \| 404$",
            "an encoded slash is no separator: what is one name here and two there is how files get out"),
        new(@"/static/escape\.txt", @"^status: 200 \| 404$", "a link must not lead out of the root"),
        new(@"/static/(dir/)?\.", @"^status: 200 \| 404$", "dot files are not for clients: .env, .git"),
        new(@"/static/\.\./", @"^status: 200 \| 400$", "the app would get the target as it is, so dot segments are refused everywhere"),
        new(@"/static/x{300}", @"^status: 500 \| 404$", "a name too long for the file system is no file, and no fault of the server"),
        new(@"^(POST|PUT|DELETE|OPTIONS) /static", @"^status: 200 \| 405$", "files are read, not written to (later versions of Caddy agree)"),
        new(
            @"^GET /tagged \[Accept-Encoding: .*\]$",
            @"^ETag: ""v1"" \| ""v1-(zstd|gzip)""$",
            "a strong tag names the very bytes (later versions of Caddy agree)"),
        new(@"/tagged .*v1-gzip", @"^status: 200 \| 304$", "... and is understood when it comes back"),
        new(@"Accept-Encoding: \*", @"^Content-(Encoding|Length): ", "RFC 9110 section 12.5.3: * is any coding"),
        new(@"^HEAD /json", @"^Content-(Encoding|Length): ", "there is nothing to compress, and the app's own length is worth more"),
        new(@"no-transform", @"^(Content-Encoding|Content-Length|Vary): ", "RFC 9111 section 5.2.1.6: the client wants it as it is"),
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_what_is_meant_to_differ_differs()
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        using var directory = new TemporaryDirectory();
        await using var app = await Backend.StartAsync(CaddyTree.RespondAsync);
        await using var site = await StaticSite.StartAsync(
            options => options.StaticFiles = [new StaticFilesOptions { Path = "/static", Root = options.StaticFiles![0].Root }], app: app.Address);
        CaddyTree.Write(site);
        await using var caddy = await CaddyServer.StartAsync(directory, site.Root, app.Address);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

        var met = new HashSet<Intended>();
        var unexpected = new List<string>();
        foreach (var ask in CaddyTree.Asks)
        {
            var theirs = await AskAsync(client, caddy.Address, ask);
            var ours = await AskAsync(client, site.Proxy.Address, ask);
            string[] aspects = theirs["status"] == ours["status"] ? [.. theirs.Keys] : ["status"]; // the rest goes with it
            foreach (var difference in aspects.Where(aspect => theirs[aspect] != ours[aspect]).Select(aspect => $"{aspect}: {theirs[aspect]} | {ours[aspect]}"))
            {
                var reason = Array.Find(_intended, intended => Regex.IsMatch(ask.ToString(), intended.Requests) && Regex.IsMatch(difference, intended.What));
                if (reason is null)
                {
                    unexpected.Add($"{ask} -- {difference}");
                }
                else
                {
                    met.Add(reason);
                }
            }
        }

        Assert.True(unexpected.Count == 0, $"caddy | edgeproxy:\n{string.Join('\n', unexpected)}");
        Assert.Empty(_intended.Except(met)); // a difference that is gone leaves the table
        Figures.Report(
            $"{CaddyTree.Asks.Count} requests to Caddy and to EdgeProxy over the same files and app: no difference but the {_intended.Length} kinds that are " +
                "meant");
    }

    /// <summary>What of a response is compared, by aspect.</summary>
    private static async Task<Dictionary<string, string>> AskAsync(HttpClient client, Uri server, CaddyTree.Ask ask)
    {
        var headers = ask.Headers;
        if (headers.Any(header => header.Value.Contains("TAG", StringComparison.Ordinal)))
        {
            using var plain = await SendAsync(client, server, "GET", ask.Target, []);
            var tag = plain.Headers.ETag!.ToString();
            headers = [.. headers.Select(header => (header.Name, header.Value.Replace("TAG", tag, StringComparison.Ordinal)))];
        }

        using var response = await SendAsync(client, server, ask.Method, ask.Target, headers);
        var body = await response.Content.ReadAsByteArrayAsync(Cancellation);
        var coding = response.Content.Headers.ContentEncoding.SingleOrDefault();
        var content = coding is null || body.Length == 0 ? body : await StockDecoder.DecodeAsync(coding, body);
        var isError = (int)response.StatusCode >= 400 && ask.Target.StartsWith("/static", StringComparison.Ordinal);
        string Value(string name) =>
            response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : "";

        var seen = _compared.ToDictionary(name => name, name => isError && name is not ("Allow" or "Content-Range") ? "" : Value(name)); // error pages differ
        if (coding is not null)
        {
            seen["Content-Length"] = "of the coded"; // compressors differ
        }

        seen["status"] = $"{(int)response.StatusCode}";
        seen["ETag"] = isError ? "" : Value("ETag") switch { "" => "none", ['W', ..] => "weak", ['"', 'v', ..] own => own, _ => "strong" };
        seen["Vary"] = isError ? "" : string.Join(", ", response.Headers.Vary.Select(name => name.ToLowerInvariant()).Order());
        seen["body"] = isError ? "" : Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content))[..8] + $" ({content.Length})";
        return seen;
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, Uri server, string method, string target, (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(server.GetLeftPart(UriPartial.Authority) + target, _asWritten));
        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        return await client.SendAsync(request, Cancellation);
    }
}
