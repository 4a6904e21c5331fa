using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json.Nodes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Tls;

/// <summary>What testssl.sh, which knows the weaknesses of many years, finds in EdgeProxy that it does not find in Caddy with the same certificate.</summary>
public sealed class TestSslTests
{
    /// <summary>All checks but these: compression of responses (BREACH) is a setting of both, the headers are the app's, and its client simulations only draw
    /// conclusions from the rest.</summary>
    private static readonly string[] _checks =
        ["-p", "-s", "-f", "-P", "-S", "-H", "-I", "-T", "-BB", "-R", "-C", "-O", "-Z", "-W", "-F", "-D", "-J", "-A", "-L", "-4"];

    private static readonly string[] _harmless = ["OK", "INFO", "LOW", "WARN"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Timeout = 25 * 60 * 1000)]
    public async Task It_finds_nothing_above_low_that_Caddy_lacks()
    {
        Tool.Demand("testssl");
        Tool.Demand("caddy");
        using var directory = new TemporaryDirectory();
        await using var site = await TlsSite.StartAsync(["localhost"]);
        var port = Backend.FreePort();
        await File.WriteAllTextAsync(
            directory["Caddyfile"],
            $"{{\n admin off\n auto_https off\n}}\nhttps://localhost:{port} {{\n tls {site["fullchain.pem"]} {site["key.pem"]}\n respond ok\n}}\n",
            TestContext.Current.CancellationToken);
        using var caddy = Tool.Start("caddy", ["run", "--config", directory["Caddyfile"]], ("HOME", directory.Path));
        await Eventually.TrueAsync(() => RespondsAsync(port), "caddy listens");

        var findings = await Task.WhenAll(FindAsync(site.Port, directory["edgeproxy.json"]), FindAsync(port, directory["caddy.json"]));

        // It has looked: these are found in any server.
        string[] always = ["TLS1_2", "TLS1_3", "heartbleed", "ROBOT", "cert_commonName"];
        Assert.All(findings, found => Assert.Empty(always.Except(found.Keys)));
        Assert.Equal("OK", findings[0]["TLS1_3"].Severity);
        Assert.Equal(
            [],
            findings[0].Where(one => IsHarm(one.Value) && !(findings[1].TryGetValue(one.Key, out var his) && IsHarm(his)))
                .Select(one => $"{one.Key}: {one.Value}"));
    }

    private static async Task<bool> RespondsAsync(int port)
    {
        try
        {
            await using var stream = await TlsClient.ConnectAsync(port, "localhost", root: null);
            return true;
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException)
        {
            return false;
        }
    }

    private static bool IsHarm((string Severity, string Text) finding) => !_harmless.Contains(finding.Severity);

    private static async Task<Dictionary<string, (string Severity, string Text)>> FindAsync(int port, string file)
    {
        using var run = Tool.Start(
            "testssl", ["--quiet", "--color", "0", "--warnings", "off", "--openssl", "/usr/bin/openssl", "--jsonfile", file, .. _checks, $"localhost:{port}"]);
        await run.WaitAsync(TimeSpan.FromMinutes(20));
        var found = JsonNode.Parse(await File.ReadAllTextAsync(file, Cancellation))!.AsArray();
        return found.DistinctBy(Id).ToDictionary(Id, one => ((string)one!["severity"]!, (string)one["finding"]!));

        static string Id(JsonNode? one) => (string)one!["id"]!;
    }
}
