using System.Net;
using System.Text.Json;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;
using EdgeProxy.Tests.Tls.Acme;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Admin;

/// <summary>Certificates in the admin API: who sees how they are, and who may have new ones.</summary>
public sealed class CertificateAdminTests
{
    private readonly StubAuthority _authority = new(TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_status_lists_those_of_files_and_those_of_the_authority()
    {
        using var directory = new TemporaryDirectory();
        var (chain, key) = new TestAuthority().Issue(["www.example.com"]);
        await File.WriteAllTextAsync(directory["both.pem"], chain + key, Cancellation);
        await using var host = await StartAsync(
            options => options.Tls.Certificates = [new() { Certificate = directory["both.pem"], Key = directory["both.pem"] }]);

        var certificates = (await host.GetJsonAsync("/status"))["certificates"]!.AsArray();

        var file = certificates.Single(certificate => (string?)certificate!["source"] == "File")!;
        var acme = certificates.Single(certificate => (string?)certificate!["source"] == "Acme")!;
        Assert.Equal(directory["both.pem"], (string?)file["name"]);
        Assert.Equal("Valid", (string?)file["state"]);
        Assert.Equal("www.example.com", (string?)file["names"]![0]);
        Assert.Equal("Test Intermediate", (string?)file["issuer"]);
        Assert.InRange((double)file["daysLeft"]!, 88.9, 89.0);
        Assert.Equal("shop.example.com", (string?)acme["name"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"name":"shop.example.com"}""")]
    [InlineData("""{"name":"SHOP.example.com"}""")]
    public async Task A_renewal_responds_with_the_status_after_it(string body)
    {
        await using var host = await StartAsync();
        await CertificateAsync(host);
        var before = (string?)(await host.GetJsonAsync("/status"))["certificates"]![0]!["serialNumber"];

        using var response = await host.BySocket.PostAsync("/certificates/renew", new StringContent(body), Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var status = await AdminHost.ReadJsonAsync(response);
        Assert.NotEqual(before, (string?)status["certificates"]![0]!["serialNumber"]);
        Assert.Equal("blue", (string?)status["active"]);
        Assert.Equal(2, _authority.Count("new-order"));
    }

    [Fact]
    public async Task A_renewal_that_fails_says_why_and_the_old_one_stays()
    {
        await using var host = await StartAsync();
        await CertificateAsync(host);
        _authority.Interfere = (kind, _, _) => kind == "new-order" ? StubAuthority.Problem(HttpStatusCode.TooManyRequests, "rateLimited", "enough") : null;

        using var response = await host.BySocket.PostAsync("/certificates/renew", content: null, Cancellation);

        var certificate = (await AdminHost.ReadJsonAsync(response))["certificates"]![0]!;
        Assert.Equal(("Valid", "rateLimited: enough", 1), ((string?)certificate["state"], (string?)certificate["lastError"], (int)certificate["failures"]!));
    }

    [Theory]
    [InlineData("""{"name":"other.example.com"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"name":"../../etc/passwd"}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"domain":"shop.example.com"}""", HttpStatusCode.BadRequest)]
    public async Task Nothing_else_can_be_renewed(string body, HttpStatusCode expected)
    {
        await using var host = await StartAsync();

        using var response = await host.BySocket.PostAsync("/certificates/renew", new StringContent(body), Cancellation);

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Without_the_token_nobody_renews()
    {
        await using var host = await StartAsync();
        await CertificateAsync(host);

        using var response = await host.ByPort.PostAsync("/certificates/renew", content: null, Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(1, _authority.Count("new-order"));
    }

    [Fact]
    public async Task A_change_is_an_event()
    {
        await using var host = await StartAsync();
        await CertificateAsync(host);
        using var events = await host.BySocket.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync(Cancellation));

        var renewal = host.BySocket.PostAsync("/certificates/renew", content: null, Cancellation);

        var seen = new List<string>();
        while (!seen.Contains("renewing, renewed") && await reader.ReadLineAsync(Cancellation).Within() is { } line)
        {
            if (line == "event: certificate")
            {
                using var data = JsonDocument.Parse((await reader.ReadLineAsync(Cancellation).Within())!["data: ".Length..]);
                seen.Add(data.RootElement.GetProperty("renewing").GetBoolean() ? "renewing" : seen.Contains("renewing") ? "renewing, renewed" : "idle");
            }
        }

        (await renewal).Dispose();
    }

    private async Task<AdminHost> StartAsync(Action<EdgeProxyOptions>? configure = null) => await AdminHost.StartAsync(host =>
    {
        host.Plane.Options.Tls.Acme = new AcmeOptions { Domains = ["shop.example.com"], AcceptTermsOfService = true, DirectoryUrl = _authority.DirectoryUrl };
        configure?.Invoke(host.Plane.Options);
        var before = host.Plane.ConfigureServices;
        host.Plane.ConfigureServices = services =>
        {
            before?.Invoke(services);
            services.AddSingleton(_ => new AcmeHttp(_authority));
        };
    });

    private static Task CertificateAsync(AdminHost host) => Eventually.TrueAsync(
        () => host.Plane.Get<CertificateStatusRegistry>().Read() is [{ State: CertificateState.Valid, Renewing: false }], "the certificate is there");
}
