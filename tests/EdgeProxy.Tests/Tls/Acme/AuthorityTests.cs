using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>Authorities that limit, forget, contradict or lie, which no real one does on demand.</summary>
public sealed class AuthorityTests : IAsyncDisposable
{
    private const string Name = "shop.example.com";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StubAuthority _authority;
    private AcmeSite? _site;

    public AuthorityTests() => _authority = new StubAuthority(_time);

    public async ValueTask DisposeAsync() => await (_site?.DisposeAsync() ?? ValueTask.CompletedTask);

    [Fact]
    public async Task A_rate_limit_is_kept_and_told_in_the_authoritys_words()
    {
        _authority.Interfere = (kind, count, _) => kind == "new-order" && count == 1
            ? StubAuthority.Problem(HttpStatusCode.TooManyRequests, "rateLimited", "too many certificates already issued", TimeSpan.FromHours(2))
            : null;
        await StartAsync();
        await FailedAsync();
        Assert.Equal("rateLimited: too many certificates already issued", _site!.Certificate.LastError);
        Assert.Equal(TimeSpan.FromHours(2), _site.Certificate.RenewAt - _time.GetUtcNow());

        _time.Advance(TimeSpan.FromMinutes(119));
        await AdvanceUntilAsync(TimeSpan.FromMinutes(1), () => _site.Certificate.State == CertificateState.Valid);
        var orders = _authority.Requests.Where(request => request.Kind == "new-order").Select(request => request.At).ToList();
        Assert.Equal(2, orders.Count);
        Assert.True(orders[1] - orders[0] >= TimeSpan.FromHours(2), $"asked again after {orders[1] - orders[0]}");
    }

    /// <summary>A second trigger of a challenge is refused by some authorities, and a lost response says nothing: the authorization tells.</summary>
    [Theory]
    [InlineData("lost")]
    [InlineData("conflict")]
    public async Task A_challenge_is_triggered_once_whatever_the_response(string response)
    {
        _authority.Pervert = (kind, _) => kind != "challenge" ? null
            : response == "lost" ? throw new HttpRequestException("the connection was cut")
            : StubAuthority.Problem(HttpStatusCode.Conflict, "conflict", "the challenge is being validated");
        await StartAsync();

        await _site!.WaitForCertificateAsync();

        Assert.Equal(1, _authority.Count("challenge"));
    }

