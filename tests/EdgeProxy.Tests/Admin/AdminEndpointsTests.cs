using System.Net;
using System.Text;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Admin;

public sealed class AdminEndpointsTests : IAsyncLifetime
{
    private AdminHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await AdminHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_switch_responds_when_it_has_ended()
    {
        using var response = await PostAsync("/switch", """{"to":"green","label":"a1b2c3"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        var ended = await AdminHost.ReadJsonAsync(response);
        Assert.Equal(
            ["id", "from", "to", "label", "outcome", "phase", "reason", "startedAt", "duration", "phases", "lastProbe", "unitLog"],
            ended.AsObject().Select(member => member.Key));
        Assert.Equal("Completed", (string?)ended["outcome"]);
        Assert.Equal(("blue", "green", "a1b2c3"), ((string?)ended["from"], (string?)ended["to"], (string?)ended["label"]));
        Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{3}$", (string?)ended["duration"]);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", (string?)ended["startedAt"]);
        Assert.Equal(
            ["StartIdle", "Probe", "WarmUp", "Flip", "Observe", "Drain", "StopOld"], ended["phases"]!.AsArray().Select(phase => (string?)phase!["phase"]));
        Assert.Equal(SlotName.Green, _host.Plane.Slots.Active.Name);
    }

    [Fact]
    public async Task A_rollback_is_200_and_the_switch_that_it_calls_back_is_502()
    {
        using var inFlight = _host.Plane.Slots.Acquire(LeaseClass.Http);
        var running = PostAsync("/switch", """{"label":"bad"}""");
        await Eventually.TrueAsync(() => _host.Plane.Switches.Running?.Phase == SwitchPhase.Drain, "it drains");

        using var rollback = await PostAsync("/rollback", "");

        using var calledBack = await running;
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.BadGateway), (rollback.StatusCode, calledBack.StatusCode));
        var ended = await AdminHost.ReadJsonAsync(rollback);
        Assert.Equal(("RolledBack", "bad"), ((string?)ended["outcome"], (string?)ended["label"]));
        Assert.Equal((string?)ended["id"], (string?)(await AdminHost.ReadJsonAsync(calledBack))["id"]);
        Assert.Equal("blue", (string?)(await _host.GetJsonAsync("/status"))["active"]);
    }

    [Fact]
    public async Task A_rollback_to_a_stopped_slot_that_shares_its_tree_is_422_without_force()
    {
        foreach (var unit in SlotNameExtensions.All.Select(slot => _host.Plane.Units[slot]))
        {
            unit.Status = unit.Status with { WorkingDirectory = "/srv/app" };
        }

        using var refused = await PostAsync("/rollback", "");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        Assert.Contains("roll back with force", (string?)(await AdminHost.ReadJsonAsync(refused))["detail"], StringComparison.Ordinal);

        using var forced = await PostAsync("/rollback", """{"force":true}""");
        Assert.Equal(HttpStatusCode.OK, forced.StatusCode);
        Assert.Equal("Completed", (string?)(await AdminHost.ReadJsonAsync(forced))["outcome"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    public async Task An_empty_body_asks_for_the_idle_slot(string body)
    {
        using var response = await PostAsync("/switch", body);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("green", (string?)(await AdminHost.ReadJsonAsync(response))["to"]);
    }

    [Fact]
    public async Task Without_waiting_the_response_says_where_to_look()
    {
        using var response = await PostAsync("/switch?wait=false", "");
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var id = (string?)(await AdminHost.ReadJsonAsync(response))["id"];
        Assert.Equal($"/switches/{id}", response.Headers.Location!.OriginalString);

        await Eventually.TrueAsync(async () => (string?)(await _host.GetJsonAsync($"/switches/{id}"))["outcome"] == "Completed", "the switch completes");
    }

    [Fact]
    public async Task An_aborted_switch_is_502_and_says_why()
    {
        _host.Plane.Green.Handler = SlotApp.Responds(500);
        using var response = await PostAsync("/switch", "");

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        var ended = await AdminHost.ReadJsonAsync(response);
        Assert.Equal("Aborted", (string?)ended["outcome"]);
        Assert.Contains("Traffic stays on blue", (string?)ended["reason"], StringComparison.Ordinal);
        Assert.Equal(500, (int?)ended["lastProbe"]!["status"]);
        Assert.NotEmpty(ended["unitLog"]!.AsArray());
    }

    [Fact]
    public async Task Two_switches_at_once_are_one_200_and_one_409_with_the_running_one()
    {
        var boot = SlowBoot();
        Task<HttpResponseMessage>[] both = [PostAsync("/switch", ""), PostAsync("/switch", "")];

        var refused = await Task.WhenAny(both);
        using var second = await refused;
        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
        var running = await AdminHost.ReadJsonAsync(second);
        Assert.Null(running["outcome"]);
        Assert.Equal((string?)(await _host.GetJsonAsync("/status"))["switch"]!["id"], (string?)running["id"]);

        boot.SetResult();
        using var first = await both.Single(one => one != refused);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal((string?)running["id"], (string?)(await AdminHost.ReadJsonAsync(first))["id"]);
        Assert.Single(_host.Plane.Units.Calls, call => call == "start green");
    }

    [Fact]
    public async Task Labels_are_returned_as_they_were_given()
    {
        using var response = await PostAsync("/switch", """{"label":"1.2+3 \"für\""}""");
        Assert.Contains("""
            "label":"1.2+3 \"für\""
            """, await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"to":"blue"}""", "blue is active already")]
    [InlineData("""{"to":"red"}""", "There is no slot \"red\"")]
    public async Task An_impossible_switch_is_422(string body, string reason)
    {
        using var response = await PostAsync("/switch", body);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var refused = await AdminHost.ReadJsonAsync(response);
        Assert.Equal(422, (int?)refused["status"]);
        Assert.Contains(reason, (string?)refused["detail"], StringComparison.Ordinal);
        Assert.Equal((string?)refused["detail"], (string?)refused["reason"]);
        Assert.Equal(("Aborted", "blue"), ((string?)refused["outcome"], (string?)refused["from"]));
        Assert.Empty((await _host.GetJsonAsync("/switches"))["switches"]!.AsArray());
    }

