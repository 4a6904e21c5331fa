using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Tls;

/// <summary>Handshakes with real sockets: who is served, with what, and who is not.</summary>
public sealed class ServingTests
{
    private const byte FatalAlert = 2;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_request_over_tls_reaches_the_app_which_is_told_so(string version)
    {
        await using var site = await TlsSite.StartAsync(
            ["shop.example.com"], app: context => context.Response.WriteAsync(context.Request.Headers["X-Forwarded-Proto"].ToString()));
        using var browser = site.Browser("shop.example.com");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await browser.SendAsync(request, Cancellation); // its client trusts the root alone: the intermediate was sent too

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Version.Parse(version), response.Version);
        Assert.Equal("https", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Theory]
    [InlineData("shop.example.com", "shop.example.com")]
    [InlineData("SHOP.Example.com", "shop.example.com")]
    [InlineData("a.example.net", "*.example.net")]
    [InlineData("xn--mnchen-3ya.example.com", "xn--mnchen-3ya.example.com")]
    [InlineData("xn--mnchen-3ya.example.net", "*.example.net")]
    public async Task A_name_is_served_in_any_case_and_script_and_by_a_wildcard(string asked, string certificateName)
    {
        await using var site = await TlsSite.StartAsync([certificateName]);

        await using var stream = await TlsClient.ConnectAsync(site.Port, asked, site.Authority.Root);

        Assert.True(stream.IsAuthenticated);
    }

    /// <summary>RFC 6066 section 3 has the name without it; who sends it means the same name.</summary>
    [Theory]
    [InlineData("shop.example.com.", true)]
    [InlineData("a.example.net.", true)]
    [InlineData("shop.example.com..", false)]
    [InlineData(".", false)]
    public async Task The_dot_of_the_root_makes_no_other_name(string asked, bool expected)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com", "*.example.net"]);

