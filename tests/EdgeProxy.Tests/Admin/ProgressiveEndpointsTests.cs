using System.Net;
using System.Text;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Admin;

/// <summary>Canary, preview, promote and abort, as the admin API takes them.</summary>
public sealed class ProgressiveEndpointsTests : IAsyncLifetime
{
    private AdminHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await AdminHost.StartAsync();

    [Fact]
    public async Task A_canary_shows_its_shares_and_is_promoted()
    {
        var running = PostAsync("/switch", """{"canary":[{"share":12.5,"for":"00:10:00"},{"share":50}]}""");
        await Eventually.TrueAsync(() => _host.Plane.Slots.Plan.Candidate is not null, "the candidate has its share");
        var slots = (await _host.GetJsonAsync("/status"))["slots"]!;
        Assert.Equal((87.5, 12.5), ((double)slots["blue"]!["share"]!, (double)slots["green"]!["share"]!));
        var status = await CommandLine.RunAsync("status", "--admin", _host.ByPort.BaseAddress!.ToString());
        Assert.Contains("canary 12.5 %", status.Output, StringComparison.Ordinal);

        using var promoted = await PostAsync("/promote", "");

        using var ended = await running;
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (promoted.StatusCode, ended.StatusCode));
        Assert.Equal("Completed", (string?)(await AdminHost.ReadJsonAsync(promoted))["outcome"]);
    }

    [Fact]
    public async Task A_preview_has_a_link_and_is_aborted()
    {
        using (var none = await PostAsync("/preview", ""))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, none.StatusCode);
        }

        var running = PostAsync("/switch", """{"preview":"00:15:00"}""");
        await Eventually.TrueAsync(() => _host.Plane.Slots.Plan.Candidate is not null, "it waits");
        using var response = await PostAsync("/preview", """{"url":"https://shop.example.com/cart/"}""");
        var preview = await AdminHost.ReadJsonAsync(response);
        Assert.Matches(@"^https://shop\.example\.com/cart/\?edgeproxy-preview=\d+\.[\w-]{43}$", (string?)preview["link"]);
        using var known = await PostAsync("/preview", "");
        Assert.StartsWith("http://api.example.com/?edgeproxy-preview=", (string?)(await AdminHost.ReadJsonAsync(known))["link"], StringComparison.Ordinal);
        using var wrong = await PostAsync("/preview", """{"url":"cart"}""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);

        using var aborted = await PostAsync("/abort", "");

        using var ended = await running;
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.BadGateway), (aborted.StatusCode, ended.StatusCode));
        Assert.Equal("Aborted", (string?)(await AdminHost.ReadJsonAsync(aborted))["outcome"]);
        Assert.Equal(SlotName.Blue, _host.Plane.Slots.Active.Name);
    }

    [Theory]
    [InlineData("/switch", """{"canary":[{"share":0}]}""", 422, "The share of step 1 of the canary must be a number from 0.1 to 99.")]
    [InlineData("/switch", """{"canary":[{}]}""", 422, "The share of step 1 of the canary is missing")]
    [InlineData("/switch", """{"canary":[{"share":5},{"share":5}]}""", 422, "The share of step 2 of the canary must be more than the 5 of the step before.")]
    [InlineData("/switch", """{"canary":[{"share":5,"for":"00:00:00"}]}""", 422, "Step 1 of the canary must take from 1 s to 24 h.")]
    [InlineData("/switch", """{"canary":[{"shere":5}]}""", 400, "$.canary[0]")]
    [InlineData("/switch", """{"canary":"5%"}""", 400, "$.canary")]
    [InlineData("/switch", """{"preview":"25:00:00"}""", 422, "A preview lasts from 1 s to 24 h.")]
    [InlineData("/switch", """{"preview":"15m"}""", 400, "$.preview")]
    [InlineData("/promote", """{}""", 422, "no switch runs")]
    [InlineData("/abort", """{}""", 422, "no switch runs")]
    [InlineData("/promote", """{"to":"green"}""", 400, "unknown member")]
    public async Task What_is_not_possible_is_refused(string path, string body, int status, string detail)
    {
        using var response = await PostAsync(path, body);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(detail, (string?)(await AdminHost.ReadJsonAsync(response))["detail"], StringComparison.Ordinal);
        Assert.Null(_host.Plane.Switches.Running);
    }

    [Theory]
    [InlineData("/promote")]
    [InlineData("/abort")]
    [InlineData("/preview")]
    public async Task Without_the_token_nothing_is_changed_over_the_port(string path)
    {
        using var content = new StringContent("{}");
        using var response = await _host.ByPort.PostAsync(path, content, Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private async Task<HttpResponseMessage> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await _host.BySocket.PostAsync(path, content, Cancellation);
    }
}