    [Fact]
    public async Task Each_failure_turns_to_another_type_of_challenge_in_a_new_order()
    {
        _authority.Interfere = (kind, count, _) =>
            kind == "challenge" && count <= 3 ? StubAuthority.Problem(HttpStatusCode.Forbidden, "unauthorized", "no") : null;
        await StartAsync();

        await AdvanceUntilAsync(TimeSpan.FromMinutes(1), () => _site!.Certificate.State == CertificateState.Valid);

        Assert.Equal(
            ["tls-alpn-01", "http-01", "tls-alpn-01", "http-01"],
            _authority.Requests.Where(request => request.Kind == "challenge").Select(request => request.Path.Split('/')[^1]));
        Assert.Equal(4, _authority.Count("new-order"));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public async Task Refused_nonces_are_no_failure_up_to_a_bound(int refusals, bool isServed)
    {
        _authority.Interfere = (kind, count, _) =>
            kind == "new-order" && count <= refusals ? StubAuthority.Problem(HttpStatusCode.BadRequest, "badNonce", "again") : null;
        await StartAsync();

        await Eventually.TrueAsync(
            () => _site!.Certificate is { Renewing: false } certificate && (certificate.LastError is not null || certificate.NotAfter is not null),
            "the attempt has ended");

        Assert.Equal(isServed ? null : "badNonce: again", _site!.Certificate.LastError);
    }

    [Fact]
    public async Task It_never_gives_up()
    {
        _authority.Interfere = (kind, count, _) =>
            kind == "new-order" && count <= 30 ? StubAuthority.Problem(HttpStatusCode.InternalServerError, "serverInternal", "down") : null;
        await StartAsync();

        await AdvanceUntilAsync(TimeSpan.FromHours(1), () => _site!.Certificate.State == CertificateState.Valid);

        Assert.Equal(31, _authority.Count("new-order"));
        Assert.Equal((0, null), (_site!.Certificate.Failures, _site.Certificate.LastError));
    }

    /// <summary>RFC 9773: the window decides, the new order says what it replaces.</summary>
    [Fact]
    public async Task The_authoritys_window_decides_and_its_certificate_is_named_as_replaced()
    {
        var start = _time.GetUtcNow();
        _authority.Window = () => (start.AddDays(10), start.AddDays(11));
        await StartAsync();
        await _site!.WaitForCertificateAsync();
        await Eventually.TrueAsync(() => _site.Certificate.RenewAt is not null, "the plan is made");
        Assert.InRange(_site.Certificate.RenewAt!.Value, start.AddDays(10), start.AddDays(11));
        var first = await TlsClient.SeeAsync(_site.HttpsPort, Name);

        await AdvanceUntilAsync(TimeSpan.FromHours(1), () => _authority.Count("certificate") == 2);

        var orders = _authority.Requests.Where(request => request.Kind == "new-order").Select(request => request.Payload!["replaces"]?.GetValue<string>())
            .ToList();
        Assert.Equal([null, RenewalId.Of(first)], orders);
        Assert.InRange(_time.GetUtcNow(), start.AddDays(10), start.AddDays(12));
    }

    /// <summary>An authority, or a clock, that says "renew now" about each new certificate must not make us order without end.</summary>
    [Fact]
    public async Task An_authority_that_always_says_now_is_followed_at_a_bounded_rate()
    {
        _authority.Window = () => (_time.GetUtcNow().AddDays(-2), _time.GetUtcNow().AddDays(-1));
        var start = _time.GetUtcNow();
        await StartAsync();

        await AdvanceUntilAsync(TimeSpan.FromHours(1), () => _authority.Count("new-order") >= 5);

        var allowed = (_time.GetUtcNow() - start) / (_authority.Lifetime / 50);
        Assert.True(_authority.Count("new-order") <= allowed + 1, $"{_authority.Count("new-order")} orders, {allowed} floors");
    }

    [Fact]
    public async Task An_order_that_replaces_what_was_replaced_already_is_made_without_that()
    {
        _authority.Window = () => (_time.GetUtcNow().AddDays(30), _time.GetUtcNow().AddDays(31));
        _authority.Interfere = (kind, _, payload) => kind == "new-order" && payload!["replaces"] is not null
            ? StubAuthority.Problem(HttpStatusCode.Conflict, "alreadyReplaced", "it was replaced")
            : null;
        await StartAsync();
        await _site!.WaitForCertificateAsync();

        Assert.Null(await _site.RenewAsync());

        Assert.Equal(3, _authority.Count("new-order"));
    }

    /// <summary>A process that stops, or dies, between the authority's work and ours, has the same certificate after the next start, without another
    /// order.</summary>
    [Theory]
    [InlineData("finalize")]
    [InlineData("certificate")]
    public async Task What_was_left_in_the_middle_is_finished_by_the_next_process(string lost)
    {
        _authority.Pervert = (kind, count) => kind == lost && count == 1 ? throw new HttpRequestException("the connection was cut") : null;
        await StartAsync();
        await FailedAsync();

        await _site!.StopAsync();
        await _site.StartAsync();
        await _site.WaitForCertificateAsync();

        Assert.Equal((1, 1), (_authority.Count("new-order"), _authority.Count("finalize")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_site.StatePath, "acme/orders")));
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_kept_is_served_and_had_again_after_the_next_start()
    {
        await StartAsync(stop: true);
        var obstacle = Directory.CreateDirectory(Path.Combine(_site!.StatePath, $"certificates/{Name}.pem.new/x")).Parent!;
        await _site.StartAsync();
        await Eventually.TrueAsync(() => _site.Certificate is { State: CertificateState.Valid, Renewing: false }, "it is served");
        Assert.Contains("served, but not kept", _site.Certificate.LastError, StringComparison.Ordinal);
        var serial = (await TlsClient.SeeAsync(_site.HttpsPort, Name)).SerialNumber;

        await _site.StopAsync();
        obstacle.Delete(recursive: true);
        await _site.StartAsync();
        await _site.WaitForCertificateAsync();

        Assert.Equal((serial, null), (_site.Certificate.SerialNumber, _site.Certificate.LastError));
        Assert.Equal(1, _authority.Count("new-order"));
    }

    [Fact]
    public async Task Where_nothing_can_be_kept_nothing_is_ordered()
    {
        await StartAsync(stop: true);
        Directory.Delete(_site!.StatePath, recursive: true);
        await File.WriteAllTextAsync(_site.StatePath, "", TestContext.Current.CancellationToken);

        await _site.StartAsync();
        await FailedAsync();

        Assert.Contains("cannot create the state directory", _site.Certificate.LastError, StringComparison.Ordinal);
        Assert.Equal(0, _authority.Count("new-order"));
        Assert.Equal("200 the app", await _site.AskPlainAsync(Name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA")]
    [InlineData(
        "EdgeProxy-Directory: https://ca.test/dir\nEdgeProxy-Obtained: 2026-01-01T00:00:00Z\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    public async Task A_mangled_file_is_replaced(string content)
    {
        await StartAsync(stop: true);
        await File.WriteAllTextAsync(Path.Combine(_site!.StatePath, $"certificates/{Name}.pem"), content, TestContext.Current.CancellationToken);

        await _site.StartAsync();

        await _site.WaitForCertificateAsync();
    }

    /// <summary>The staging authority's certificates are refused by browsers: with another authority in the settings a new one is due at once.</summary>
    [Fact]
    public async Task A_certificate_of_another_authority_is_served_until_the_right_one_has_come()
    {
        await StartAsync();
        await _site!.WaitForCertificateAsync();
        var serial = _site.Certificate.SerialNumber;
        await _site.StopAsync();
        var go = new TaskCompletionSource();
        _authority.Gate = kind => kind == "new-order" ? go.Task : Task.CompletedTask;
        _site.Options.Tls.Acme.DirectoryUrl = "https://production.test/dir";

        await _site.StartAsync();
        await Eventually.TrueAsync(() => _authority.Count("new-order") == 2, "another is ordered");
        Assert.Equal(serial, (await TlsClient.SeeAsync(_site.HttpsPort, Name)).SerialNumber);
        go.SetResult();

        await Eventually.TrueAsync(() => _site.Certificate.SerialNumber != serial, "the right one has come");
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_site.StatePath, "acme"), "*.json").Length); // an account each
    }

    public static TheoryData<string, string, string> Lies() => new()
    {
        { "dir", """{"newNonce":"http://ca.test/n","newAccount":"http://ca.test/a","newOrder":"http://ca.test/o"}""", "not https" },
        { "dir", """{"hello":"world"}""", "cannot be understood" },
        { "dir", "<html>", "cannot be understood" },
        { "authorization", """{"status":"pending","identifier":{"type":"dns","value":"shop.example.com"},"challenges":[{"type":"http-01","url":"https://ca.test/challenge/1/x","status":"pending","token":"../../etc/passwd"}]}""", "not base64url" },
        { "authorization", """{"status":"pending","identifier":{"type":"dns","value":"shop.example.com"},"challenges":[{"type":"dns-01","url":"https://ca.test/challenge/1/x","status":"pending","token":"t"}]}""", "offers dns-01" },
        { "authorization", """{"status":"deactivated","identifier":{"type":"dns","value":"shop.example.com"}}""", "no challenge" },
        { "order", """{"status":"invalid","finalize":"https://ca.test/f","error":{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids\nit"}}""", "caa: CAA forbids it" },
        { "certificate", "not a certificate", "holds no certificate" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task What_makes_no_sense_is_said_and_nothing_of_it_is_served(string kind, string body, string expected)
    {
        _authority.Interfere = (asked, _, _) => asked == kind
            ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(body, new MediaTypeHeaderValue("application/json")) }
            : null;
        await StartAsync();

        await FailedAsync();

        Assert.Contains(expected == "no challenge" ? "offers ," : expected, _site!.Certificate.LastError, StringComparison.Ordinal);
        Assert.Equal(CertificateState.Missing, _site.Certificate.State);
    }

    [Fact]
    public async Task A_certificate_for_another_name_or_another_key_is_not_served()
    {
        var (chain, _) = _authority.Signer.Issue([Name]);
        _authority.Interfere = (kind, _, _) => kind == "certificate" ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(chain) } : null;
        await StartAsync();

        await FailedAsync();

        Assert.Contains("no private key that fits", _site!.Certificate.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_asks_twice_joins_the_attempt_that_runs()
    {
        await StartAsync();
        await _site!.WaitForCertificateAsync();
        var go = new TaskCompletionSource();
        _authority.Gate = kind => kind == "new-order" ? go.Task : Task.CompletedTask;

        var first = _site.RenewAsync();
        await Eventually.TrueAsync(() => _authority.Count("new-order") == 2, "the attempt runs");
        var second = _site.RenewAsync();
        go.SetResult();

        Assert.Equal([null, null], await Task.WhenAll(first, second));
        Assert.Equal(2, _authority.Count("new-order"));
    }

    /// <summary>RFC 9773 section 4.1.</summary>
    [Fact]
    public void The_id_of_a_certificate_is_that_of_the_standards_example()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(Convert.FromHexString("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")));
        using var certificate = request.Create(
            new X500DistinguishedName("CN=i"),
            X509SignatureGenerator.CreateForECDsa(key),
            _time.GetUtcNow(),
            _time.GetUtcNow().AddDays(1),
            Convert.FromHexString("0087654321"));

        Assert.Equal("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", RenewalId.Of(certificate));
    }

    /// <summary>Where it is wanted, with nothing on disk yet.</summary>
    private async Task StartAsync(bool stop = false)
    {
        if (stop)
        {
            _authority.Gate = _ => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, TestContext.Current.CancellationToken);
        }

        _site = await AcmeSite.StartAsync(_authority, [Name], _time);
        if (stop)
        {
            await _site.StopAsync();
            Directory.CreateDirectory(Path.Combine(_site.StatePath, "certificates"));
            _authority.Gate = null;
            _authority.Requests.Clear();
        }
    }

    private Task FailedAsync() => Eventually.TrueAsync(() => _site!.Certificate is { LastError: not null, RenewAt: not null }, "the attempt has failed");

    private Task AdvanceUntilAsync(TimeSpan step, Func<bool> condition) => Eventually.TrueAsync(
        () =>
        {
            if (_site!.Certificate is { Renewing: false })
            {
                _time.Advance(step);
            }

            return condition();
        },
        "it happens as time goes by");
}
