using System.Net;
using System.Text;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Tests.Admin;

public sealed class TrafficCallsTests : IAsyncLifetime
{
    private AdminHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await AdminHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task The_last_hour_of_each_slot_is_told()
    {
        var history = _host.Plane.Get<TrafficHistory>();
        _host.Plane.Slots[SlotName.Green].Record(isError: true, TimeSpan.FromMilliseconds(3));
        history.Take();
        var first = (await _host.GetJsonAsync("/traffic"))["samples"]!.AsArray().Single(sample => sample!["slots"]!["green"] is not null)!;
        history.Take();

        var later = await _host.GetJsonAsync($"/apps/app/traffic?after={first["at"]}");

        Assert.Equal((1, 1), ((int)first["slots"]!["green"]!["requests"]!, (int)first["slots"]!["green"]!["errors"]!));
        Assert.InRange((double)first["slots"]!["green"]!["p99Ms"]!, 2.5, 3.5);
        Assert.Equal("00:00:05.000", (string?)later["every"]);
        Assert.NotEmpty(later["samples"]!.AsArray());
        Assert.All(later["samples"]!.AsArray(), sample => Assert.Null(sample!["slots"]!["green"]));
        using var wrong = await _host.BySocket.GetAsync("/traffic?after=yesterday", Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("after must be a time", (string?)(await AdminHost.ReadJsonAsync(wrong))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pause_and_resume_respond_with_the_status()
    {
        var paused = await PostAsync("/pause", """{"maxWait":"00:01:00"}""");
        var resumed = await PostAsync("/resume", "");

        Assert.Equal((HttpStatusCode.OK, "00:01:00.000"), (paused.Status, (string?)paused.Body["pause"]!["maxWait"]));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", (string?)paused.Body["pause"]!["since"]);
        Assert.Equal(HttpStatusCode.OK, resumed.Status);
        Assert.Null(resumed.Body["pause"]);
        Assert.Equal("00:00:30.000", (string?)(await PostAsync("/pause", "")).Body["pause"]!["maxWait"]);
    }

    [Fact]
    public async Task A_pause_that_a_request_outlasts_is_504_and_resumed()
    {
        using var inFlight = _host.Plane.Slots.Acquire(LeaseClass.Http);

        var (status, body) = await PostAsync("/pause", """{"maxWait":"00:00:00.200"}""");

        Assert.Equal(HttpStatusCode.GatewayTimeout, status);
        Assert.Contains("1 requests were still in the app after 0.2 s. It is resumed", (string?)body["detail"], StringComparison.Ordinal);
        Assert.Null((await _host.GetJsonAsync("/status"))["pause"]);
    }

    [Fact]
    public async Task Maintenance_responds_with_the_status()
    {
        var on = await PostAsync("/maintenance", """{"on":true,"message":"Back at noon"}""");
        var off = await PostAsync("/maintenance", """{"on":false,"message":""}""");

        Assert.Equal((HttpStatusCode.OK, "Back at noon"), (on.Status, (string?)on.Body["maintenance"]!["message"]));
        Assert.Null(on.Body["maintenance"]!["until"]);
        Assert.Equal(HttpStatusCode.OK, off.Status);
        Assert.Null(off.Body["maintenance"]);
        var bounded = (await PostAsync("/maintenance", """{"on":true,"for":"00:10:00"}""")).Body["maintenance"]!;
        Assert.Equal(
            TimeSpan.FromMinutes(10),
            DateTimeOffset.Parse((string)bounded["until"]!, System.Globalization.CultureInfo.InvariantCulture)
                - DateTimeOffset.Parse((string)bounded["since"]!, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("/pause", """{"maxWait":"00:00:00"}""", 422)]
    [InlineData("/pause", """{"maxWait":"24:00:00"}""", 422)]
    [InlineData("/pause", """{"maxWait":"30"}""", 400)]
    [InlineData("/pause", """{"maxwait":"00:00:30","wait":1}""", 400)]
    [InlineData("/resume", """{"now":true}""", 400)]
    [InlineData("/maintenance", "", 422)]
    [InlineData("/maintenance", """{"on":true,"for":"00:00:00.500"}""", 422)]
    [InlineData("/maintenance", """{"on":true,"for":"168:00:01"}""", 422)]
    [InlineData("/maintenance", """{"on":false,"for":"00:10:00"}""", 422)]
    [InlineData("/maintenance", """{"on":"yes"}""", 400)]
    [InlineData("/maintenance", """{"on":true,"text":"Back at noon"}""", 400)]
    public async Task What_is_not_understood_changes_nothing(string path, string body, int expected)
    {
        var (status, problem) = await PostAsync(path, body);

        Assert.Equal(expected, (int)status);
        Assert.NotEqual("", (string?)problem["detail"]);
        Assert.Equal((null, null), (_host.Plane.Get<MaintenanceGate>().Pause, _host.Plane.Get<MaintenanceGate>().Maintenance));
    }

    [Fact]
    public async Task A_message_has_its_bound()
    {
        var (status, _) = await PostAsync("/maintenance", $$"""{"on":true,"message":"{{new string('x', 1001)}}"}""");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Null(_host.Plane.Get<MaintenanceGate>().Maintenance);
    }

    [Theory]
    [InlineData("/pause")]
    [InlineData("/resume")]
    [InlineData("/maintenance")]
    public async Task Over_the_port_each_needs_the_token(string path)
    {
        using var content = new StringContent("""{"on":true}""", Encoding.UTF8, "application/json");
        using var response = await _host.ByPort.PostAsync(path, content, Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal((null, null), (_host.Plane.Get<MaintenanceGate>().Pause, _host.Plane.Get<MaintenanceGate>().Maintenance));
    }

    private async Task<(HttpStatusCode Status, System.Text.Json.Nodes.JsonNode Body)> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await _host.BySocket.PostAsync(path, content, Cancellation);
        return (response.StatusCode, await AdminHost.ReadJsonAsync(response));
    }
}
