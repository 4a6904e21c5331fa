using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using EdgeProxy.Proxying;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying;

public sealed class GatewayErrorTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_app_that_does_nothing_is_504_and_the_setting_is_named()
    {
        await using var app = await Backend.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", options => options.Upstream.ActivityTimeout = TimeSpan.FromMilliseconds(300));

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        using var problem = await ProblemAsync(response);
        Assert.Contains("0.3 s (Upstream:ActivityTimeout)", problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("garbage\r\n\r\n", "not valid HTTP")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", "ended the connection")]
    [InlineData("", "ended the connection")]
    public async Task A_broken_response_is_502(string sent, string detail)
    {
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            await RawServer.ReadHeadAsync(stream, cancellation);
            await RawServer.WriteAsync(stream, sent, cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");

        using var response = await proxy.Client.PostAsync("/", null, Cancellation);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        using var problem = await ProblemAsync(response);
        Assert.Contains(detail, problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(response.Headers.GetValues("X-Request-ID").Single(), problem.RootElement.GetProperty("requestId").GetString());
    }

    /// <summary>A client that obeys comes when it is over, and never at once.</summary>
    [Theory]
    [InlineData(0.2, 1)]
    [InlineData(1.2, 2)]
    [InlineData(3, 3)]
    [InlineData(3.001, 4)]
    public async Task Retry_After_is_rounded_up(double left, int seconds)
    {
        var clock = new FakeTimeProvider();
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2", clock);
        proxy.App.Set(new Maintenance(clock.GetUtcNow(), "", clock.GetUtcNow().AddSeconds(left)));

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(TimeSpan.FromSeconds(seconds), response.Headers.RetryAfter!.Delta);
    }

    [Fact]
    public async Task A_browser_gets_a_page_and_nothing_of_the_client_is_echoed_as_markup()
    {
        await using var app = new RawServer((_, _, _) => Task.CompletedTask);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));
        request.Headers.TryAddWithoutValidation("X-Request-ID", "<script>");

        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.DoesNotContain("<script>", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_of_the_app_is_the_apps()
    {
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = 500;
            return context.Response.WriteAsync("the app's own page");
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal("the app's own page", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(1, proxy.Slots.Active.Errors);
    }

    [Fact]
    public async Task A_response_to_HEAD_has_no_body()
    {
        await using var app = new RawServer((_, _, _) => Task.CompletedTask);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var request = new HttpRequestMessage(HttpMethod.Head, "/");

        using var response = await proxy.Client.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.True(response.Content.Headers.ContentLength > 0);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_413()
    {
        await using var app = await Backend.StartAsync(context => context.Request.Body.CopyToAsync(Stream.Null));
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Upstream.MaxRequestBodySize = 10);

        using var response = await proxy.Client.PostAsync("/", new StringContent("eleven bytes"), Cancellation);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    private static async Task<JsonDocument> ProblemAsync(HttpResponseMessage response)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(Cancellation), cancellationToken: Cancellation);
        Assert.Equal((int)response.StatusCode, problem.RootElement.GetProperty("status").GetInt32());
        return problem;
    }
}
