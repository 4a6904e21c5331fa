using System.Net;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Index files, <c>try_files</c>, hidden names and slashes: for each path the status, the place of a redirect and the content are those of the real
/// Caddy.</summary>
public sealed class CaddyFileLookupTests : IDisposable
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private static readonly string[] _files = [
        "index.html", "app.js", "about.html", "docs/index.html", "docs/index.txt", "docs/guide.html", "text/index.txt", "empty/deep/file.txt",
        "about/team.html", "private/secret.txt", "private2/open.txt", "notes.bak", "sub/notes.bak", "sub/private/open.txt", "a b/index.html",
        "caf\u00e9/index.html", "dir.html/x.txt", ".well-known/security.txt"];

    private static readonly string[] _paths = [
        "/", "//", "/?q=1", "/index.html", "/index.html/", "/app.js", "/app.js/", "/app.js?v=1", "/docs", "/docs/", "/docs?a=b", "/docs/?a=b", "//docs",
        "/docs//", "/docs/index.html", "/docs/index.txt", "/docs/guide", "/docs/guide.html", "/docs/missing", "/docs/missing/", "/text", "/text/", "/empty",
        "/empty/", "/empty/deep", "/empty/deep/", "/empty/deep/file.txt", "/about", "/about/", "/about.html", "/about/team", "/missing", "/missing/",
        "/missing.js", "/private/secret.txt", "/private", "/private/", "/private2/open.txt", "/notes.bak", "/sub/notes.bak", "/sub/private/open.txt",
        "/a%20b", "/a%20b/", "/caf%C3%A9", "/caf%C3%A9/", "/dir", "/dir.html", "/dir.html/", "/DOCS/", "/.well-known/security.txt", "/docs/../app.j",
        "/client/route?tab=1"];

    private readonly TemporaryDirectory _directory = new();

    public CaddyFileLookupTests()
    {
        foreach (var name in _files)
        {
            var path = _directory[$"root/{name}"];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, $"this is {name}");
        }
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", "[]")]
    [InlineData("try_files {path} /index.html", """["{path}", "/index.html"]""")]
    [InlineData("try_files {path} {path}/ /index.html", """["{path}", "{path}/", "/index.html"]""")]
    [InlineData("try_files {path}.html {path} {path}/index.html", """["{path}.html", "{path}", "{path}/index.html"]""")]
    [InlineData("try_files {path} /missing.html /docs/", """["{path}", "/missing.html", "/docs/"]""")]
    public async Task Each_path_is_found_as_Caddy_finds_it(string caddy, string tryFiles)
    {
        var entry = Entry();
        entry.TryFiles = System.Text.Json.JsonSerializer.Deserialize<string[]>(tryFiles);

        await CompareAsync($"{caddy}\nfile_server", entry);
    }

    [Fact]
    public async Task What_is_hidden_is_hidden_as_in_Caddy()
    {
        var entry = Entry();
        entry.Hide = ["*.bak", "/private", "/docs/guide.*"];
        var root = _directory["root"];

        await CompareAsync($"file_server {{\nhide *.bak {root}/private {root}/docs/guide.*\n}}", entry);
    }

    [Fact]
    public async Task A_listing_is_where_Caddy_has_one()
    {
        var entry = Entry();
        entry.Browse = true;

        await CompareAsync("file_server browse", entry, isListing: content => content.StartsWith("<!", StringComparison.OrdinalIgnoreCase));
    }

    private StaticFilesOptions Entry() => new() { Path = "/", Root = _directory["root"], Index = ["index.html", "index.txt"] };

    private async Task CompareAsync(string directives, StaticFilesOptions entry, Func<string, bool>? isListing = null)
    {
        await using var caddy = await CaddyServer.StartAsync(_directory["Caddyfile"], $"root * {_directory["root"]}\n{directives}");
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1", "http://127.0.0.1:1", TimeProvider.System, options => options.StaticFiles = [entry]);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

        var differences = new List<string>();
        foreach (var path in _paths)
        {
            var (expected, actual) = (await AskAsync(client, caddy.Address, path, isListing), await AskAsync(client, proxy.Address, path, isListing));
            if (expected != actual && path != "/docs/../app.j") // a dot segment is refused everywhere (CaddyComparisonTests)
            {
                differences.Add($"{path}: Caddy {expected}, EdgeProxy {actual}");
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    private static async Task<string> AskAsync(HttpClient client, Uri server, string path, Func<string, bool>? isListing)
    {
        using var response = await client.GetAsync(
            new Uri(server.GetLeftPart(UriPartial.Authority) + path, _asWritten), TestContext.Current.CancellationToken);
        var content = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        // Caddy 2.6 leaves the query out and does not encode the path again.
        var location = Uri.UnescapeDataString(response.Headers.Location?.OriginalString.Split('?')[0] ?? "");
        return $"{(int)response.StatusCode} {location} "
            + (response.StatusCode != HttpStatusCode.OK ? "" : isListing?.Invoke(content) == true ? "a listing" : content);
    }
}
