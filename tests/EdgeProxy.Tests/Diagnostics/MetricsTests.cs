using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Admin;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace EdgeProxy.Tests.Diagnostics;

/// <summary><c>GET /metrics</c>, read as Prometheus and its own tools read it.</summary>
public sealed partial class MetricsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_counted_with_slot_method_and_status_and_promtool_has_no_complaint()
    {
        Tool.Demand("promtool");
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/bad" ? 500 : 200;
            return context.Response.WriteAsync("0123456789");
        });
        await using var server = new EdgeProxyFactory(app.Address);
        using var client = server.CreateClient();
        for (var i = 0; i < 3; i++)
        {
            (await client.GetAsync("/", Cancellation)).Dispose();
        }

        (await client.PostAsync("/bad", null, Cancellation)).Dispose();
        (await client.SendAsync(new HttpRequestMessage(new HttpMethod("BREW"), "/"), Cancellation)).Dispose();

        var text = await ScrapeAsync(server.AdminUrl);

        Assert.Equal(3, Value(text, "edgeproxy_requests_total", "code=\"200\"", "method=\"GET\"", "slot=\"blue\""));
        Assert.Equal(1, Value(text, "edgeproxy_requests_total", "code=\"500\"", "method=\"POST\"", "slot=\"blue\""));
        Assert.Equal(1, Value(text, "edgeproxy_requests_total", "method=\"_OTHER\"")); // what clients make up is no series
        Assert.Equal(5, Value(text, "edgeproxy_request_duration_seconds_count", "class=\"http\"", "slot=\"blue\""));
        Assert.Equal(50, Value(text, "edgeproxy_response_body_bytes_total", "slot=\"blue\""));
        Assert.Equal(1, Value(text, "edgeproxy_slot_active", "slot=\"blue\""));
        Assert.Equal(0, Value(text, "edgeproxy_slot_active", "slot=\"green\""));
        Assert.Equal(0, Value(text, "edgeproxy_requests_in_flight", "class=\"webSocket\"", "slot=\"green\""));
        Assert.Equal(0, Value(text, "edgeproxy_requests_held", "reason=\"outage\""));
        Assert.Equal(1, Value(text, "edgeproxy_connections", "slot=\"blue\"", "state=\"idle\"")); // what the GETs have used
        Assert.Equal(0, Value(text, "edgeproxy_connections", "slot=\"blue\"", "state=\"opening\""));
        Assert.Equal(0, Value(text, "edgeproxy_connections", "slot=\"blue\"", "state=\"active\""));
        Assert.Equal(0, Value(text, "edgeproxy_paused"));
        Assert.Equal(0, Value(text, "edgeproxy_access_log_dropped_total"));
        Assert.Equal(0, Value(text, "edgeproxy_access_log_suppressed_total"));
        Assert.Equal(0, Value(text, "edgeproxy_server_log_suppressed_total"));
        Assert.Equal(0, Value(text, "edgeproxy_http2_errors_total", "scope=\"stream\""));
        Assert.Equal(0, Value(text, "edgeproxy_static_files_cache_hits_total"));
        Assert.Contains("service_version=", text, StringComparison.Ordinal);
        await AssertWellFormedAsync(text);
    }

    [Fact]
    public async Task A_request_that_was_held_is_counted_with_its_end_and_one_that_the_proxy_refused_with_no_slot()
    {
        var port = Backend.FreePort();
        await using var server = new EdgeProxyFactory($"http://127.0.0.1:{port}", ("AllowedHosts", "localhost"));
        using var client = server.CreateClient();
        var request = client.GetAsync("/", Cancellation);
        await Eventually.TrueAsync(
            async () => Value(await ScrapeAsync(server.AdminUrl), "edgeproxy_requests_held", "reason=\"outage\"") == 1, "the request is held");
        await using var app = await Backend.NamedAsync("hello", port);
        (await request).Dispose();
        (await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "evil.example" } }, Cancellation)).Dispose();

        await Eventually.TrueAsync(
            async () => Value(await ScrapeAsync(server.AdminUrl), "edgeproxy_requests_held", "reason=\"outage\"") == 0, "it is not any more");
        var text = await ScrapeAsync(server.AdminUrl);

        Assert.True(Value(text, "edgeproxy_hold_duration_seconds_count", "end=\"TryAgain\"", "slot=\"blue\"") >= 1);
        Assert.True(Value(text, "edgeproxy_connections_failed_total", "slot=\"blue\"") >= 1);
        Assert.Equal(1, Value(text, "edgeproxy_requests_total", "code=\"400\"", "slot=\"none\""));
    }

    [Fact]
    public async Task A_switch_leaves_its_phases_its_outcome_and_its_probes()
    {
        Tool.Demand("promtool");
        await using var host = await AdminHost.StartAsync();
        Assert.Equal(SwitchOutcome.Completed, (await host.Plane.SwitchAsync()).Outcome);
        host.Plane.Blue.Handler = SlotApp.Responds(500);
        Assert.Equal(SwitchOutcome.Aborted, (await host.Plane.SwitchAsync()).Outcome);

        var text = await ScrapeAsync(host.ByPort.BaseAddress!);

        Assert.Equal(1, Value(text, "edgeproxy_switch_duration_seconds_count", "outcome=\"Completed\""));
        Assert.Equal(1, Value(text, "edgeproxy_switch_duration_seconds_count", "outcome=\"Aborted\""));
        // Those that only some switches have.
        SwitchPhase[] some =
        [
            SwitchPhase.Agree, SwitchPhase.Preview, SwitchPhase.BeforeFlip, SwitchPhase.Canary, SwitchPhase.Companions, SwitchPhase.MoveCompanions,
            SwitchPhase.AfterEnd,
        ];
        foreach (var phase in Enum.GetValues<SwitchPhase>().Except(some).Select(phase => phase.ToString()))
        {
            var done = phase is nameof(SwitchPhase.StartIdle) ? 2 : 1;
            Assert.Equal(done, Value(text, "edgeproxy_switch_phase_duration_seconds_count", "outcome=\"done\"", $"phase=\"{phase}\""));
        }

        Assert.Equal(1, Value(text, "edgeproxy_switch_phase_duration_seconds_count", "outcome=\"failed\"", "phase=\"Probe\""));
        Assert.True(Value(text, "edgeproxy_probe_duration_seconds_count", "outcome=\"good\"", "slot=\"green\"") >= 3);
        Assert.True(Value(text, "edgeproxy_probe_duration_seconds_count", "outcome=\"bad\"", "slot=\"blue\"") >= 1);
        Assert.Equal(1, Value(text, "edgeproxy_slot_active", "slot=\"green\""));
        Assert.Equal(100, Value(text, "edgeproxy_slot_share", "slot=\"green\""));
        Assert.Equal(0, Value(text, "edgeproxy_switch_running"));
        await AssertWellFormedAsync(text);
    }

    [Fact]
    public async Task An_active_unit_that_has_failed_shows_and_so_does_its_rescue()
    {
        await using var host = await AdminHost.StartAsync(one => one.Plane.Options.Switch.Rescue = true);
        Assert.Equal(0, Value(await ScrapeAsync(host.ByPort.BaseAddress!), "edgeproxy_slot_failed", "slot=\"blue\""));

        host.Plane.Units[SlotName.Blue].Ends(UnitState.Failed, "exit-code", 3);

        await Eventually.TrueAsync(async () => Value(await ScrapeAsync(host.ByPort.BaseAddress!), "edgeproxy_slot_failed", "slot=\"blue\"") == 1, "it shows");
        await Eventually.TrueAsync(() => host.Plane.Slots.Active.Name == SlotName.Green, "traffic moves");
        Assert.Equal(1, Value(await ScrapeAsync(host.ByPort.BaseAddress!), "edgeproxy_rescues_total"));
    }

    [Fact]
    public async Task The_real_Prometheus_scrapes_them_and_takes_the_shipped_alerts()
    {
        Tool.Demand("prometheus");
        await using var app = await Backend.NamedAsync("hello");
        await using var server = new EdgeProxyFactory(app.Address);
        using var client = server.CreateClient();
        (await client.GetAsync("/", Cancellation)).Dispose();
        using var directory = new TemporaryDirectory();
        File.Copy(Path.Combine(AppContext.BaseDirectory, "edgeproxy.rules.yml"), directory["edgeproxy.rules.yml"]);
        var alerts = File.ReadLines(directory["edgeproxy.rules.yml"]).Count(line => line.Contains("- alert:", StringComparison.Ordinal));
        await File.WriteAllTextAsync(
            directory["prometheus.yml"],
            $$"""
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: [edgeproxy.rules.yml]
            scrape_configs:
              - job_name: edgeproxy
                static_configs: [{ targets: ["127.0.0.1:{{server.AdminUrl.Port}}"] }]
            """,
            Cancellation);
        var port = Backend.FreePort();
        using var prometheus = Tool.Start(
            "prometheus",
            [$"--config.file={directory["prometheus.yml"]}", $"--storage.tsdb.path={directory["data"]}", $"--web.listen-address=127.0.0.1:{port}"]);
        using var api = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}/api/v1/") };

        await Eventually.TrueAsync(
            async () => await QueryAsync(api, "edgeproxy_requests_total{slot=\"blue\",code=\"200\"}") == 1, "Prometheus has scraped the request");

        Assert.Equal(1, await QueryAsync(api, "up{job=\"edgeproxy\"}"));
        await Eventually.TrueAsync(
            async () =>
            {
                var rules = JsonNode.Parse(await api.GetStringAsync("rules", Cancellation))!["data"]!["groups"]!.AsArray()
                    .SelectMany(group => group!["rules"]!.AsArray()).ToList();
                return rules.Count == alerts && rules.TrueForAll(rule => (string)rule!["health"]! == "ok");
            },
            "every alert is evaluated without an error");

        var instruments = Instruments();
        foreach (var expression in await DashboardExpressionsAsync())
        {
            // Prometheus responds with 400 to an expression that it cannot read.
            using var response = await api.GetAsync($"query?query={Uri.EscapeDataString(expression)}", Cancellation);
            Assert.True(response.IsSuccessStatusCode, expression);
            Assert.All(
                Family().Matches(expression), name => Assert.Contains(instruments, instrument => name.Value.StartsWith(instrument, StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task The_shipped_alerts_fire_when_they_should()
    {
        Tool.Demand("promtool");
        var directory = AppContext.BaseDirectory;

        var check = await Tool.RunAsync("promtool", ["check", "rules", Path.Combine(directory, "edgeproxy.rules.yml")]);
        Assert.True(check.ExitCode == 0, check.Output + check.Error);

        var test = await Tool.RunAsync("promtool", ["test", "rules", Path.Combine(directory, "edgeproxy.rules.test.yml")]);
        Assert.True(test.ExitCode == 0, test.Output + test.Error);
    }

    [Fact]
    public void A_request_that_is_counted_allocates_nothing()
    {
        using var meter = new Meter("EdgeProxy.AllocationTest");
        using var provider = OpenTelemetry.Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name).AddPrometheusExporter().Build();
        var metrics = new RequestMetrics(meter, [AppIdentity.TopLevel], log: null, new ServerLog(TimeProvider.System));
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        var record = new RequestRecord(context, DateTimeOffset.UnixEpoch, TimeSpan.FromMilliseconds(12), 100);
        for (var i = 0; i < 1000; i++)
        {
            metrics.Record(record);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            metrics.Record(record);
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Figures.Report($"metrics: {bytes / 1000.0} bytes allocated a request");
        Assert.InRange(bytes, 0, 1000);
    }

    [Fact]
    public async Task Every_status_code_has_a_series_of_its_own()
    {
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = int.Parse(context.Request.Path.Value![1..], CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        await using var server = new EdgeProxyFactory(app.Address);
        using var client = server.CreateClient();
        for (var code = 400; code < 500; code++)
        {
            (await client.GetAsync($"/{code}", Cancellation)).Dispose();
            (await client.DeleteAsync($"/{code}", Cancellation)).Dispose();
        }

        var text = await ScrapeAsync(server.AdminUrl);

        Assert.Equal(1, Value(text, "edgeproxy_requests_total", "code=\"400\"", "method=\"GET\"", "slot=\"blue\""));
        Assert.Equal(1, Value(text, "edgeproxy_requests_total", "code=\"499\"", "method=\"DELETE\"", "slot=\"blue\""));
        Assert.DoesNotContain("otel_metric_overflow", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Instruments_reserve_room_for_the_series_that_they_may_have_and_not_for_thousands()
    {
        using var services = new ServiceCollection()
            .AddMetricsExport()
            .AddInstruments<SwitchingInstruments>()
            .BuildServiceProvider();
        services.GetRequiredService<MeterProvider>();

        var before = GC.GetAllocatedBytesForCurrentThread();
        services.GetRequiredService<SwitchingInstruments>(); // eight instruments
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        Figures.Report($"metrics: eight instruments take {bytes / 1024} KB");
        Assert.InRange(bytes, 0, 512 * 1024);
    }

    [GeneratedRegex("edgeproxy_[a-z_]+")]
    private static partial Regex Family();

    /// <summary>The names of all that is measured, as Prometheus writes them; behind them come unit and kind. (A scrape lacks those that have measured nothing
    /// yet.)</summary>
    private static ConcurrentQueue<string> Instruments()
    {
        var names = new ConcurrentQueue<string>(); // other tests make instruments meanwhile
        using var listener = new MeterListener { InstrumentPublished = (instrument, _) => names.Enqueue(instrument.Name.Replace('.', '_')) };
        listener.Start();
        return names;
    }

    /// <summary>What the shipped Grafana dashboard asks Prometheus for, its variables filled in.</summary>
    private static async Task<List<string>> DashboardExpressionsAsync()
    {
        var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "edgeproxy.json"), Cancellation))!;
        return [.. dashboard["panels"]!.AsArray().SelectMany(panel => panel!["targets"]!.AsArray())
            .Concat(dashboard["annotations"]!["list"]!.AsArray())
            .Select(
                target =>
                    ((string)target!["expr"]!).Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$job", ".*", StringComparison.Ordinal))];
    }

    private static async Task<string> ScrapeAsync(Uri admin)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = admin };
        return await client.GetStringAsync("metrics", Cancellation);
    }

    private static async Task AssertWellFormedAsync(string text)
    {
        var check = await Tool.RunAsync("promtool", ["check", "metrics"], text);
        Assert.True(check is { ExitCode: 0, Error: "" }, $"{check.Error}\n{text}");
    }

    /// <summary>The one series of the name that has these labels.</summary>
    private static double Value(string text, string name, params string[] labels)
    {
        var found = text.Split('\n').Where(
            line => (line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
            && labels.All(label => line.Contains(label, StringComparison.Ordinal))).ToList();
        Assert.True(found.Count == 1, $"{found.Count} series {name} with {string.Join(", ", labels)} in\n{text}");
        return double.Parse(
            found[0][(found[0].LastIndexOf('}') + 1)..].Trim().Split(' ')[found[0].Contains('}', StringComparison.Ordinal) ? 0 : 1],
            CultureInfo.InvariantCulture);
    }

    private static async Task<double?> QueryAsync(HttpClient api, string query)
    {
        try
        {
            var response = JsonNode.Parse(await api.GetStringAsync($"query?query={Uri.EscapeDataString(query)}", Cancellation))!;
            return response["data"]!["result"]!.AsArray() is [{ } series] ? double.Parse((string)series["value"]![1]!, CultureInfo.InvariantCulture) : null;
        }
        catch (HttpRequestException)
        {
            return null; // not there yet
        }
    }
}
