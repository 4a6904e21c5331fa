using System.Globalization;
using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>An incompatible migration: pause, switch within the pause, a restart of the proxy even, resume. Then maintenance, by the command line.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class PauseTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Paused_under_load_switched_and_resumed_nothing_is_lost()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var load = MixedLoad.Start(vps.Public);
        await Eventually.TrueAsync(() => load.Shots.Count > 20, "clients are served");

        var paused = await vps.EdgeProxyAsync("pause", "--max-wait", "60s");
        var began = TimeProvider.System.GetUtcNow();
        Assert.True(paused.ExitCode == 0, paused.Output + paused.Error);
        var (status, ended) = await vps.SwitchAsync();
        var during = await vps.GetAsync("/status");
        var over = TimeProvider.System.GetUtcNow();
        var resumed = await vps.EdgeProxyAsync("resume");
        await Eventually.TrueAsync(() => load.Shots.LastOrDefault()?.Slot == SlotName.Green, "green serves clients");

        var shots = await load.StopAsync();
        Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), ended.ToString());
        Assert.Equal(0, resumed.ExitCode);
        Assert.NotEqual("0", during.GetProperty("held").ToString());
        Assert.All(
            SlotNameExtensions.All,
            slot => Assert.Equal(0, during.GetProperty("slots").GetProperty(slot.ToKey()).GetProperty("inFlight").GetProperty("http").GetInt32()));
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Assert.DoesNotContain(shots, shot => shot.Ended > began && shot.Ended < over); // no response, so nobody was in the app
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"paused under load for {(over - began).TotalSeconds:F1} s with a switch in it: {shots.Count} requests, 0 failed, no response in between, the " +
                $"longest took {shots.Max(shot => shot.Ended - shot.Started).TotalSeconds:F1} s"));
    }

    [Fact]
    public async Task A_pause_and_maintenance_outlive_a_kill_of_the_proxy()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        using var client = new HttpClient { BaseAddress = vps.Public };
        Assert.Equal(0, (await vps.EdgeProxyAsync("pause")).ExitCode);
        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.Proxy);
        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed", "the proxy is dead");
        var waiting = client.GetAsync("/", Cancellation);
        await vps.SystemctlAsync("start", Vps.Proxy);
        await Eventually.TrueAsync(async () => (await vps.GetAsync("/status")).GetProperty("held").GetInt32() == 1, "a client waits");

        Assert.Equal(0, (await vps.EdgeProxyAsync("maintenance", "on", "--message", "Back at noon")).ExitCode);
        Assert.Equal(0, (await vps.EdgeProxyAsync("resume")).ExitCode);

        using (var served = await waiting)
        {
            Assert.Equal(HttpStatusCode.OK, served.StatusCode); // it was in before
        }

        await vps.SystemctlAsync("restart", Vps.Proxy);
        using var turnedAway = await client.GetAsync("/", Cancellation);
        using var health = await client.GetAsync("/v1/config/feature-flags/", Cancellation);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK), (turnedAway.StatusCode, health.StatusCode));
        Assert.Contains("Back at noon", await turnedAway.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(0, (await vps.EdgeProxyAsync("maintenance", "off")).ExitCode);
        using var again = await client.GetAsync("/", Cancellation);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }
}
