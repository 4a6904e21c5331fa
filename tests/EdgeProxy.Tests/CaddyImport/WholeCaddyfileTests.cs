using System.Text;
using EdgeProxy.Importing;
using EdgeProxy.Tests.Importing;
using EdgeProxy.Tests.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>The real Caddy with whole Caddyfiles, and EdgeProxy with the settings that come of them, get the same requests, with the app up and down.
/// Whatever differs
/// is in the table, with the reason, or fails.</summary>
public sealed class WholeCaddyfileTests
{
    private static readonly IntendedDifference[] _intended =
    [
        new(@"app down|/none\.css|/static/", "^X-(Frame-Options|Up-1|Def|Has|Snippet):  \\| ",
            "what Caddy sets late is not in its own errors; here the site has it on every response"),
        new(".", @"^(Cache-Control: (max-age=\d+(, public)?|no-cache) \| no-store|(Surrogate-Control|Expires): .+ \| )$", "nobody is to keep an error"),
        new("app down", @"^body:  \| page 503$", "an app that was waited for is 503, and has what handle_errors says of 503"),
        new("^PUT a.test/x", @"^(status: (200|404) \| 405|body: 404 at /x \| 405 at /x|body: this is (docs/)?index.html \| |Content-Type: .*problem\+json)$",
            "a file is not written to"),
        new("^POST a.test/upload/x", @"^status: the app is down \| 413$",
            "a body that is too large is no fault of the app; later versions of Caddy say 413, too"),
        new(@" a\.test/(page|to)", @"^Content-Type: text/plain; charset=utf-8 \| text/html; charset=utf-8$",
            "a browser that gets text is not led on; later versions of Caddy say text/html, too"),
        new("favicon", "^Content-Type: image/vnd.microsoft.icon \\| image/x-icon$", "both are registered or known to all browsers"),
        new("app down", "^X-Error: 502 Bad Gateway (?<path>.*) \\| 503 Service Unavailable \\k<path>$", "likewise"),
        new("app down", "^body: 502 Bad Gateway of (?<path>.*) \\| 503 Service Unavailable of \\k<path>$", "an app that was waited for is 503"),
        new("a%2Fb", "^body: .*GET /v2/api/a/b .*GET /v2/api/a%2Fb ", "what the client has encoded stays so, in a target that is rewritten, too"),
    ];

    [Fact]
    public async Task The_settings_serve_what_Caddy_serves()
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
        var report = new DifferenceReport(_intended);
        foreach (var whole in WholeCaddyfiles.All)
        {
            await CompareAsync(client, whole, report);
        }

        report.Require("caddy", $"{WholeCaddyfiles.All.Count} whole Caddyfiles");
    }

    private static async Task CompareAsync(HttpClient client, WholeCaddyfiles.Whole whole, DifferenceReport report)
    {
        await using var other = await Backend.StartAsync(context => AskedServers.RespondAsync(context, "other"));
        var app = await Backend.StartAsync(context => AskedServers.RespondAsync(context, "app"));
        try
        {
            using var file = new Caddyfile("");
            AskedServers.WriteFiles(file);
            var port = Backend.FreePort();
            var hash = BCrypt.Net.BCrypt.HashPassword("secret", workFactor: 4);
            file.Write("Caddyfile", $"{{\nadmin off\nauto_https off\nhttp_port {port}\n}}\n" + whole.Content
                .Replace("PORT", $"{port}", StringComparison.Ordinal)
                .Replace("APP", app.Address, StringComparison.Ordinal)
                .Replace("THIRD", other.Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal), StringComparison.Ordinal)
                .Replace("OTHER", other.Address, StringComparison.Ordinal)
                .Replace("HASH", Convert.ToBase64String(Encoding.UTF8.GetBytes(hash)), StringComparison.Ordinal));
            await using var caddy = await CaddyServer.RunAsync(file.Path, new Uri($"http://127.0.0.1:{port}"));
            var result = file.Import(new ImportOptions(app.Address, "http://127.0.0.1:1", HealthPath: Caddyfile.HealthPath, App: app.Address));
            Assert.Equal([], result.Problems.Select(problem => $"{whole.Name}: {problem}"));
            await using var proxy = await AskedServers.StartImportedAsync(app.Address, result);
            foreach (var isUp in new[] { true, false })
            {
                if (!isUp)
                {
                    await app.DisposeAsync();
                }

                foreach (var ask in whole.Asks.Concat(whole.Content.Contains("http://a.test:PORT {", StringComparison.Ordinal) ? WholeCaddyfiles.Common
                    : []).Select(Ask.Parse))
                {
                    report.Add(
                        whole.Name,
                        $"{ask}{(isUp ? "" : " (app down)")}",
                        AskedServers.Differences(
                            await AskedServers.SendAsync(client, caddy.Address, ask), await AskedServers.SendAsync(client, proxy.Address, ask)));
                }
            }
        }
        finally
        {
            await app.DisposeAsync();
        }
    }
}
