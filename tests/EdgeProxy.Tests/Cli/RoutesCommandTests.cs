using System.Net;
using System.Text.Json;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary><c>routes</c> says which route serves a URL, and the running proxy does as it says.</summary>
public sealed class RoutesCommandTests : IDisposable
{
    private const string Slots = """
        "Slots": { "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "b.service" }, "Green": { "Address": "http://127.0.0.1:8100", "Unit": "g.service" } }
        """;

    private const string Sites = """
        "Sites": [
          { "Hosts": "www.example.com", "Routes": [ { "Redirect": { "To": "https://example.com{uri}", "Status": 301 } } ] },
          { "Hosts": ["example.com", "127.0.0.1"], "Routes": [
            { "Name": "internal", "Path": ["/metrics", "/internal/*"], "Match": { "ClientNotIn": "10.0.0.0/8" }, "Respond": { "Status": 403, "Body": "no" } },
            { "Name": "writes", "Path": "/api/*", "Match": { "Methods": ["POST", "PUT"], "Headers": { "X-Key": "*" } }, "Respond": { "Status": 202 } },
            { "Name": "tool", "Path": "/tool/*", "Match": { "Not": [ { "Path": "/tool/off/*" } ] }, "StripPrefix": "/tool", "Respond": { "Status": 204 } },
            { "Name": "site", "Path": "/s/*", "Match": { "Query": { "v": "2" } }, "Files": { "Root": "/" } },
            { "Name": "rest", "Path": "/r*", "Respond": { "Status": 418 } } ] } ]
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("http://example.com/metrics", "", "internal", 403)]
    [InlineData("http://example.com/METRICS", "", "internal", 403)]
    [InlineData("http://example.com/%6detrics", "", "internal", 403)]
    [InlineData("http://example.com/metrics/", "", null, 404)]
    [InlineData("http://example.com/api/x", "", null, 404)]
    [InlineData("http://example.com/api/x", "POST X-Key:1", "writes", 202)]
    [InlineData("http://example.com/api/x", "POST", null, 404)]
    [InlineData("http://example.com/tool/a?b=1", "", "tool", 204)]
    [InlineData("http://example.com/tool/off/a", "", null, 404)]
    [InlineData("http://example.com/s/missing?v=2", "", "site", 404)]
    [InlineData("http://example.com/s/missing?v=1&v=2", "", null, 404)]
    [InlineData("http://example.com//r/x", "", "rest", 418)]
    [InlineData("http://other.example.com/", "", null, 421)]
    [InlineData("http://www.example.com/a?b=1", "", "*", 301)]
    [InlineData("http://example.com/r/../metrics", "", null, 400)]
    public async Task What_it_says_is_what_is_served(string url, string how, string? route, int status)
    {
        var file = Write(Sites);
        var parts = how.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var method = parts.FirstOrDefault() ?? "GET";
        string[] header = parts.Length > 1 ? ["--header", parts[1]] : [];

        var run = await CommandLine.RunAsync(["routes", url, "--method", method, .. header, "--config", file, "--json"]);

        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal(route, json.RootElement.GetProperty("takes").GetString());
        Assert.Equal(route is null ? 1 : 0, run.ExitCode);
        Assert.Equal(status, await ServeAsync(file, url, method, parts.Skip(1).FirstOrDefault()));
        if (route is null)
        {
            Assert.StartsWith($"{status}", json.RootElement.GetProperty("result").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Each_route_that_passes_on_says_which_condition_did_not_hold()
    {
        var run = await CommandLine.RunAsync("routes", "http://example.com/api/x", "--method", "POST", "--client", "10.1.2.3", "--config", Write(Sites));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("  2  passes on  writes  ->  Respond 202", run.Output, StringComparison.Ordinal);
        Assert.Contains("yes  Path /api/*", run.Output, StringComparison.Ordinal);
        Assert.Contains("yes  Match:Methods POST, PUT", run.Output, StringComparison.Ordinal);
        Assert.Contains("no   Match:Headers:X-Key *", run.Output, StringComparison.Ordinal);
        Assert.Contains("no   Match:ClientNotIn 10.0.0.0/8", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("404: no route of the site takes it\n", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://www.example.com/a?b=1", "Redirect 301 https://example.com{uri}: https://example.com/a?b=1")]
    [InlineData("https://example.com/tool/a?b=1", "Respond 204")]
    [InlineData("https://example.com/s/x?v=2", "Files /: /s/x?v=2")]
    public async Task The_last_line_is_what_comes_of_it(string url, string expected)
    {
        var run = await CommandLine.RunAsync("routes", url, "--config", Write(Sites));

        Assert.Equal(expected, run.Output.TrimEnd().Split('\n')[^1]);
    }

    /// <summary>The URL is read as clients and server read it.</summary>
    [Theory]
    [InlineData("https://EXAMPLE.COM./tool/a", "Respond 204")]
    [InlineData("https://Example.com.:8443/tool/a", "Respond 204")]
    [InlineData("https://b\u00fccher.example/ \u00fc", "Redirect 302 {uri}: /%20%C3%BC")]
    [InlineData("https://xn--bcher-kva.example/x", "Redirect 302 {uri}: /x")]
    [InlineData("https://[0:0::1]/x", "Redirect 302 {uri}: /x")]
    [InlineData("https://example.com/r/%2e%2E/x", "400: the path has a . or .. segment (of an encoded one, too)")]
    [InlineData("https://example.com/r\u0001x", "400: path or query has a character that no request target may have (RFC 9112 section 3.2): clients encode it")]
    public async Task A_URL_means_what_the_server_gets(string url, string expected)
    {
        var file = Write(Sites[..^1] + """, { "Hosts": ["xn--bcher-kva.example", "[::1]"], "Routes": [ { "Redirect": { "To": "{uri}" } } ] } ]""");

        var run = await CommandLine.RunAsync("routes", url, "--config", file);

        Assert.Equal(expected, run.Output.TrimEnd().Split('\n')[^1]);
    }

    [Fact]
    public async Task A_password_is_said()
    {
        const string Hash = "$2a$14$rAm6q4sdCTocSfYanEzS7u8N1XTiOcnuVtnvecMzDkDOPzIUHARYa";
        var file = Write($$"""
            "Sites": [ { "Hosts": "example.com", "Routes": [ { "Path": "/in/*", "BasicAuth": { "Users": { "bob": "{{Hash}}", "ann": "{{Hash}}" } }, "App": "app" } ] } ]
            """);

        var list = await CommandLine.RunAsync("routes", "--config", file);
        var run = await CommandLine.RunAsync("routes", "https://example.com/in/x", "--config", file);

        Assert.EndsWith("BasicAuth, then App app\n", list.Output, StringComparison.Ordinal);
        Assert.Contains("1  takes it  /in/*  ->  BasicAuth, then App app\n", run.Output, StringComparison.Ordinal);
        Assert.EndsWith(
            "\nBasicAuth, then App app: /in/x, for a user with the password (ann, bob); 401 for all others\n", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Hash, list.Output + run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clear_text_that_is_redirected_is_said_first()
    {
        var run = await CommandLine.RunAsync("routes", "http://example.com/metrics", "--config", Write(Sites));

        Assert.StartsWith("Where a certificate for example.com is loaded, http is redirected to https", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://shop.example.com/static/app.css", "Files /srv/static: /app.css")]
    [InlineData("http://shop.example.com/static/admin/x.css", "Files /srv/admin: /x.css")]
    [InlineData("http://shop.example.com/staticfoo", "App app: /staticfoo")]
    [InlineData("http://shop.example.com/", "App app: /")]
    public async Task Without_sites_the_longest_static_path_comes_before_the_app(string url, string expected)
    {
        var file = Write("""
            "StaticFiles": [ { "Path": "/static", "Root": "/srv/static" }, { "Path": "/static/admin/", "Root": "/srv/admin" } ]
            """);

        var run = await CommandLine.RunAsync("routes", url, "--config", file);

        Assert.Equal(expected, run.Output.TrimEnd().Split('\n')[^1]);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task A_host_that_is_not_allowed_is_400()
    {
        var file = Write("\"StaticFiles\": []", "\"AllowedHosts\": \"shop.example.com;*.test\",");

        var refused = await CommandLine.RunAsync("routes", "https://other.example.com/", "--config", file);
        var allowed = await CommandLine.RunAsync("routes", "https://a.test/", "--config", file);

        Assert.Equal("400: other.example.com is not in AllowedHosts (shop.example.com, *.test)\n", refused.Output);
        Assert.Equal(0, allowed.ExitCode);
    }

    [Fact]
    public async Task Without_a_URL_all_routes_are_listed_in_order()
    {
        var run = await CommandLine.RunAsync("routes", "--config", Write(Sites));

        var lines = run.Output.TrimEnd().Split('\n');
        Assert.Equal(7, lines.Length);
        Assert.Matches("^SITE +ROUTE +TAKES +DOES$", lines[0]);
        Assert.Matches(@"^www\.example\.com +\* +everything +Redirect 301 https://example\.com\{uri\}$", lines[1]);
        Assert.Matches(@"^example\.com +writes +Path /api/\*; Match:Methods POST, PUT; Match:Headers:X-Key \* +Respond 202$", lines[3]);
    }

    [Theory]
    [InlineData("example.com/x", "must be a URL such as https://shop.example.com/path")]
    [InlineData("ftp://example.com/x", "must be a URL such as https://shop.example.com/path")]
    [InlineData("https://example.com/ --client nobody", "--client must be an IP address, not nobody")]
    [InlineData("https://example.com/ --header nothing", "--header must be \"Name: value\", not nothing")]
    public async Task What_is_no_request_is_refused(string arguments, string expected)
    {
        var run = await CommandLine.RunAsync(["routes", .. arguments.Split(' '), "--config", Write(Sites)]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    private string Write(string section, string top = "")
    {
        var path = _directory["appsettings.json"];
        File.WriteAllText(path, $$"""{ {{top}} "EdgeProxy": { {{Slots}}, {{section}} } }""");
        return path;
    }

    /// <summary>The status that the proxy itself responds with.</summary>
    private static async Task<int> ServeAsync(string file, string url, string method, string? field)
    {
        var settings = SettingsLoader.Load(file);
        var sites = settings.Options!.Sites;
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1", "http://127.0.0.1:1", TimeProvider.System, options => options.Sites = sites);
        var asked = new Uri(url);
        var target = url[(url.IndexOf("://", StringComparison.Ordinal) + 3 + asked.Authority.Length)..];
        var header = $"Host: {asked.Authority}\r\nContent-Length: 0\r\nConnection: close\r\n{(field is null ? "" : field + "\r\n")}\r\n";
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, TestContext.Current.CancellationToken);
        await using var stream = client.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{method} {target} HTTP/1.1\r\n{header}"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        var first = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(
            TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        return int.Parse(first!.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