    [Theory]
    [InlineData("/switch", """{"to":"green","labl":"x"}""", "unknown member \"labl\"")]
    [InlineData("/switch", """{"to":1}""", "what is at $.to")]
    [InlineData("/switch", "null", "it is null")]
    [InlineData("/switch", "[]", "what is at $")]
    [InlineData("/switch", "to=green", "what is at $")]
    [InlineData("/switch", """{"to":"green"}{}""", "what is at $")]
    [InlineData("/rollback", """{"to":"blue"}""", "unknown member \"to\"")]
    [InlineData("/switch?wait=maybe", "", "wait must be true or false")]
    public async Task A_request_that_is_not_understood_is_400_and_does_nothing(string path, string body, string why)
    {
        using var response = await PostAsync(path, body);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        var problem = await AdminHost.ReadJsonAsync(response);
        Assert.Equal(400, (int?)problem["status"]);
        Assert.Contains(why, (string?)problem["detail"], StringComparison.Ordinal);
        Assert.DoesNotContain(_host.Plane.Units.Calls, call => call.EndsWith("green", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_hangs_up_does_not_stop_its_switch()
    {
        using var leaving = new CancellationTokenSource();
        var boot = SlowBoot();
        var request = _host.BySocket.PostAsync("/switch", null, leaving.Token);
        await Eventually.TrueAsync(() => _host.Plane.Switches.Running is not null, "the switch runs");

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        boot.SetResult();

        await Eventually.TrueAsync(() => _host.Plane.Switches.Last is { Outcome: not null }, "the switch ends");
        Assert.Equal(SlotName.Green, _host.Plane.Slots.Active.Name);
    }

    [Fact]
    public async Task A_switch_that_the_proxy_leaves_behind_is_503()
    {
        var (running, _) = await StartSlowSwitchAsync();
        await _host.Plane.StopAsync();
        using var response = await running;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Null((await AdminHost.ReadJsonAsync(response))["outcome"]);
    }

    [Fact]
    public async Task The_status_has_its_whole_shape()
    {
        (await PostAsync("/switch", """{"label":"v2"}""")).Dispose();
        using var lease = _host.Plane.Slots.Acquire(LeaseClass.Stream);
        lease.Slot.Record(isError: true);

        var status = await _host.GetJsonAsync("/status");
        Assert.Equal(
            ["version", "pid", "uptime", "active", "slots", "switch", "lastSwitch", "pause", "maintenance", "held", "places", "companions", "certificates",
                "rescue", "former", "fleet", "sites", "apps"],
            status.AsObject().Select(member => member.Key));
        Assert.Equal((ProductVersion.Text, Environment.ProcessId), ((string?)status["version"], (int?)status["pid"]));
        Assert.Equal("green", (string?)status["active"]);
        Assert.Equal("Completed", (string?)status["lastSwitch"]!["outcome"]);
        Assert.Null(status["switch"]);
        Assert.Empty(status["certificates"]!.AsArray());

        Assert.Equal(["blue", "green"], status["slots"]!.AsObject().Select(member => member.Key));
        var green = status["slots"]!["green"]!;
        Assert.Equal(
            ["address", "unit", "unitState", "mainPid", "memory", "health", "label", "warmUntil", "inFlight", "connections", "requests", "errors", "share"],
            green.AsObject().Select(member => member.Key));
        Assert.Equal(("app-server-green.service", "Active", "v2"), ((string?)green["unit"], (string?)green["unitState"], (string?)green["label"]));
        Assert.Equal("""{"http":0,"stream":1,"webSocket":0}""", green["inFlight"]!.ToJsonString());
        Assert.Equal((1, 1), ((int?)green["requests"], (int?)green["errors"]));
        Assert.True((int?)green["mainPid"] > 0);
        Assert.Equal("Inactive", (string?)status["slots"]!["blue"]!["unitState"]);
    }

    [Fact]
    public async Task A_silent_unit_manager_does_not_silence_the_status()
    {
        _host.Plane.Units[SlotName.Green].Failure = new UnitManagerUnavailableException("no bus");
        var status = await _host.GetJsonAsync("/status");
        Assert.Null(status["slots"]!["green"]!["unitState"]);
        Assert.Equal("Active", (string?)status["slots"]!["blue"]!["unitState"]);
    }

    [Fact]
    public async Task Switches_are_listed_newest_first_the_running_one_included()
    {
        (await PostAsync("/switch", """{"label":"one"}""")).Dispose();
        (await PostAsync("/switch", """{"label":"two"}""")).Dispose();
        var (running, boot) = await StartSlowSwitchAsync();

        Assert.Equal(
            [null, "two", "one"],
            (await _host.GetJsonAsync("/switches"))["switches"]!.AsArray().Select(one => (string?)one!["label"]));

        boot.SetResult();
        (await running).Dispose();
    }

    [Fact]
    public async Task An_unknown_switch_is_404()
    {
        using var response = await _host.BySocket.GetAsync("/switches/nope", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("nope", (string?)(await AdminHost.ReadJsonAsync(response))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_health_view_has_the_probes_of_both_slots()
    {
        (await PostAsync("/switch", "")).Dispose();
        await _host.Plane.Get<HealthMonitor>().CheckAsync(Cancellation);
        var slots = (await _host.GetJsonAsync("/health"))["slots"]!;

        Assert.Equal("Healthy", (string?)slots["green"]!["state"]);
        Assert.Equal("Stopped", (string?)slots["blue"]!["state"]);
        var probe = slots["green"]!["probes"]!.AsArray()[0]!;
        Assert.Equal(["at", "status", "latency", "error"], probe.AsObject().Select(member => member.Key));
        Assert.Equal(200, (int?)probe["status"]);
    }

    [Fact]
    public async Task It_is_alive_and_ready()
    {
        Assert.Equal("alive", (string?)(await _host.GetJsonAsync("/livez"))["status"]);
        Assert.Equal("ready", (string?)(await _host.GetJsonAsync("/readyz"))["status"]);
    }

    [Fact]
    public async Task It_is_not_ready_when_the_active_slot_is_stopped()
    {
        _host.Plane.Units[SlotName.Blue].Ends();
        await _host.Plane.Get<HealthMonitor>().CheckAsync(Cancellation);

        using var response = await _host.BySocket.GetAsync("/readyz", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/switch", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/status", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/switches/x", HttpStatusCode.MethodNotAllowed)]
    [InlineData("OPTIONS", "/switch", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound)]
    [InlineData("GET", "/switches/../../etc/passwd", HttpStatusCode.NotFound)]
    [InlineData("GET", "/switches/%2e%2e%2f%2e%2e%2fetc%2fpasswd", HttpStatusCode.NotFound)]
    public async Task Other_methods_and_paths_are_problems(string method, string path, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _host.BySocket.SendAsync(request, Cancellation);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await _host.BySocket.PostAsync(path, content, Cancellation);
    }

    /// <summary>Green's next start takes until the result is set.</summary>
    private TaskCompletionSource SlowBoot()
    {
        var boot = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var unit in SlotNameExtensions.All.Select(slot => _host.Plane.Units[slot]))
        {
            var start = unit.OnStart;
            unit.OnStart = async (one, cancellation) =>
            {
                await boot.Task.WaitAsync(cancellation);
                return await start(one, cancellation);
            };
        }

        return boot;
    }

    private async Task<(Task<HttpResponseMessage> Running, TaskCompletionSource Boot)> StartSlowSwitchAsync()
    {
        var boot = SlowBoot();
        var running = PostAsync("/switch", "");
        await Eventually.TrueAsync(() => _host.Plane.Switches.Running is not null, "the switch runs");
        return (running, boot);
    }
}