        Assert.Equal(expected, site.Proxy.Get<CertificateTable>().Find(asked) is not null);
    }

    [Theory]
    [InlineData("other.example.com", 112)]
    [InlineData("example.net", 112)]
    [InlineData("a.b.example.net", 112)]
    [InlineData("shop.example.com.evil.example", 112)]
    [InlineData("", 109)]
    public async Task A_name_without_certificate_is_refused_with_an_alert_that_says_so(string asked, byte alert)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com", "*.example.net"]);

        var response = await TlsClient.SendAsync(site.Port, await TlsClient.ClientHelloAsync(asked));

        Assert.Equal([21, 3, 3, 0, 2, FatalAlert, alert], response);
    }

    [Fact]
    public async Task Thousands_of_unknown_names_cost_nobody_else_his_handshake()
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);
        var hello = await TlsClient.ClientHelloAsync("aaaa.example.com");
        var at = hello.AsSpan().IndexOf("aaaa"u8);

        var refused = 0;
        await Parallel.ForAsync(0, 3000, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Cancellation }, async (number, _) =>
        {
            var own = hello.ToArray();
            Encoding.ASCII.GetBytes(number.ToString("0000", CultureInfo.InvariantCulture)).CopyTo(own, at);
            if ((await TlsClient.SendAsync(site.Port, own))[^1] == 112)
            {
                Interlocked.Increment(ref refused);
            }
        });

        Assert.Equal(3000, refused);
        using var browser = site.Browser("shop.example.com");
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
    }

    /// <summary>Bytes that are no name, in the place of one.</summary>
    [Theory]
    [InlineData("../../../etc/pass")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]
    [InlineData("ÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿ")]
    [InlineData("xn--aaaaaaaaaaaa")]
    [InlineData("*.example.net\0..")]
    [InlineData("shop.example.com")] // the right one, so that the rest shows something
    public async Task Odd_bytes_for_a_name_meet_the_same_refusal(string odd)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com", "*.example.net"]);
        var hello = await TlsClient.ClientHelloAsync("aaaaaaaaaaaaaaaa");
        Encoding.Latin1.GetBytes(odd)[..16].CopyTo(hello, hello.AsSpan().IndexOf("aaaaaaaaaaaaaaaa"u8));

        var isServed = odd == "shop.example.com";
        var response = isServed ? [22] : await TlsClient.SendAsync(site.Port, hello);

        Assert.Equal(isServed ? (byte)22 : (byte)21, response[0]);
        using var browser = site.Browser("shop.example.com");
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    public async Task Versions_before_1_2_are_refused(byte major, byte minor)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);

        var response = await TlsClient.SendAsync(site.Port, LegacyHello(major, minor, "shop.example.com"));

        Assert.Equal((21, FatalAlert, 70), (response[0], response[5], response[6])); // protocol_version
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_session_is_resumed(SslProtocols version)
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);
        var protocol = version == SslProtocols.Tls12 ? "-tls1_2" : "-tls1_3";
        var session = site["session"];

        var first = await OpenSslAsync($"s_client -connect 127.0.0.1:{site.Port} -servername shop.example.com {protocol} -sess_out {session} -ign_eof");
        var second = await OpenSslAsync($"s_client -connect 127.0.0.1:{site.Port} -servername shop.example.com {protocol} -sess_in {session} -ign_eof");

        Assert.Contains("New, TLSv1.", first, StringComparison.Ordinal);
        Assert.Contains("Reused, TLSv1.", second, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_without_http2_does_not_offer_it()
    {
        await using var app = await Backend.NamedAsync("the app");
        using var directory = new TemporaryDirectory();
        var authority = new TestAuthority();
        var (chain, key) = authority.Issue(["shop.example.com"]);
        await File.WriteAllTextAsync(directory["both.pem"], chain + key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            options => options.Tls.Certificates = [new() { Certificate = directory["both.pem"], Key = directory["both.pem"] }],
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"),
            ("Kestrel:Endpoints:Https:Protocols", "Http1"));

        await using var stream = await TlsClient.ConnectAsync(
            proxy.HttpsPort, "shop.example.com", authority.Root, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11);

        Assert.Equal(SslApplicationProtocol.Http11, stream.NegotiatedApplicationProtocol);
    }

    /// <summary>The standard section stays standard.</summary>
    [Fact]
    public async Task An_endpoint_with_a_certificate_of_its_own_in_the_kestrel_section_is_kestrels()
    {
        using var directory = new TemporaryDirectory();
        var authority = new TestAuthority();
        var (chain, key) = authority.Issue(["kestrel.example.com"]);
        await File.WriteAllTextAsync(directory["chain.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(directory["key.pem"], key, Cancellation);
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            configure: null,
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"),
            ("Kestrel:Endpoints:Https:Certificate:Path", directory["chain.pem"]),
            ("Kestrel:Endpoints:Https:Certificate:KeyPath", directory["key.pem"]));

        Assert.True((await TlsClient.SeeAsync(proxy.HttpsPort, "anything.example.com")).MatchesHostname("kestrel.example.com"));
    }

    [Fact]
    public async Task A_flip_does_not_touch_the_connections_of_clients()
    {
        await using var green = await Backend.NamedAsync("green");
        await using var site = await TlsSite.StartAsync(["shop.example.com"], configure: options => options.Slots.Green!.Address = green.Address);
        using var browser = site.Browser("shop.example.com");
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
        var connections = site.Proxy.PublicConnections.Open;

        site.Proxy.Slots.Activate(SlotName.Green);

        Assert.Equal("green", await browser.GetStringAsync("/", Cancellation));
        Assert.Equal((1, 1), (connections, site.Proxy.PublicConnections.Open));
    }

    /// <summary>A restart loses nothing: systemd's socket keeps the new ones, the old process serves whom it has accepted.</summary>
    [Fact]
    public async Task A_connection_that_was_accepted_finishes_its_handshake_and_is_served_before_the_proxy_ends()
    {
        await using var site = await TlsSite.StartAsync(["shop.example.com"]);
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, site.Port, Cancellation);
        await Eventually.TrueAsync(() => site.Proxy.PublicConnections.Open == 1, "the connection is accepted");

        var stopped = site.Proxy.StopAsync();
        await using var stream = await TlsClient.HandshakeAsync(client.GetStream(), "shop.example.com", site.Authority.Root);
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"u8.ToArray(), Cancellation);

        using var reader = new StreamReader(stream);
        var response = await reader.ReadToEndAsync(Cancellation).Within();
        Assert.StartsWith("HTTP/1.1 200 OK", response, StringComparison.Ordinal);
        Assert.Contains("Connection: close", response, StringComparison.Ordinal);
        await stopped;
    }

    private static async Task<string> OpenSslAsync(string arguments)
    {
        using var openssl = Process.Start(
            new ProcessStartInfo("openssl", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        await openssl.StandardInput.WriteAsync("GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n");
        await openssl.StandardInput.FlushAsync(Cancellation);
        var output = await openssl.StandardOutput.ReadToEndAsync(Cancellation).WaitAsync(Eventually.Patience, Cancellation);
        await openssl.EndWithin();
        return output;
    }

    /// <summary>What a client of TLS 1.0 or 1.1 sends (RFC 4346 section 7.4.1.2).</summary>
    private static byte[] LegacyHello(byte major, byte minor, string name)
    {
        byte[] extension = [0, 0, .. Length(name.Length + 5), .. Length(name.Length + 3), 0, .. Length(name.Length), .. Encoding.ASCII.GetBytes(name)];
        byte[] body = [major, minor, .. new byte[32], 0, 0, 4, 0xC0, 0x09, 0xC0, 0x13, 1, 0, .. Length(extension.Length), .. extension];
        return [22, major, minor, .. Length(body.Length + 4), 1, 0, .. Length(body.Length), .. body];

        static byte[] Length(int length) => [(byte)(length >> 8), (byte)length];
    }
}
