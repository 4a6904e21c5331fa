using System.Net;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>Authorities for when the first one fails, and one that a proof is tried with before it counts.</summary>
public sealed class SeveralAuthoritiesTests : IAsyncDisposable
{
    private const string Name = "shop.example.com";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly StubAuthority _first;
    private readonly StubAuthority _second;
    private AcmeSite? _site;

    public SeveralAuthoritiesTests() => (_first, _second) = (new StubAuthority(_time, "first.test"), new StubAuthority(_time, "second.test"));

    public async ValueTask DisposeAsync() => await (_site?.DisposeAsync() ?? ValueTask.CompletedTask);

    [Fact]
    public async Task Where_the_first_fails_the_next_one_issues_and_at_the_next_renewal_the_first_is_asked_again()
    {
        _first.Window = _second.Window = () => (_time.GetUtcNow().AddDays(30), _time.GetUtcNow().AddDays(31));
        _first.Interfere = (kind, count, _) => kind == "new-order" && count == 1 ? Refusal : null;
        await StartWithFallbackAsync();

        await _site!.WaitForCertificateAsync();
        Assert.Equal((1, 1), (_first.Count("new-order"), _second.Count("new-order")));
        Assert.Null(_site.Certificate.LastError);
        Assert.Equal((0, 1), (_first.Count("renewal-info"), _second.Count("renewal-info"))); // only who has issued it knows it

        await _site.StopAsync();
        await _site.StartAsync();
        await Eventually.TrueAsync(
            () => _site.Certificate is { State: CertificateState.Valid, RenewAt: not null }, "it is served from disk, and not ordered anew");
        Assert.Equal((1, 1), (_first.Count("new-order"), _second.Count("new-order")));

        Assert.Null(await _site.RenewAsync());
        Assert.Equal((2, 1), (_first.Count("new-order"), _second.Count("new-order")));
        Assert.All(_first.Requests.Where(request => request.Kind == "new-order"), order => Assert.Null(order.Payload!["replaces"])); // it was another's
    }

    [Fact]
    public async Task Where_all_fail_each_is_quoted_and_an_authority_that_asks_for_time_gets_it()
    {
        _first.Interfere = (kind, _, _) =>
            kind == "new-order" ? StubAuthority.Problem(HttpStatusCode.TooManyRequests, "rateLimited", "too many", TimeSpan.FromHours(3)) : null;
        _second.Interfere = (kind, _, _) => kind == "new-order" ? Refusal : null;

        await StartWithFallbackAsync();
        await FailedAsync();

        Assert.Equal("first.test: rateLimited: too many; second.test: unauthorized: no", _site!.Certificate.LastError);
        Assert.Equal(TimeSpan.FromHours(3), _site.Certificate.RenewAt - _time.GetUtcNow());
    }

    [Fact]
    public async Task A_failed_order_is_made_again_when_the_rehearsal_has_accepted_the_proof()
    {
        _first.Interfere = (kind, count, _) => kind == "challenge" && count == 1 ? Refusal : null;
        _second.Interfere = (kind, count, _) => kind == "challenge" && count <= 2 ? Refusal : null;
        await StartWithRehearsalAsync();
        await FailedAsync();
        Assert.Equal((1, 0), (_first.Count("new-order"), _second.Count("new-order"))); // the first attempt is not rehearsed

        Assert.Equal("at a rehearsal with second.test: unauthorized: no", await _site!.RenewAsync());
        Assert.NotNull(await _site.RenewAsync());
        Assert.Equal((1, 2), (_first.Count("new-order"), _second.Count("new-order")));

        Assert.Null(await _site.RenewAsync());
        Assert.Equal((2, 3), (_first.Count("new-order"), _second.Count("new-order")));
        Assert.Equal(0, _second.Count("finalize")); // nobody wants its certificate
    }

    [Fact]
    public async Task A_rehearsal_that_is_not_to_be_had_keeps_nobody_from_a_certificate()
    {
        _first.Interfere = (kind, count, _) => kind == "challenge" && count == 1 ? Refusal : null;
        _second.Interfere = (kind, _, _) => kind == "dir" ? throw new HttpRequestException("no route to host") : null;
        await StartWithRehearsalAsync();
        await FailedAsync();

        Assert.Null(await _site!.RenewAsync());
    }

    private static HttpResponseMessage Refusal => StubAuthority.Problem(HttpStatusCode.Forbidden, "unauthorized", "no");

    private async Task StartWithFallbackAsync() =>
        _site = await AcmeSite.StartAsync(
            [_first, _second], [Name], _time, acme => acme.Fallbacks = [new AcmeFallbackOptions { DirectoryUrl = _second.DirectoryUrl }]);

    private async Task StartWithRehearsalAsync() =>
        _site = await AcmeSite.StartAsync([_first, _second], [Name], _time, acme => acme.RehearsalDirectoryUrl = _second.DirectoryUrl);

    private Task FailedAsync() =>
        Eventually.TrueAsync(() => _site!.Certificate is { LastError: not null, Renewing: false, RenewAt: not null }, "the attempt has failed");
}
