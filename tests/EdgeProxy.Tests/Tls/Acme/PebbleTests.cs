using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>Against a real authority that comes and looks, and refuses a third of all nonces.</summary>
public sealed class PebbleTests
{
    private static readonly (string, string) RefusedNonces = ("PEBBLE_WFE_NONCEREJECT", "30");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(AcmeChallenge.TlsAlpn01, AcmeKeyType.P256, 1)]
    [InlineData(AcmeChallenge.Http01, AcmeKeyType.Rsa2048, 3)]
    [InlineData(AcmeChallenge.Http01, AcmeKeyType.P384, 1)]
    public async Task A_certificate_comes_by_itself_and_is_served_with_its_whole_chain(AcmeChallenge challenge, AcmeKeyType keyType, int intermediates)
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, RefusedNonces, ("PEBBLE_CHAIN_LENGTH", $"{intermediates}"));
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"], acme => (acme.Challenges, acme.KeyType) = ([challenge], keyType));

        await site.WaitForCertificateAsync();

        var root = await pebble.GetRootAsync();
        using var browser = TlsClient.Browser(site.HttpsPort, "shop.test", root); // downloads no intermediates
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
        var seen = await TlsClient.SeeAsync(site.HttpsPort, "shop.test");
        Assert.Equal(keyType == AcmeKeyType.Rsa2048, seen.GetRSAPublicKey() is not null);
        Assert.Equal(1 + intermediates, Count(File.ReadAllText(Path.Combine(site.StatePath, "certificates/shop.test.pem")), "BEGIN CERTIFICATE"));
        Assert.StartsWith("308 ", await site.AskPlainAsync("shop.test"), StringComparison.Ordinal);
        Assert.NotNull(site.Certificate.RenewAt);
    }

    [Fact]
    public async Task Keys_are_for_their_owner_only()
    {
        await using var pebble = await Pebble.StartAsync();
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"]);
        await site.WaitForCertificateAsync();

        var entries = Directory.EnumerateFileSystemEntries(site.StatePath, "*", SearchOption.AllDirectories).Select(entry =>
            (Name: Path.GetRelativePath(site.StatePath, entry), Mode: Convert.ToString((int)File.GetUnixFileMode(entry), 8))).Order().ToList();

        var account = Assert.Single(entries, entry => entry.Name.StartsWith("acme/localhost", StringComparison.Ordinal));
        Assert.Equal("600", account.Mode);
        Assert.Equal([("acme", "700"), ("acme/orders", "700"), ("certificates", "700"), ("certificates/shop.test.pem", "600")], entries.Except([account]));
    }

    [Fact]
    public async Task A_restart_serves_from_disk_without_an_order()
    {
        await using var pebble = await Pebble.StartAsync();
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"]);
        await site.WaitForCertificateAsync();
        var (serial, orders) = (site.Certificate.SerialNumber, pebble.Orders);
        await site.StopAsync();
        pebble.End(); // nobody is asked

        await site.StartAsync();

        Assert.Equal(serial, (await TlsClient.SeeAsync(site.HttpsPort, "shop.test")).SerialNumber);
        await Eventually.TrueAsync(() => site.Certificate.RenewAt is not null, "the loop waits for the renewal");
        Assert.Equal((serial, orders, null), (site.Certificate.SerialNumber, pebble.Orders, site.Certificate.LastError));
    }

    [Fact]
    public async Task An_authority_that_has_forgotten_the_account_gets_its_key_again()
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, RefusedNonces);
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"]);
        await site.WaitForCertificateAsync();
        var key = KeyOf(site);
        pebble.End();
        await pebble.BeginAsync();

        Assert.Null(await site.RenewAsync());

        using var browser = TlsClient.Browser(site.HttpsPort, "shop.test", await pebble.GetRootAsync());
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
        Assert.Equal(key, KeyOf(site));
    }

    /// <summary>Each alone, in the authority's own words, and without delay for the others.</summary>
    [Fact]
    public async Task Bad_names_fail_alone()
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, RefusedNonces);
        await pebble.FailDnsAsync("gone.test");

        await using var site = await AcmeSite.StartAsync(pebble, ["gone.test", "blocked.test", "one.test", "two.test"]);

        await site.WaitForCertificateAsync("one.test");
        await site.WaitForCertificateAsync("two.test");
        await Eventually.TrueAsync(() => site.Certificates.Count(certificate => certificate.LastError is not null) == 2, "both bad names have failed");
        var errors = site.Certificates.Where(certificate => certificate.LastError is not null)
            .ToDictionary(certificate => certificate.Name, certificate => certificate.LastError);
        Assert.Contains("rejectedIdentifier", errors["blocked.test"], StringComparison.Ordinal);
        Assert.Contains("gone.test by tls-alpn-01: ", errors["gone.test"], StringComparison.Ordinal);
        await Assert.ThrowsAsync<AuthenticationException>(() => TlsClient.ConnectAsync(site.HttpsPort, "gone.test", root: null));
        Assert.Equal("200 the app", await site.AskPlainAsync("gone.test")); // not sent to where nothing is served
    }

    [Fact]
    public async Task With_the_authority_down_the_proxy_starts_serves_and_keeps_trying()
    {
        await using var pebble = await Pebble.StartAsync();
        pebble.End();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"], configure: null, time);

        await Eventually.TrueAsync(() => site.Certificate is { Failures: 1, Renewing: false, RenewAt: not null }, "the first attempt has failed");
        Assert.Contains("cannot be reached: Connection refused", site.Certificate.LastError, StringComparison.Ordinal);
        Assert.Equal("200 the app", await site.AskPlainAsync("shop.test"));
        await Assert.ThrowsAsync<AuthenticationException>(() => TlsClient.ConnectAsync(site.HttpsPort, "shop.test", root: null));

        await pebble.BeginAsync();
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return site.Certificate.State == CertificateState.Valid;
            },
            "the certificate has come");
        using var browser = TlsClient.Browser(site.HttpsPort, "shop.test", await pebble.GetRootAsync());
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
    }

    [Fact]
    public async Task Where_the_first_authority_is_down_another_one_issues()
    {
        await using var pebble = await Pebble.StartAsync();
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test"], acme =>
        {
            acme.DirectoryUrl = $"https://127.0.0.1:{Backend.FreePort()}/dir";
            acme.Fallbacks = [new AcmeFallbackOptions { DirectoryUrl = pebble.DirectoryUrl }];
        });

        await site.WaitForCertificateAsync();

        Assert.Equal((0, null), (site.Certificate.Failures, site.Certificate.LastError));
        using var browser = TlsClient.Browser(site.HttpsPort, "shop.test", await pebble.GetRootAsync());
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
    }

    [Theory]
    [InlineData(null, "issues only to its customers")]
    [InlineData("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W", null)]
    [InlineData("AAAA", "unauthorized")]
    public async Task An_account_is_bound_to_one_that_the_operator_has_elsewhere(string? macKey, string? error)
    {
        await using var pebble = await Pebble.StartAsync(lifetime: null, ("EAB", "required"));
        await using var site = await AcmeSite.StartAsync(
            pebble, ["shop.test"], acme => acme.ExternalAccount = macKey is null ? null : new ExternalAccountOptions { KeyId = "kid-1", HmacKey = macKey });

        if (error is null)
        {
            await site.WaitForCertificateAsync();
        }
        else
        {
            await Eventually.TrueAsync(() => site.Certificate.LastError is not null, "the attempt has failed");
            Assert.Contains(error, site.Certificate.LastError, StringComparison.Ordinal);
        }
    }

    /// <summary>A client that connects at any instant gets a certificate that is valid then, and nobody's connection notices.</summary>
    [Fact]
    public async Task Renewals_under_load_fail_no_handshake_and_no_request()
    {
        await using var pebble = await Pebble.StartAsync(TimeSpan.FromSeconds(40), RefusedNonces);
        await using var site = await AcmeSite.StartAsync(pebble, ["shop.test", "www.test"]);
        await site.WaitForCertificateAsync("shop.test");
        await site.WaitForCertificateAsync("www.test");
        var root = await pebble.GetRootAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var serials = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();

        var clients = Enumerable.Range(0, 4).Select(number => VisitAsync(number % 2 == 0 ? "shop.test" : "www.test")).ToList();
        var kept = KeepAliveAsync();
        // Three certificates each: the first, and two that took its place, 25 s after each other.
        while ((serials.Count < 6 || Volatile.Read(ref _handshakes) < 5000) && !clients.Exists(client => client.IsCompleted) && !kept.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancellation);
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        var requests = await kept;

        Figures.Report(
            $"live renewals of 40 s certificates, 30 % of nonces refused: {serials.Count} certificates seen, {_handshakes} handshakes, 0 failed; one " +
                $"connection kept for {requests} requests");
        Assert.True(requests > 100, $"{requests} requests on one connection");

        async Task VisitAsync(string name)
        {
            while (!stop.IsCancellationRequested)
            {
                await using var stream = await TlsClient.ConnectAsync(site.HttpsPort, name, root); // checks name, chain and dates
                serials.TryAdd(stream.RemoteCertificate!.GetSerialNumberString(), true);
                Interlocked.Increment(ref _handshakes);
            }
        }

        async Task<int> KeepAliveAsync()
        {
            await using var stream = await TlsClient.ConnectAsync(site.HttpsPort, "shop.test", root, SslApplicationProtocol.Http11);
            var count = 0;
            var buffer = new byte[4096];
            for (; !stop.IsCancellationRequested; count++)
            {
                await stream.WriteAsync("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"u8.ToArray(), Cancellation);
                var response = "";
                while (!response.EndsWith("the app\r\n0\r\n\r\n", StringComparison.Ordinal) && !response.EndsWith("\r\n\r\nthe app", StringComparison.Ordinal))
                {
                    var read = await stream.ReadAsync(buffer, Cancellation).Within();
                    Assert.NotEqual(0, read);
                    response += System.Text.Encoding.Latin1.GetString(buffer, 0, read);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Cancellation);
            }

            return count;
        }
    }

    private int _handshakes;

    private static string KeyOf(AcmeSite site) =>
        File.ReadAllText(Assert.Single(Directory.GetFiles(Path.Combine(site.StatePath, "acme"), "*.json"))).Split("\"key\":")[1].Split(',')[0];

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
