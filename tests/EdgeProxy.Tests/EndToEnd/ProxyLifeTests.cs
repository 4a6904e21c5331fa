using System.Globalization;
using System.Net;
using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The proxy as a unit among units: restarted under load, started twice, started at boot, watched.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ProxyLifeTests
{
    private const int Restarts = 5;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_restart_under_load_loses_nothing(bool withBodies)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await ChangeProxyAsync(vps, "[Unit]\nStartLimitIntervalSec=0\n");
        var load = MixedLoad.Start(vps.Public, withBodies);
        for (var i = 0; i < Restarts; i++)
        {
            await vps.SystemctlAsync("restart", Vps.Proxy);
            var enough = load.Shots.Count + 50;
            await Eventually.TrueAsync(() => load.Shots.Count >= enough, "clients are served again");
        }

        var shots = await load.StopAsync();
        Figures.Report(
            $"{Restarts} restarts of the proxy {(withBodies ? "with" : "without")} bodies: {shots.Count} requests, " +
                $"{shots.Count(shot => shot.Failure is not null)} failed; "
            + string.Join(
                "; ",
                shots.GroupBy(shot => shot.Kind).Select(
                    kind => $"{kind.Key} {kind.Count()}, longest {kind.Max(shot => shot.Ended - shot.Started).TotalSeconds:F2} s")));
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
    }

    [Fact]
    public async Task A_second_instance_is_refused_and_harms_nobody()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var pid = await ShowAsync(vps, Vps.Proxy, "MainPID");

        var second = await vps.EdgeProxyAsync("run", "--config", "/etc/edgeproxy/appsettings.json");

        Assert.Equal(ExitCode.Refused, second.ExitCode);
        Assert.Equal(
            "edgeproxy: another EdgeProxy runs on /var/lib/edgeproxy; stop it, or give this one an EdgeProxy:State:Directory of its own\n", second.Error);
        Assert.Equal("", second.Output);
        Assert.Equal(pid, await ShowAsync(vps, Vps.Proxy, "MainPID"));
        Assert.Equal(SlotName.Blue, await RespondingSlotAsync(vps));
        Assert.Equal(200, (await vps.SwitchAsync()).Status); // over the admin socket, which is still the first one's
    }

    [Fact]
    public async Task A_socket_file_that_a_killed_proxy_left_does_not_hinder_the_next()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await ChangeProxyAsync(vps, "[Service]\nRuntimeDirectoryPreserve=yes\n");
        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.Proxy);
        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed", "the proxy is dead");
        Assert.True(File.Exists($"{vps.Lab.Root}/run/edgeproxy/admin.sock"));

        await vps.SystemctlAsync("start", Vps.Proxy);

        Assert.Equal("blue", (await vps.GetAsync("/status")).GetProperty("active").GetString());
    }

    /// <summary>The app's units need not be enabled: the proxy starts the active one, however long that takes, and holds who comes early.</summary>
    [Fact]
    public async Task At_boot_the_active_unit_is_started_and_early_requests_are_held()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await vps.SystemctlAsync("stop", Vps.Proxy, Vps.UnitOf(SlotName.Blue), Vps.UnitOf(SlotName.Green));
        await vps.SetEnvironmentAsync(SlotName.Blue, "SAMPLE_BOOT_SECONDS=3");

        await vps.SystemctlAsync("start", Vps.Proxy);
        var early = RespondingSlotAsync(vps);
        await Eventually.TrueAsync(async () => (await vps.GetAsync("/status")).GetProperty("held").GetInt32() == 1, "the request is held");
        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Blue)) == "activating", "the unit is being started");

        Assert.Equal(SlotName.Blue, await early);
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)));
    }

    [Fact]
    public async Task An_idle_unit_that_runs_at_start_is_stopped()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await vps.SystemctlAsync("stop", Vps.Proxy);
        await vps.SystemctlAsync("start", Vps.UnitOf(SlotName.Green)); // by hand, say
        await Eventually.TrueAsync(() => RespondsAsync(vps, SlotName.Green), "green has workers"); // READY=1 comes before; one that boots misses SIGTERM
        var pid = await ShowAsync(vps, Vps.UnitOf(SlotName.Blue), "MainPID");

        await vps.SystemctlAsync("start", Vps.Proxy);

        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)) == "inactive", "green is stopped");
        Assert.Equal(SlotName.Blue, await RespondingSlotAsync(vps));
        Assert.Equal(pid, await ShowAsync(vps, Vps.UnitOf(SlotName.Blue), "MainPID")); // the active one was not touched
    }

    [Fact]
    public async Task It_is_ready_when_its_start_is_done_and_it_feeds_the_watchdog()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await ChangeProxyAsync(vps, "[Service]\nWatchdogSec=2\n");

        await vps.SystemctlAsync("restart", Vps.Proxy);
        Assert.Equal("alive", (await vps.GetAsync("/livez")).GetProperty("status").GetString()); // at once: no retry here
        Assert.Equal(SlotName.Blue, await RespondingSlotAsync(vps));

        // Three times what would have ended it, unfed.
        var pid = await ShowAsync(vps, Vps.Proxy, "MainPID");
        var first = await FedAtAsync();
        await Eventually.TrueAsync(async () => await FedAtAsync() > first + TimeSpan.FromSeconds(6), "the watchdog is fed again and again");
        Assert.Equal(pid, await ShowAsync(vps, Vps.Proxy, "MainPID"));

        async Task<TimeSpan> FedAtAsync() =>
            TimeSpan.FromMicroseconds(long.Parse(await ShowAsync(vps, Vps.Proxy, "WatchdogTimestampMonotonic"), CultureInfo.InvariantCulture));
    }

    /// <summary>Asks over a new connection.</summary>
    private static async Task<bool> RespondsAsync(Vps vps, SlotName slot)
    {
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{vps.PortOf(slot)}") };
        using var response = await client.GetAsync("/", TestContext.Current.CancellationToken);
        return response.IsSuccessStatusCode;
    }

    private static async Task<SlotName> RespondingSlotAsync(Vps vps)
    {
        using var client = new HttpClient { BaseAddress = vps.Public };
        using var response = await client.GetAsync("/", Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(SlotNameExtensions.TryParse(response.Headers.GetValues("X-Slot").Single(), out var slot));
        return slot;
    }

    private static async Task<string> ShowAsync(Vps vps, string unit, string property) =>
        (await vps.Lab.RunAsync("systemctl", "show", "--value", "-p", property, unit)).Text;

    private static async Task ChangeProxyAsync(Vps vps, string lines)
    {
        await vps.Lab.WriteFileAsync($"/etc/systemd/system/{Vps.Proxy}.d/test.conf", lines);
        await vps.SystemctlAsync("daemon-reload");
    }
}
