using System.Net.Security;
using System.Security.Authentication;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Tls;

/// <summary>Own certificate files: taken over when they change, kept when the change is bad.</summary>
public sealed class CertificateFilesTests
{
    private const string Name = "shop.example.com";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_certificate_is_served_without_a_restart_and_open_connections_go_on()
    {
        var time = Clock();
        await using var site = await TlsSite.StartAsync([Name], time);
        using var browser = site.Browser(Name);
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
        var before = await SerialAsync(site);

        site.Write([Name]);
        await LookAsync(time, () => Status(site).SerialNumber != before);

        Assert.NotEqual(before, await SerialAsync(site));
        Assert.Equal("the app", await browser.GetStringAsync("/", Cancellation));
        Assert.Null(Status(site).LastError);
    }

    [Fact]
    public void A_new_certificate_takes_the_place_of_the_old_one_when_no_handshake_has_to_wait_for_it()
    {
        var authority = new TestAuthority();
        using var directory = new TemporaryDirectory();
        var file = new CertificateFile(directory["c.pem"], directory["k.pem"]);
        for (var i = 0; i < 2; i++)
        {
            var (chain, key) = authority.Issue([Name]);
            File.WriteAllText(directory["c.pem"], chain);
            File.WriteAllText(directory["k.pem"], key);
            Assert.Equal(new CertificateFileChange(null), file.Look(TimeProvider.System.GetUtcNow()));
        }

        Assert.True(file.Current!.HandshakeFor(HttpProtocols.Http1).AsTask().IsCompletedSuccessfully);
    }

