using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The active unit dies and systemd gives it up, under load: the other slot takes over by itself.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdRescueTests
{
    /// <summary>What was in the unit when it was killed is lost with it.</summary>
    private static readonly TimeSpan DeadMoment = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("warm", "01:00:00")]
    [InlineData("stopped", "00:00:00")]
    public async Task The_other_slot_takes_over_and_only_what_was_in_the_dead_unit_is_lost(string other, string keepWarm)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: $$""" "Switch": { "Observe": "00:00:00", "Rescue": true, "KeepWarm": "{{keepWarm}}" }, """);
        Assert.Equal(200, (await vps.SwitchAsync()).Status);
        await vps.ChangeUnitAsync(SlotName.Green, "[Service]\nRestart=no\n");
        var load = MixedLoad.Start(vps.Public);
        await Eventually.TrueAsync(() => load.Shots.Count > 20, "clients are served");

        var killed = TimeProvider.System.GetUtcNow();
        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.UnitOf(SlotName.Green));
        await Eventually.TrueAsync(async () => await vps.ActiveSlotAsync() == SlotName.Blue, "blue is active");
        await Eventually.TrueAsync(() => load.Shots.LastOrDefault()?.Slot == SlotName.Blue, "blue serves clients");

        var shots = await load.StopAsync();
        var failed = shots.Where(shot => shot.Failure is not null).ToArray();
        Assert.All(failed, shot => Assert.True(shot.Started < killed + DeadMoment && shot.Ended > killed, shot.ToString()));
        var back = shots.Where(shot => shot.Slot == SlotName.Blue).Min(shot => shot.Ended) - killed;
        Assert.Contains("EdgeProxy has switched by itself", (await vps.GetAsync("/status")).GetProperty("lastSwitch").Reason(), StringComparison.Ordinal);
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"rescue, the other slot {other}: clients were served again {back.TotalSeconds:F1} s after the kill, {shots.Count} requests, {failed.Length} " +
                $"failed, all of them in the unit when it was killed"));
    }

    [Fact]
    public async Task What_an_operator_stops_stays_stopped()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: """ "Switch": { "Observe": "00:00:00", "Rescue": true }, """);

        await vps.SystemctlAsync("stop", Vps.UnitOf(SlotName.Blue));

        using var client = new HttpClient { BaseAddress = vps.Public };
        using var response = await client.GetAsync("/", TestContext.Current.CancellationToken); // comes after two seconds: as long as a rescue waits
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, response.StatusCode);
        using var again = await client.GetAsync("/", TestContext.Current.CancellationToken);
        Assert.Equal(SlotName.Blue, await vps.ActiveSlotAsync());
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, (await vps.GetAsync("/status")).GetProperty("rescue").ValueKind);
    }
}
