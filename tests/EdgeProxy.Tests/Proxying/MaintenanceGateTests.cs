using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying;

/// <summary>A pause and maintenance, as clients meet them.</summary>
public sealed class MaintenanceGateTests
{
    private const string HealthPath = "/v1/config/feature-flags/";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_paused_request_waits_without_a_lease_and_goes_to_the_slot_that_is_active_then()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var green = await Backend.NamedAsync("green");
        await using var proxy = await DataPlane.StartAsync(blue.Address, green.Address);
        proxy.App.Close(NewPause());
        using var body = new StringContent("once");
        Task<HttpResponseMessage>[] waiting = [
            .. Enumerable.Range(0, 5).Select(_ => proxy.Client.GetAsync("/", Cancellation)), proxy.Client.PostAsync("/", body, Cancellation)];
        await Eventually.TrueAsync(() => proxy.App.Held == waiting.Length, "they wait");
        Assert.Equal(0, proxy.Slots.Active.InFlight.Total);

        proxy.Slots.Activate(SlotName.Green);
        proxy.App.Open();

        foreach (var response in await Task.WhenAll(waiting))
        {
            using (response)
            {
                Assert.Equal("green", await response.Content.ReadAsStringAsync(Cancellation));
            }
        }

        Assert.Equal(0, proxy.App.Held);
    }

    /// <summary>The gap between a look at the gate and the count of the lease: a request that slips through would meet the migration.</summary>
    [Fact]
    public async Task Once_it_is_closed_and_no_lease_is_out_the_app_gets_nothing()
    {
        var served = 0;
        await using var app = await Backend.StartAsync(context =>
        {
            Interlocked.Increment(ref served);
            return context.Response.WriteAsync("ok");
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var over = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 8).Select(_ => VisitAsync()).ToArray();

        for (var round = 0; round < 50; round++)
        {
            var before = Volatile.Read(ref served);
            await Eventually.TrueAsync(() => Volatile.Read(ref served) > before + 10, "clients are served");
            proxy.App.Close(NewPause());
            await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Http == 0, "no lease is out");
            var quiet = Volatile.Read(ref served);
            await Eventually.TrueAsync(() => proxy.App.Held == clients.Length, "all of them wait");
            Assert.Equal(quiet, Volatile.Read(ref served));
            proxy.App.Open();
        }

        await over.CancelAsync();
        Assert.All(await Task.WhenAll(clients), Assert.True);

        async Task<bool> VisitAsync()
        {
            var good = true;
            while (!over.IsCancellationRequested)
            {
                using var response = await proxy.Client.GetAsync("/", Cancellation);
                good &= response.IsSuccessStatusCode;
            }

            return good;
        }
    }

    [Fact]
    public async Task One_that_waits_too_long_is_told_to_come_back()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        proxy.App.Close(NewPause(TimeSpan.FromMilliseconds(200)));

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "2"), (response.StatusCode, response.Headers.GetValues("Retry-After").Single()));
        Assert.Contains("paused for a moment", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(0, proxy.Slots.Active.Errors); // the slot has done nothing
    }

    [Fact]
    public async Task No_more_wait_than_may_and_one_that_leaves_is_forgotten()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Upstream.MaxHeldRequests = 1);
        proxy.App.Close(NewPause());
        using var leaves = new CancellationTokenSource();
        var first = proxy.Client.GetAsync("/", leaves.Token);
        await Eventually.TrueAsync(() => proxy.App.Held == 1, "one waits");

        using var second = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        Assert.Contains("Upstream:MaxHeldRequests", await second.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Eventually.TrueAsync(() => proxy.App.Held == 0, "nobody waits");
    }

    [Fact]
    public async Task The_end_of_the_proxy_responds_to_waiting_requests()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        proxy.App.Close(NewPause(TimeSpan.FromHours(1)));
        var waiting = proxy.Client.GetAsync("/", Cancellation);
        await Eventually.TrueAsync(() => proxy.App.Held == 1, "it waits");

        await proxy.StopAsync();

        using var response = await waiting;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
    }

    [Theory]
    [InlineData("/", false)]
    [InlineData(HealthPath, true)]
    [InlineData(HealthPath + "?from=outside", true)]
    [InlineData("/v1/config/feature-flags", false)]
    [InlineData(HealthPath + "more", false)]
    [InlineData("/V1/config/feature-flags/", false)]
    [InlineData("//v1/config/feature-flags/", false)]
    [InlineData("/admin;" + HealthPath, false)]
    public async Task Maintenance_turns_away_all_but_the_health_path(string target, bool passes)
    {
        await using var app = await Backend.NamedAsync("app");
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, ""));

        using var response = await proxy.Client.GetAsync(new Uri(proxy.Address.GetLeftPart(UriPartial.Authority) + target), Cancellation);

        Assert.Equal(passes ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(passes ? null : "60", response.Headers.TryGetValues("Retry-After", out var wait) ? wait.Single() : null);
        proxy.App.Set(null);
        Assert.Equal("app", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    [Fact]
    public async Task What_clients_read_is_text_and_never_markup()
    {
        const string Message = "Back at <noon> & \"soon\" <script>alert(1)</script>";
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        proxy.App.Set(new Maintenance(DateTimeOffset.UnixEpoch, Message));
        using var asksForPage = new HttpRequestMessage(HttpMethod.Get, "/");
        asksForPage.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));

        using var page = await proxy.Client.SendAsync(asksForPage, Cancellation);
        using var json = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(("text/html", "no-store"), (page.Content.Headers.ContentType!.MediaType, page.Headers.CacheControl!.ToString()));
        var html = await page.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("Back at &lt;noon&gt; &amp; &quot;soon&quot; &lt;script&gt;", html, StringComparison.Ordinal);
        Assert.Contains("Down for maintenance", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
        Assert.Equal("application/problem+json", json.Content.Headers.ContentType!.MediaType);
        using var problem = JsonDocument.Parse(await json.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(Message, problem.RootElement.GetProperty("detail").GetString());
    }

    private static Pause NewPause(TimeSpan? maxWait = null) => new(DateTimeOffset.UnixEpoch, maxWait ?? Eventually.Patience);
}