    /// <summary>certbot and others let a link point to the newest files.</summary>
    [Fact]
    public async Task A_link_that_points_elsewhere_is_a_change()
    {
        var time = Clock();
        await using var site = await TlsSite.StartAsync([Name], time);
        var before = await SerialAsync(site);
        var (chain, key) = site.Authority.Issue([Name]);
        await File.WriteAllTextAsync(site["fullchain2.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(site["key2.pem"], key, Cancellation);

        foreach (var file in (string[])["fullchain", "key"])
        {
            File.Delete(site[$"{file}.pem"]);
            File.CreateSymbolicLink(site[$"{file}.pem"], site[$"{file}2.pem"]);
        }

        await LookAsync(time, () => Status(site).SerialNumber != before);
        Assert.NotEqual(before, await SerialAsync(site));
    }

    public static TheoryData<string, string> UnusableFiles() => new()
    {
        { "garbage", "holds no certificate" },
        { "torn", "cannot be read" },
        { "foreign key", "has no private key that fits" },
        { "encrypted key", "has an encrypted key" },
        { "no name", "has no DNS name" },
        { "gone", "cannot be read" },
    };

    [Theory]
    [MemberData(nameof(UnusableFiles))]
    [InlineData("expired", "has expired")] // it would be served if there were nothing better
    public async Task A_bad_new_file_leaves_the_old_one_in_service_and_says_so(string kind, string problem)
    {
        var time = Clock();
        await using var site = await TlsSite.StartAsync([Name], time);
        var before = await SerialAsync(site);

        Spoil(site, kind);
        await LookAsync(time, () => Status(site).LastError is not null);

        Assert.Equal(before, await SerialAsync(site));
        Assert.StartsWith(site["fullchain.pem"], Status(site).LastError, StringComparison.Ordinal);
        Assert.Contains(problem, Status(site).LastError, StringComparison.Ordinal);
        Assert.Equal((CertificateState.Valid, 1), (Status(site).State, Status(site).Failures));

        site.Write([Name]);
        await LookAsync(time, () => Status(site).LastError is null);
        Assert.NotEqual(before, await SerialAsync(site));
    }

    [Theory]
    [MemberData(nameof(UnusableFiles))]
    public async Task Files_that_are_bad_from_the_start_stop_nothing_and_are_served_once_they_are_good(string kind, string problem)
    {
        var time = Clock();
        using var directory = new TemporaryDirectory();
        await using var app = await Backend.NamedAsync("the app");
        await using var site = await TlsSite.StartAsync(
            [Name], time, options => options.Tls.Certificates = [new() { Certificate = directory["c.pem"], Key = directory["k.pem"] }]);
        Assert.Contains("cannot be read", Status(site).LastError, StringComparison.Ordinal);

        Spoil(site, kind);
        CopyTo(directory);
        await LookAsync(time, () => Status(site).LastError!.Contains(problem, StringComparison.Ordinal));
        Assert.Equal(CertificateState.Missing, Status(site).State);
        await Assert.ThrowsAsync<AuthenticationException>(() => TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root));
        Assert.Equal("the app", await site.Proxy.Client.GetStringAsync("/", Cancellation)); // without TLS, and not redirected

        site.Write([Name]);
        CopyTo(directory);
        await LookAsync(time, () => Status(site).LastError is null);
        await using var served = await TlsClient.ConnectAsync(site.Port, Name, site.Authority.Root);

        void CopyTo(TemporaryDirectory place)
        {
            foreach (var (from, to) in ((string, string)[])[("fullchain.pem", "c.pem"), ("key.pem", "k.pem")])
            {
                File.Delete(place[to]);
                if (File.Exists(site[from]))
                {
                    File.Copy(site[from], place[to]);
                }
            }
        }
    }

    /// <summary>Certificate first, key a moment later: in between they do not fit, and nobody needs to hear of it.</summary>
    [Fact]
    public void A_change_in_two_steps_is_not_reported_halfway()
    {
        using var directory = new TemporaryDirectory();
        var authority = new TestAuthority();
        var (now, file) = (TimeProvider.System.GetUtcNow(), new CertificateFile(directory["c.pem"], directory["k.pem"]));
        Write(authority.Issue([Name]));
        Assert.Equal(new CertificateFileChange(Problem: null), file.Look(now));
        var (chain, key) = authority.Issue([Name]);

        File.WriteAllText(directory["c.pem"], chain);
        Assert.Null(file.Look(now));
        File.WriteAllText(directory["k.pem"], key);

        Assert.Equal(new CertificateFileChange(Problem: null), file.Look(now));
        Assert.Null(file.Look(now));

        void Write((string Chain, string Key) pair)
        {
            File.WriteAllText(directory["c.pem"], pair.Chain);
            File.WriteAllText(directory["k.pem"], pair.Key);
        }
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite, false)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead, false)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.OtherRead, true)]
    public void A_key_that_everybody_can_read_is_noticed(UnixFileMode mode, bool expected)
    {
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue([Name], isRsa: true);
        File.WriteAllText(directory["c.pem"], chain);
        File.WriteAllText(directory["k.pem"], key);
        File.SetUnixFileMode(directory["k.pem"], mode);
        var file = new CertificateFile(directory["c.pem"], directory["k.pem"]);

        Assert.Null(file.Look(TimeProvider.System.GetUtcNow())!.Problem);
        Assert.Equal(expected, file.IsKeyExposed);
    }

    /// <summary>For the take-over: the directory of a real Caddy.</summary>
    [Fact]
    public async Task The_storage_of_caddy_is_served_as_it_is()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/caddy"), "caddy is not installed");
        using var storage = new TemporaryDirectory();
        await using (var caddy = await CaddyStorage.StartAsync(storage, "shop.example.com", "www.example.com"))
        {
            await caddy.WaitForAsync("shop.example.com", "www.example.com");
        }

        await using var site = await TlsSite.StartAsync(
            [Name], configure: options => options.Tls.Certificates = [new() { Certificate = storage["caddy/certificates"] }]);

        foreach (var name in (string[])["shop.example.com", "www.example.com"])
        {
            await using var stream = await TlsClient.ConnectAsync(site.Port, name, CaddyStorage.RootOf(storage), SslApplicationProtocol.Http2);
            Assert.Equal(SslApplicationProtocol.Http2, stream.NegotiatedApplicationProtocol);
        }
    }

    private static FakeTimeProvider Clock() => new(TimeProvider.System.GetUtcNow());

    private static CertificateStatus Status(TlsSite site) => Assert.Single(site.Proxy.Get<CertificateStatusRegistry>().Read());

    private static async Task<string> SerialAsync(TlsSite site) => (await TlsClient.SeeAsync(site.Port, Name)).SerialNumber;

    private static Task LookAsync(FakeTimeProvider time, Func<bool> seen) => Eventually.TrueAsync(
        () =>
        {
            time.Advance(CertificateFiles.Interval);
            return seen();
        },
        "the change is seen");

    private static void Spoil(TlsSite site, string kind)
    {
        var (chain, key) = (site["fullchain.pem"], site["key.pem"]);
        switch (kind)
        {
            case "garbage":
                File.WriteAllText(chain, "garbage");
                break;
            case "torn":
                File.WriteAllText(chain, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
                break;
            case "foreign key":
                File.WriteAllText(key, site.Authority.Issue([Name]).Key);
                break;
            case "encrypted key":
                File.WriteAllText(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
                break;
            case "expired":
                site.Write([Name], TimeSpan.FromHours(23));
                break;
            case "no name":
                site.Write([]);
                break;
            case "gone":
                File.Delete(chain);
                break;
        }
    }
}
