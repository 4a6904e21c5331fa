using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>HTTPS on a socket that systemd holds, with own certificate files.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class HttpsTests
{
    private const string Name = "api.example.com";
    private const string HttpsSocket = "edgeproxy-https.socket";
    private const string Chain = "/etc/edgeproxy/fullchain.pem";
    private const string Key = "/etc/edgeproxy/key.pem";

    [Fact]
    public async Task Neither_a_restart_of_the_proxy_nor_a_switch_nor_a_new_certificate_costs_a_client_over_tls_anything()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var authority = new TestAuthority();
        var port = Backend.FreePort();
        await using var vps = await Vps.StartAsync(settings: $$"""
            "Tls": { "Certificates": [{ "Certificate": "{{Chain}}", "Key": "{{Key}}" }], "RedirectHttp": false }, "Switch": { "Observe": "00:00:01" },
            """);
        await InstallAsync(vps, authority, port);
        var load = MixedLoad.Start(new Uri($"https://127.0.0.1:{port}"), root: authority.Root);

        for (var i = 0; i < 3; i++)
        {
            await vps.SystemctlAsync("restart", Vps.Proxy);
            await MoreAsync(load);
        }

        Assert.Equal(200, (await vps.SwitchAsync()).Status);
        var before = (await TlsClient.SeeAsync(port, Name)).SerialNumber;
        await WriteCertificateAsync(vps, authority);
        await Eventually.TrueAsync(async () => (await TlsClient.SeeAsync(port, Name)).SerialNumber != before, "the new certificate is served");
        await MoreAsync(load);

        var shots = await load.StopAsync();
        Figures.Report(
            $"HTTPS: 3 restarts of the proxy, a switch and a new certificate: {shots.Count} requests, {shots.Count(shot => shot.Failure is not null)} failed");
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
    }

    private static async Task InstallAsync(Vps vps, TestAuthority authority, int port)
    {
        await WriteCertificateAsync(vps, authority);
        await vps.Lab.WriteUnitAsync(HttpsSocket, $"""
            [Socket]
            ListenStream=127.0.0.1:{port}
            FileDescriptorName=https
            Service={Vps.Proxy}
            Backlog=4096

            """);
        await vps.Lab.WriteFileAsync(
            $"/etc/systemd/system/{Vps.Proxy}.d/test.conf", $"[Unit]\nStartLimitIntervalSec=0\n[Service]\nSockets={Vps.ProxySocket} {HttpsSocket}\n");
        await vps.SystemctlAsync("daemon-reload");
        await vps.SystemctlAsync("stop", Vps.Proxy);
        await vps.SystemctlAsync("start", HttpsSocket);
        await vps.SystemctlAsync("start", Vps.Proxy);
    }

    private static async Task WriteCertificateAsync(Vps vps, TestAuthority authority)
    {
        var (chain, key) = authority.Issue([Name]);
        await vps.Lab.WriteFileAsync(Chain, chain);
        await vps.Lab.WriteFileAsync(Key, key);
    }

    private static Task MoreAsync(MixedLoad load)
    {
        var enough = load.Shots.Count + 50;
        return Eventually.TrueAsync(() => load.Shots.Count >= enough, "clients are served");
    }
}
