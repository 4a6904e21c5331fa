using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The way back: by itself when the new version turns out bad, and by hand; the old unit is never restarted.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdRollbackTests
{
    private const string Observed = """ "Switch": { "Observe": "00:01:00", "MinObservedRequests": 10 }, """;

    /// <summary>Proves healthy, then responds to every client with an error.</summary>
    [Fact]
    public async Task A_version_that_fails_after_the_flip_is_rolled_back_by_itself()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: Observed);
        var blue = await MainPidAsync(vps, SlotName.Blue);
        using var follower = await SwitchFollower.FollowAsync(vps);
        var running = vps.SwitchAsync();
        await follower.BeginsAsync(SwitchPhase.Observe);
        using var client = new HttpClient { BaseAddress = vps.Public };
        for (var i = 0; i < 10; i++)
        {
            (await client.GetAsync("/status/500", TestContext.Current.CancellationToken)).Dispose();
        }

        var (status, ended) = await running;

        Assert.True(status == 502 && ended.Outcome() == nameof(SwitchOutcome.RolledBack), ended.ToString());
        Assert.Contains("green responded to 10 of 10 requests with a 5xx", ended.Reason(), StringComparison.Ordinal);
        await AssertBackOnBlueAsync(vps, blue);
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"a bad version was rolled back {BackAfter(ended).TotalMilliseconds:F0} ms after its flip, with 10 requests that failed"));
    }

    [Fact]
    public async Task Rolled_back_by_hand_while_it_drains_under_load_nothing_is_lost()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var blue = await MainPidAsync(vps, SlotName.Blue);
        var load = MixedLoad.Start(vps.Public);
        using var client = new HttpClient { BaseAddress = vps.Public };
        using var follower = await SwitchFollower.FollowAsync(vps);
        var running = vps.SwitchAsync("""{"label":"bad"}""");
        await follower.BeginsAsync(SwitchPhase.StartIdle); // long before the flip, and in flight long after it
        var inFlight = client.GetAsync("/slow?ms=8000", TestContext.Current.CancellationToken);
        await follower.BeginsAsync(SwitchPhase.Drain);
        await Eventually.TrueAsync(() => load.Shots.Any(shot => shot.Slot == SlotName.Green), "green serves clients");
        using var second = vps.NewAdmin();
        var asked = TimeProvider.System.GetUtcNow();

        var (status, ended) = await vps.PostAsync("/rollback", admin: second);

        Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.RolledBack), ended.ToString());
        Assert.Equal(502, (await running).Status);
        using var slow = await inFlight;
        Assert.Equal("blue", slow.Headers.GetValues("X-Slot").Single());
        await Eventually.TrueAsync(() => load.Shots.LastOrDefault()?.Slot == SlotName.Blue, "blue serves clients");
        var shots = await load.StopAsync();
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        await AssertBackOnBlueAsync(vps, blue);
        var back = LastFlip(ended) - asked;
        Assert.InRange(back, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Figures.Report(
            string.Create(
                CultureInfo.InvariantCulture,
                $"rolled back by hand under load: traffic was back after {back.TotalMilliseconds:F0} ms, {shots.Count} requests, 0 failed"));
    }

    /// <summary>There and back, over a restart of the proxy, all under load.</summary>
    [Fact]
    public async Task To_a_warm_slot_it_takes_no_restart_and_loses_nothing()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: """ "Switch": { "Observe": "00:00:00", "KeepWarm": "01:00:00" }, """);
        var blue = await MainPidAsync(vps, SlotName.Blue);
        var load = MixedLoad.Start(vps.Public);
        Assert.Equal(200, (await vps.SwitchAsync("""{"label":"bad"}""")).Status);
        var green = await MainPidAsync(vps, SlotName.Green);

        var (toBlue, back) = await StepAsync(vps, "/rollback", "{}");
        await vps.SystemctlAsync("restart", Vps.Proxy);
        await Eventually.TrueAsync(async () => (await vps.GetAsync("/status")).GetProperty("active").GetString() == "blue", "its next process serves");
        var (toGreen, forth) = await StepAsync(vps, "/switch", """{"to":"green"}""");

        var shots = await load.StopAsync();
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Assert.Equal((blue, green), (await MainPidAsync(vps, SlotName.Blue), await MainPidAsync(vps, SlotName.Green)));
        Assert.Equal(SlotName.Green, await vps.ActiveSlotAsync());
        Assert.NotNull((await vps.GetAsync("/status")).GetProperty("slots").GetProperty("blue").GetProperty("warmUntil").GetString());
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"to a warm slot under load: traffic was back after {back.TotalMilliseconds:F0} ms (the whole rollback, drain included, " +
                $"{toBlue.Duration().TotalMilliseconds:F0} ms), "
            + $"after a restart of EdgeProxy forth again after {forth.TotalMilliseconds:F0} ms ({toGreen.Duration().TotalMilliseconds:F0} ms), {shots.Count} " +
                $"requests, 0 failed"));
    }

    /// <summary>Moves traffic to a warm slot.</summary>
    /// <returns>The switch, and how long after it was asked for traffic had moved.</returns>
    private static async Task<(System.Text.Json.JsonElement Ended, TimeSpan Moved)> StepAsync(Vps vps, string path, string body)
    {
        var asked = TimeProvider.System.GetUtcNow();
        var (status, ended) = await vps.PostAsync(path, body);
        Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), ended.ToString());
        var moved = LastFlip(ended) - asked;
        Assert.InRange(moved, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        return (ended, moved);
    }

    /// <summary>The lab's units run from one tree, as the recipe's.</summary>
    [Fact]
    public async Task To_a_stopped_slot_of_the_same_tree_only_by_force()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        Assert.Equal(200, (await vps.SwitchAsync()).Status);

        var refused = await vps.EdgeProxyAsync("rollback");
        var forced = await vps.EdgeProxyAsync("rollback", "--force");

        Assert.True(refused.ExitCode == 4 && refused.Error.Contains("both slots run from /srv/app", StringComparison.Ordinal), refused.Output + refused.Error);
        Assert.True(forced.ExitCode == 0, forced.Output + forced.Error);
        Assert.Equal(SlotName.Blue, await vps.ActiveSlotAsync());
    }

    private static DateTimeOffset LastFlip(System.Text.Json.JsonElement ended)
    {
        var flip = ended.GetProperty("phases").EnumerateArray().Last(run => run.GetProperty("phase").GetString() == nameof(SwitchPhase.Flip));
        return flip.StartedAt() + flip.Duration();
    }

    private static TimeSpan BackAfter(System.Text.Json.JsonElement ended) => LastFlip(ended) - ended.Phase(SwitchPhase.Observe).StartedAt();

    private static async Task<string> MainPidAsync(Vps vps, SlotName slot) =>
        (await vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.UnitOf(slot))).Text;

    private static async Task AssertBackOnBlueAsync(Vps vps, string pid)
    {
        Assert.Equal(SlotName.Blue, await vps.ActiveSlotAsync());
        Assert.Equal(pid, await MainPidAsync(vps, SlotName.Blue));
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)));
    }
}
