using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.State;
using EdgeProxy.Tests.Admin;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Local;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Tls.Local;

public sealed class LocalCertificatesTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
    private readonly LogLines<LocalCertificates> _log = new();
    private Backend? _app;
    private WebApplication? _proxy;
    private StateDirectory? _state;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string RootFile => Path.Combine(_directory["state"], LocalCertificates.RootFile);

    private int Port =>
        new Uri(
            _proxy!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single(
                address => address.StartsWith("https:", StringComparison.Ordinal))).Port;

    private LocalCertificates Authority => _proxy!.Services.GetRequiredService<LocalCertificates>();

    private CertificateStatus Status => Assert.Single(_proxy!.Services.GetRequiredService<CertificateStatusRegistry>().Read());

    /// <summary>A client that trusts the root reaches every name of it, and curl agrees.</summary>
    [Theory]
    [InlineData("localhost")]
    [InlineData("api.example.test")]
    [InlineData("one.apps.example.test")]
    [InlineData("intranet")]
    [InlineData("127.0.0.1")] // for which a client names nothing in its handshake
    public async Task A_client_that_trusts_the_root_is_served_without_a_warning(string name)
    {
        Tool.Demand("curl");
        await StartAsync("api.example.test;*.apps.example.test;127.0.0.1;Intranet;*.home;[::1];*");
        await File.WriteAllTextAsync(_directory["root.pem"], Authority.RootPem, Cancellation);

        var run = await Tool.RunAsync(
            "curl",
            [
                "-sS", "--cacert", _directory["root.pem"], "--resolve", $"{name}:{Port}:127.0.0.1", "-o", "/dev/null", "-w", "%{http_code}",
                $"https://{name}:{Port}/"]);

        Assert.Equal(("200", ""), (run.Output, run.Error));
        Assert.Equal(
            ["*.apps.example.test", "*.home", "127.0.0.1", "::1", "api.example.test", "intranet", "localhost"], Status.Names.Order(StringComparer.Ordinal));
        Assert.Equal((CertificateSource.Internal, CertificateState.Valid), (Status.Source, Status.State));
        await Assert.ThrowsAnyAsync<AuthenticationException>(() => TlsClient.ConnectAsync(Port, "other.example.test", root: null));
    }

    [Fact]
    public async Task The_root_is_kept_for_the_owner_alone_and_the_next_process_has_it_too()
    {
        await StartAsync("api.example.test");
        var root = Authority.RootPem;
        var first = await TlsClient.SeeAsync(Port, "localhost");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(RootFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(RootFile)!));
        Assert.DoesNotContain("PRIVATE", root, StringComparison.Ordinal);
        using var certificate = X509Certificate2.CreateFromPem(root);
        Assert.Equal(10, certificate.NotAfter.Year - certificate.NotBefore.AddHours(1).Year);

        await StopAsync();
        await StartAsync("API.example.test;localhost");

        Assert.Equal(root, Authority.RootPem);
        Assert.NotEqual(first.SerialNumber, (await TlsClient.SeeAsync(Port, "localhost")).SerialNumber);
        Assert.Single(_log.All, line => line.Id == 1142);
    }

    [Fact]
    public async Task A_certificate_is_renewed_when_a_third_of_its_life_is_left()
    {
        await StartAsync("api.example.test");
        var first = (await TlsClient.SeeAsync(Port, "localhost")).SerialNumber;

        _clock.Advance(LocalCertificates.Life * 0.66);
        Assert.Equal(first, (await TlsClient.SeeAsync(Port, "localhost")).SerialNumber);
        _clock.Advance(LocalCertificates.Life * 0.01);

        await Eventually.TrueAsync(async () => (await TlsClient.SeeAsync(Port, "localhost")).SerialNumber != first, "it is renewed");
        Assert.Equal(Status.NotAfter - (LocalCertificates.Life / 3), Status.RenewAt);
    }

    /// <summary>A stolen key is of no use for the names of others: OpenSSL refuses what it signs.</summary>
    [Theory]
    [InlineData("shop.example.com", false)]
    [InlineData("below.api.example.test", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.2", false)]
    [InlineData("::1", false)]
    public async Task The_root_can_sign_for_its_names_only(string name, bool isGood)
    {
        Tool.Demand("openssl");
        await StartAsync("api.example.test;127.0.0.1");
        await File.WriteAllTextAsync(_directory["root.pem"], Authority.RootPem, Cancellation);
        var forged = LocalRoot.FromPem(await File.ReadAllTextAsync(RootFile, Cancellation)).Issue([name], _clock.GetUtcNow(), TimeSpan.FromDays(1));
        await File.WriteAllTextAsync(_directory["forged.pem"], forged.Leaf.ExportCertificatePem(), Cancellation);

        var run = await Tool.RunAsync("openssl", ["verify", "-CAfile", _directory["root.pem"], _directory["forged.pem"]]);

        Assert.True(isGood == (run.ExitCode == 0), run.Output + run.Error);
        Assert.Equal(!isGood, run.Error.Contains("subtree violation", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, "is for other names")]
    [InlineData("torn", "holds no certificate with its key")]
    public async Task A_root_that_will_not_do_is_replaced_and_said(string? damage, string why)
    {
        await StartAsync("api.example.test");
        var root = Authority.RootPem;
        await StopAsync();
        if (damage is not null)
        {
            await File.WriteAllTextAsync(RootFile, damage, Cancellation);
        }

        await StartAsync(damage is null ? "api.example.test;www.example.test" : "api.example.test");

        Assert.NotEqual(root, Authority.RootPem);
        Assert.Contains(_log.All, line => line.Id == 1143 && line.Text.Contains(why, StringComparison.Ordinal));
        Assert.Equal(CertificateState.Valid, Status.State);
    }

    /// <summary>A root that is gone with the process would have to be trusted anew each time: there is none until it can be kept.</summary>
    [Fact]
    public async Task Without_a_place_for_the_root_HTTPS_is_refused_until_there_is_one()
    {
        Directory.CreateDirectory(_directory["state"]);
        await File.WriteAllTextAsync(Path.GetDirectoryName(RootFile)!, "in the way", Cancellation);
        await StartAsync("api.example.test");
        Assert.Null(Authority.RootPem);
        Assert.Equal(CertificateState.Missing, Status.State);
        Assert.Contains(RootFile[..^"/root.pem".Length], Status.LastError, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<AuthenticationException>(() => TlsClient.ConnectAsync(Port, "localhost", root: null));

        File.Delete(Path.GetDirectoryName(RootFile)!);
        _clock.Advance(LocalCertificates.Interval);

        await Eventually.TrueAsync(() => Status.State == CertificateState.Valid, "it is issued");
        Assert.Null(Status.LastError);
    }

    [Fact]
    public void Names_of_an_ACME_authority_are_left_to_it()
    {
        var tls = new TlsOptions { Internal = true, Acme = new AcmeOptions { Domains = ["Shop.example.com"] } };

        Assert.Equal(["::1", "localhost", "www.example.com"], LocalNames.Of(tls, "shop.example.com;www.example.com;[::1];my_name"));
        Assert.Equal(["localhost"], LocalNames.Of(tls, null));
        Assert.Equal(["b.example.com", "localhost"], LocalNames.Of(tls, "A.example.com;b.example.com", ["b.example.com"], ["a.example.com", "*"]));
        Assert.Empty(LocalNames.Of(new TlsOptions(), "www.example.com"));
    }

    [Fact]
    public async Task The_command_line_prints_the_root_or_says_that_there_is_none()
    {
        await using var with = await AdminHost.StartAsync(host => host.Plane.Options.Tls.Internal = true);
        await using var without = await AdminHost.StartAsync();

        var root = await CommandLine.RunAsync("certificates", "root", "--socket", with.Options.Socket!);
        var none = await CommandLine.RunAsync("certificates", "root", "--socket", without.Options.Socket!);

        using var certificate = X509Certificate2.CreateFromPem(root.Output);
        Assert.StartsWith("CN=EdgeProxy on ", certificate.Subject, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, root.ExitCode);
        Assert.NotEqual(ExitCode.Done, none.ExitCode);
        Assert.Contains("Tls:Internal is off", none.Error, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _directory.Dispose();
    }

    private async Task StartAsync(string allowedHosts)
    {
        _app ??= await Backend.NamedAsync("the app");
        var options = new EdgeProxyOptions { AccessLog = new AccessLogOptions { Format = AccessLogFormat.None } };
        options.Slots = new() { Blue = new() { Address = _app.Address }, Green = new() { Address = "http://127.0.0.1:1" } };
        options.Tls.Internal = true;
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"), new("AllowedHosts", allowedHosts)])
            .Build();
        _state = StateDirectory.Open(_directory["state"]);
        _proxy = EdgeProxyServer.BuildDataPlane(configuration, options, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton<IOutageAdvisor>(new FakeAdvisor());
            builder.Services.AddSingleton<TimeProvider>(_clock);
            builder.Services.AddSingleton(_state);
            builder.Services.AddSingleton<ILogger<LocalCertificates>>(_log);
            builder.Services.AddLocalAuthority(options.Tls);
        });
        await _proxy.StartAsync(Cancellation);
    }

    private async Task StopAsync()
    {
        if (_proxy is not null)
        {
            using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await _proxy.StopAsync(now.Token);
            await _proxy.DisposeAsync();
            _state!.Dispose();
            _proxy = null;
        }
    }
}
