using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Diagnostics;
using EdgeProxy.Importing;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.State;
using EdgeProxy.Tests.StaticFiles;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls.Local;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>Names that no public authority certifies, and addresses: Caddy serves them over https with an authority of its own, and so do the settings;
/// never in clear text.</summary>
public sealed class LocalAuthorityTests
{
    private const string Plain = "reverse_proxy 127.0.0.1:8000";
    private const string WithSites = "header X-A b\nreverse_proxy 127.0.0.1:8000";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("https://192.0.2.1", "192.0.2.1")]
    [InlineData("[2001:DB8:0::1]", "2001:db8::1")]
    [InlineData("localhost", "localhost")]
    [InlineData("app.localhost", "app.localhost")]
    [InlineData("*.localhost", "*.localhost")]
    [InlineData("*.local", "*.local")]
    [InlineData("app.internal", "app.internal")]
    [InlineData("printer.local", "printer.local")]
    [InlineData("nas.home.arpa", "nas.home.arpa")]
    [InlineData("app.test", "app.test")]
    [InlineData("*.app.test", "*.app.test")]
    [InlineData("nas.lan", "nas.lan")]
    [InlineData("intranet", "intranet")]
    [InlineData("Intranet:8443", "intranet")]
    [InlineData("example.com, 192.0.2.1", "192.0.2.1")]
    public void The_local_authority_signs_for_them(string addresses, string name)
    {
        foreach (var lines in new[] { Plain, WithSites })
        {
            var loaded = Load($"{addresses} {{\n{lines}\n}}\n");
            var options = loaded.Options!;

            Assert.True(options.Tls.Internal);
            Assert.Contains(name, LocalNames.Of(options.Tls, loaded.Configuration["AllowedHosts"], [.. SiteDomains.OfTls(options.Sites ?? [])]));
            Assert.Equal(addresses.StartsWith("example.com", StringComparison.Ordinal) ? ["example.com"] : [], options.Tls.Acme.Domains ?? []);
            Assert.Empty(SiteDomains.OfAuthority(options.Sites ?? []));
            Assert.True(options.Tls.RedirectHttp);
        }
    }

    [Theory]
    [InlineData("app.example.com", "app.example.com")]
    [InlineData("{\nacme_ca https://ca.lan/directory\n}\napp.test", "app.test")] // an own authority may have any name
    public void Other_names_are_the_authoritys(string addresses, string name)
    {
        var tls = Load($"{addresses} {{\n{Plain}\n}}\n").Options!.Tls;

        Assert.False(tls.Internal);
        Assert.Equal([name], tls.Acme.Domains!);
    }

    [Theory]
    [InlineData("my_app.local")]
    [InlineData("my_app")]
    public void A_name_that_no_certificate_is_made_for_is_refused(string address)
    {
        using var file = new Caddyfile($"{address} {{\n{Plain}\n}}\n");

        Assert.Contains("clear text", Assert.Single(file.Import().Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("header X-A b\n")]
    public async Task They_are_served_and_redirected_as_Caddy_does(string lines)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        string[] hosts = ["127.0.0.1", "[::1]", "localhost", "app.localhost", "one.internal.localhost", "printer.local"];
        await using var app = await Backend.NamedAsync("the app");
        var (plain, secure) = (Backend.FreePort(), Backend.FreePort());
        using var file = new Caddyfile(
            $"{{\nadmin off\nskip_install_trust\nhttp_port {plain}\nhttps_port {secure}\n}}\n" +
            $"127.0.0.1, [::1], localhost, *.localhost, *.internal.localhost, printer.local {{\n{lines}reverse_proxy {app.Address}\n}}\n");
        var theirs = new List<string>();
        await using (await CaddyServer.RunAsync(file.Path, new Uri($"https://127.0.0.1:{secure}")))
        {
            foreach (var host in hosts)
            {
                await Eventually.TrueAsync(
                    async () => (await AskAsync(host, plain, secure)).Contains("200", StringComparison.Ordinal), $"caddy has signed for {host}");
                theirs.Add(await AskAsync(host, plain, secure));
            }
        }

        using var directory = new TemporaryDirectory();
        var loaded = Caddyfile.Load(file.Import(new ImportOptions(app.Address, "http://127.0.0.1:1", HealthPath: Caddyfile.HealthPath)));
        var options = loaded.Options!;
        options.AccessLog = new AccessLogOptions { Format = AccessLogFormat.None };
        using var state = StateDirectory.Open(directory["state"]);
        await using var proxy = EdgeProxyServer.BuildDataPlane(loaded.Configuration, options, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton<IOutageAdvisor>(new FakeAdvisor());
            builder.Services.AddSingleton(state);
            builder.Services.AddLocalAuthority(options.Tls, [.. SiteDomains.OfTls(options.Sites ?? [])]);
        });
        await proxy.StartAsync(Cancellation);
        var ours = new List<string>();
        foreach (var host in hosts)
        {
            ours.Add(await AskAsync(host, plain, secure));
        }

        theirs[1] = theirs[1].Replace("308  ", "308 https://[::1]/x?y ", StringComparison.Ordinal); // Caddy's has no brackets, and is no URL
        Assert.Equal(theirs, ours);
        Assert.Equal("308 https://127.0.0.1/x?y 200 the app True", ours[0]);
        await proxy.StopAsync(Cancellation);
    }

    private static EdgeProxySettings Load(string content)
    {
        using var file = new Caddyfile(content);
        return Caddyfile.Load(file.Import());
    }

    /// <summary>What a client of http gets, then one of https, and whether the certificate is for the host.</summary>
    private static async Task<string> AskAsync(string host, int plain, int secure)
    {
        var isRight = false;
        using var client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(host == "[::1]" ? IPAddress.IPv6Loopback : IPAddress.Loopback, context.DnsEndPoint.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) => (isRight = ((X509Certificate2)certificate!).MatchesHostname(host)) || true,
            },
        });
        using var first = await client.GetAsync(new Uri($"http://{host}:{plain}/x?y"), Cancellation);
        var redirect = $"{(int)first.StatusCode} {first.Headers.Location}";
        try
        {
            using var second = await client.GetAsync(new Uri($"https://{host}:{secure}/x?y"), Cancellation);
            return $"{redirect} {(int)second.StatusCode} {await second.Content.ReadAsStringAsync(Cancellation)} {isRight}";
        }
        catch (HttpRequestException failure)
        {
            return $"{redirect} {failure.HttpRequestError}";
        }
    }
}
