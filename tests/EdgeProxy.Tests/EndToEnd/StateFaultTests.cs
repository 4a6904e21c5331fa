using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The state directory is full, read-only or gone while the proxy serves: a switch is refused before it has touched anything, and clients notice
/// nothing.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class StateFaultTests
{
    private const string State = "/var/lib/edgeproxy";

    [Fact]
    public async Task A_directory_that_cannot_be_written_stops_switches_and_nothing_else()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(mountState: "size=128k,mode=0750");
        var load = MixedLoad.Start(vps.Public, withSlow: false);

        await vps.Lab.RunAsync("dd", "if=/dev/zero", $"of={State}/filler", "bs=1k", "count=1000"); // ends with the last free block
        await AssertRefusedAsync(vps, "Free some space");
        _ = (await vps.Lab.RunAsync("rm", $"{State}/filler")).Text;
        await AssertCompletedAsync(vps);

        _ = (await vps.Lab.RunAsync("mount", "-o", "remount,ro", State)).Text;
        await AssertRefusedAsync(vps, "mounted read-only");
        _ = (await vps.Lab.RunAsync("mount", "-o", "remount,rw", State)).Text;
        await AssertCompletedAsync(vps);

        var shots = await load.StopAsync();
        Assert.NotEmpty(shots);
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
    }

    [Fact]
    public async Task A_directory_that_is_gone_is_made_again_by_a_restart_and_the_slot_that_runs_stays()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await AssertCompletedAsync(vps); // green, which is not InitialSlot
        var load = MixedLoad.Start(vps.Public, withSlow: false);

        _ = (await vps.Lab.RunAsync("rm", "-r", State)).Text;
        var (status, ended) = await vps.SwitchAsync();
        Assert.True(status == 502 && ended.Outcome() == nameof(SwitchOutcome.Aborted), ended.ToString());
        Assert.Contains("Traffic stays on green", ended.Reason(), StringComparison.Ordinal);

        await vps.SystemctlAsync("restart", Vps.Proxy);
        await Eventually.TrueAsync(async () => await vps.ActiveSlotAsync() == SlotName.Green, "the slot that runs is active");
        await AssertCompletedAsync(vps);

        var shots = await load.StopAsync();
        Assert.NotEmpty(shots);
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
    }

    private static async Task AssertRefusedAsync(Vps vps, string advice)
    {
        var before = await vps.ActiveSlotAsync();
        var (status, ended) = await vps.SwitchAsync();
        var pause = await vps.EdgeProxyAsync("pause");

        Assert.True(status == 502 && ended.Outcome() == nameof(SwitchOutcome.Aborted), ended.ToString());
        Assert.Contains(advice, ended.Reason(), StringComparison.Ordinal);
        Assert.Contains("Nothing was started", ended.Reason(), StringComparison.Ordinal);
        Assert.NotEqual(0, pause.ExitCode); // one that a restart would end is none
        Assert.Contains(advice, pause.Error, StringComparison.Ordinal);
        Assert.Equal(before, await vps.ActiveSlotAsync());
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(before.Other())));
    }

    private static async Task AssertCompletedAsync(Vps vps)
    {
        var (status, ended) = await vps.SwitchAsync();
        Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), ended.ToString());
    }
}
