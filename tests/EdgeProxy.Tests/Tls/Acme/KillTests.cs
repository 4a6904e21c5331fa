using EdgeProxy.Tests.Configuration;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>The whole product as a process, against a real authority, killed where it hurts.</summary>
public sealed class KillTests
{
    /// <summary>An attempt that fails on a busy machine is made again after a minute.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static readonly string[] Stages = ["acme/*.json", "acme/orders/*.pem", "certificates/*.pem"];

    [Fact]
    public async Task Killed_at_any_point_the_next_process_goes_on()
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, ("PEBBLE_VA_NOSLEEP", "0"), ("PEBBLE_VA_SLEEPTIME", "1"));
        using var directory = new TemporaryDirectory();
        using var settings = SettingsFile.With(
            ("Kestrel:Endpoints", $$"""{ "Http": { "Url": "http://127.0.0.1:{{pebble.HttpPort}}" }, "Https": { "Url": "https://127.0.0.1:{{pebble.TlsPort}}" } }"""),
            ("EdgeProxy:Units", """{ "Manager": "Process", "Process": { "Command": "sleep 600 {port}" } }"""),
            ("EdgeProxy:Admin:Socket", $"\"{directory["admin.sock"]}\""),
            ("EdgeProxy:Admin:Url", "null"),
            ("EdgeProxy:State:Directory", $"\"{directory["state"]}\""),
            ("EdgeProxy:Tls:Acme", $$"""
                { "Domains": ["shop.test"], "AcceptTermsOfService": true, "DirectoryUrl": "{{pebble.DirectoryUrl}}", "TrustedRoots": "{{pebble.ApiRootFile}}" }
                """));

        foreach (var stage in Stages)
        {
            using var process = CommandProcess.Start("run", "--config", settings.Path);
            await Eventually.TrueAsync(() => Exists(stage) || Exists("certificates/*.pem"), $"{stage} is there", Patience);
            process.Kill();
        }

        var orders = pebble.Orders;
        using var last = CommandProcess.Start("run", "--config", settings.Path);
        var root = await pebble.GetRootAsync();
        await Eventually.TrueAsync(async () => await IsServedAsync(pebble.TlsPort, root), "the certificate is served", Patience);

        Assert.Equal(orders, pebble.Orders); // it was on disk: killed just after it had been written
        Assert.InRange(orders, 1, 1 + Stages.Length);
        Assert.Empty(Directory.GetFiles(directory["state/certificates"], "*.new"));

        bool Exists(string pattern)
        {
            var place = directory[Path.Combine("state", Path.GetDirectoryName(pattern)!)];
            return Directory.Exists(place) && Directory.GetFiles(place, Path.GetFileName(pattern)).Length > 0;
        }
    }

    private static async Task<bool> IsServedAsync(int port, System.Security.Cryptography.X509Certificates.X509Certificate2 root)
    {
        try
        {
            await using var stream = await TlsClient.ConnectAsync(port, "shop.test", root);
            return true;
        }
        catch (Exception notYet) when (notYet is System.Net.Sockets.SocketException or System.Security.Authentication.AuthenticationException or IOException)
        {
            return false;
        }
    }
}
