using System.Net;
using System.Security.Cryptography;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying;

public sealed class UpstreamWaitQueueTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_is_intact_after_a_hold(bool chunked)
    {
        var port = Backend.FreePort();
        await using var proxy = await DataPlane.StartAsync($"http://127.0.0.1:{port}", "http://127.0.0.1:1");
        var body = RandomNumberGenerator.GetBytes(1 << 20);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/")
        {
            Content = chunked ? new StreamContent(new MemoryStream(body)) : new ByteArrayContent(body),
        };
        request.Headers.TransferEncodingChunked = chunked;

        var held = proxy.Client.SendAsync(request, Cancellation);
        await Eventually.TrueAsync(() => proxy.Gate.Held == 1, "requests are held");
        await using var late = await Backend.StartAsync(
            async context => await context.Response.WriteAsync(Convert.ToHexString(await SHA256.HashDataAsync(context.Request.Body))), port);

        using var response = await held;
        Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_flip_frees_what_is_held()
    {
        await using var green = await Backend.NamedAsync("green");
        await using var proxy = await DataPlane.StartAsync($"http://127.0.0.1:{Backend.FreePort()}", green.Address);
        var held = Enumerable.Range(0, 20).Select(_ => proxy.Client.GetStringAsync("/", Cancellation)).ToArray();
        await Eventually.TrueAsync(() => proxy.Gate.Held == held.Length, "requests are held");
        Assert.Equal(0, proxy.Slots.Active.InFlight.Total); // a held request has no lease: no drain waits for it

        proxy.Slots.Activate(SlotName.Green);

        Assert.All(await Task.WhenAll(held), response => Assert.Equal("green", response));
        Assert.Equal(1, proxy.Advisor.Asked); // one watch an outage, not one a request
    }

    [Fact]
    public async Task A_hopeless_outage_gets_503_at_once_and_names_no_unit()
    {
        await using var proxy = await DataPlane.StartAsync($"http://127.0.0.1:{Backend.FreePort()}", "http://127.0.0.1:1");
        proxy.Advisor.GiveUp("app-server-blue.service was stopped by an operator");

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        var body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("does not accept connections, and is not about to", body, StringComparison.Ordinal);
        Assert.DoesNotContain(".service", body, StringComparison.Ordinal);
        Assert.Equal(1, proxy.Slots.Active.Errors);
    }

    [Fact]
    public async Task A_hold_ends_at_its_time_limit_with_503()
    {
        await using var proxy = await DataPlane.StartAsync(
            $"http://127.0.0.1:{Backend.FreePort()}", "http://127.0.0.1:1", options => options.Upstream.HoldTimeout = TimeSpan.FromMilliseconds(200));

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("Upstream:HoldTimeout", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_requests_than_may_be_held_get_503_at_once()
    {
        await using var proxy = await DataPlane.StartAsync(
            $"http://127.0.0.1:{Backend.FreePort()}", "http://127.0.0.1:1", options => options.Upstream.MaxHeldRequests = 1);
        var held = proxy.Client.GetAsync("/", Cancellation);
        await Eventually.TrueAsync(() => proxy.Gate.Held == 1, "requests are held");

        using var refused = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("Upstream:MaxHeldRequests", await refused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        proxy.Advisor.GiveUp("the test is over");
        (await held).Dispose();
    }

    [Fact]
    public async Task A_client_that_leaves_is_forgotten()
    {
        await using var proxy = await DataPlane.StartAsync($"http://127.0.0.1:{Backend.FreePort()}", "http://127.0.0.1:1");
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var request = proxy.Client.GetAsync("/", leave.Token);
        await Eventually.TrueAsync(() => proxy.Gate.Held == 1, "requests are held");

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await Eventually.TrueAsync(() => proxy.Gate.Held == 0, "requests are held");
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }
}
