using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Every way in which a new version can be broken: traffic never moves, the candidate does not stay behind, and the response says why.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdFailedCandidateTests(SystemdFailedCandidateTests.Machine machine) : IClassFixture<SystemdFailedCandidateTests.Machine>
{
    /// <summary>One machine for all: each test leaves it with blue active and green stopped.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private Vps? _vps;

        public Vps Vps => _vps ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

        public async ValueTask InitializeAsync() =>
            _vps = SystemdLab.SkipReason is null
                ? await Vps.StartAsync(settings: """ "Health": { "Attempts": 6, "Interval": "00:00:01" }, """)
                : null;

        public ValueTask DisposeAsync() => _vps?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private const string Redirecting = """
        [Service]
        Type=simple
        ExecStart=
        ExecStart=/usr/bin/python3 -c "import http.server as h, sys; H = type('H', (h.BaseHTTPRequestHandler,), {'do_GET': lambda s: (s.send_response(301), s.send_header('Location', 'https://api.example.com/'), s.end_headers())}); h.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()" {port}
        """;

    /// <summary>As the recipe's units: without <c>--preload</c>'s help systemd takes the unit for started before the app is imported.</summary>
    private const string Flapping = """
        [Service]
        Type=simple
        RestartSec=100ms
        """;

    private Vps Vps => machine.Vps;

    [Theory]
    [InlineData("cannot be executed", "", "[Service]\nExecStart=\nExecStart=/no/such/program\n", "203", "")]
    [InlineData("fails to import", "SAMPLE_FAULT=import", "", "", "SAMPLE_FAULT=import")]
    [InlineData("flaps", "SAMPLE_FAULT=import", Flapping, "app-server-green.service", "SAMPLE_FAULT=import")]
    [InlineData("responds with 500", "SAMPLE_FAULT=health-500", "", "500", "SAMPLE_FAULT=health-500")]
    [InlineData("responds with 400", "SAMPLE_ALLOWED_HOSTS=other.example", "", "ALLOWED_HOSTS", "")]
    [InlineData("responds with 301", "", Redirecting, "301", "")]
    [InlineData("hangs", "SAMPLE_FAULT=health-hang", "", "was not healthy within 6 s", "")]
    public async Task A_candidate_that_is_broken_changes_nothing(string how, string environment, string dropIn, string reason, string log)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await Vps.SetEnvironmentAsync(SlotName.Green, environment);
        await Vps.ChangeUnitAsync(
            SlotName.Green, dropIn.Replace("{port}", Vps.PortOf(SlotName.Green).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        var load = MixedLoad.Start(Vps.Public);

        var (status, ended) = await Vps.SwitchAsync();

        Assert.Equal(502, status);
        Assert.Equal(nameof(SwitchOutcome.Aborted), ended.Outcome());
        Assert.Contains(reason, ended.Reason() + ended.GetProperty("lastProbe"), StringComparison.Ordinal);
        Assert.Contains("Traffic stays on blue", ended.Reason(), StringComparison.Ordinal);
        Assert.Contains(log, ended.Log(), StringComparison.Ordinal);
        await AssertBlueServesAloneAsync(load);
        Figures.Report($"{how}: {ended.Duration().TotalSeconds:F1} s, {ended.Reason()}");
    }

    /// <summary>The issue is a person who waits 60 s for what is plain after one.</summary>
    [Fact]
    public async Task A_crash_is_noticed_at_once()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await Vps.SetEnvironmentAsync(SlotName.Green, "SAMPLE_FAULT=import", "SAMPLE_BOOT_SECONDS=1");
        await Vps.ChangeUnitAsync(SlotName.Green, "[Service]\nType=simple\nRestart=no\n"); // only the watch beside the probe can notice

        var (_, ended) = await Vps.SwitchAsync();

        Assert.Equal(nameof(SwitchOutcome.Aborted), ended.Outcome());
        var noticed = ended.Phase(SwitchPhase.Probe).StartedAt() + ended.Phase(SwitchPhase.Probe).Duration();
        var late = noticed - await ExitOfGreenAsync();
        Figures.Report($"a crash was noticed after {late.TotalMilliseconds:F0} ms");
        Assert.InRange(late, TimeSpan.FromMilliseconds(-1), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Another_process_at_the_candidates_address_is_not_taken_for_it()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        using var other = new TcpListener(IPAddress.Loopback, Vps.PortOf(SlotName.Green));
        other.Start();
        var load = MixedLoad.Start(Vps.Public);

        var (status, ended) = await Vps.SwitchAsync();

        Assert.Equal(502, status);
        Assert.Contains(" is already in use: ", ended.Reason(), StringComparison.Ordinal);
        Assert.Equal(nameof(SwitchPhase.StartIdle), ended.GetProperty("phase").GetString());
        await AssertBlueServesAloneAsync(load);
    }

    /// <summary>And the next good version still gets through.</summary>
    [Fact]
    public async Task After_a_broken_version_a_good_one_is_switched_to()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await Vps.SetEnvironmentAsync(SlotName.Green, "SAMPLE_FAULT=import");
        await Vps.ChangeUnitAsync(SlotName.Green, "");
        Assert.Equal(nameof(SwitchOutcome.Aborted), (await Vps.SwitchAsync()).Switch.Outcome());

        await Vps.SetEnvironmentAsync(SlotName.Green);

        Assert.Equal(nameof(SwitchOutcome.Completed), (await Vps.SwitchAsync()).Switch.Outcome());
        Assert.Equal(nameof(SwitchOutcome.Completed), (await Vps.SwitchAsync()).Switch.Outcome()); // back to blue, for the next test
    }

    private async Task AssertBlueServesAloneAsync(MixedLoad load)
    {
        var shots = await load.StopAsync();
        Assert.NotEmpty(shots);
        Assert.All(shots, shot => Assert.True(shot is { Failure: null, Slot: SlotName.Blue }, shot.ToString()));
        Assert.Equal(SlotName.Blue, await Vps.ActiveSlotAsync());
        Assert.Contains(await Vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)), new[] { "inactive", "failed" });
        Assert.Equal("active", await Vps.ActiveStateAsync(Vps.UnitOf(SlotName.Blue)));
    }

    private async Task<DateTimeOffset> ExitOfGreenAsync()
    {
        const string Service = "org.freedesktop.systemd1";
        var path = $"/org/freedesktop/systemd1/unit/{Escaped(Vps.UnitOf(SlotName.Green))}";
        var microseconds = (await Vps.Lab.RunAsync(
            "busctl", "--json=short", "get-property", Service, path, $"{Service}.Service", "ExecMainExitTimestamp")).Text;
        using var json = JsonDocument.Parse(microseconds);
        return DateTimeOffset.UnixEpoch.AddMicroseconds(json.RootElement.GetProperty("data").GetUInt64());

        static string Escaped(string unit) => unit.Replace("-", "_2d", StringComparison.Ordinal).Replace(".", "_2e", StringComparison.Ordinal);
    }
}
