using System.Globalization;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>What the product promises: deploys under load lose nothing.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SwitchUnderLoadTests
{
    /// <summary>The clocks of the two processes are one; the admin API rounds to milliseconds.</summary>
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(2);

    [Theory]
    [InlineData("sync workers", 3, null, "SIGTERM", 20)]
    [InlineData("threaded workers", 2, 4, "SIGTERM", 10)]
    [InlineData("sync workers of the recipe, with SIGQUIT", 3, null, "SIGQUIT", 10)]
    public async Task Switches_in_a_row_lose_nothing(string what, int workers, int? threads, string killSignal, int count)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(new AppUnits(workers, threads, killSignal));
        var load = MixedLoad.Start(vps.Public);
        var switches = new List<JsonElement>();
        for (var i = 0; i < count; i++)
        {
            var (status, ended) = await vps.SwitchAsync();
            Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), ended.ToString());
            switches.Add(ended);
        }

        var shots = await load.StopAsync();

        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        AssertEveryResponseCameFromTheRightSlot(shots, switches);
        Assert.All(shots.GroupBy(shot => shot.Kind), kind => Assert.True(kind.Count() >= count, $"{kind.Key}: only {kind.Count()} requests"));
        Report(what, shots, switches);
    }

    /// <summary>None from the new slot before the flip began, and none that started after it had ended from the old one.</summary>
    private static void AssertEveryResponseCameFromTheRightSlot(IReadOnlyList<Shot> shots, List<JsonElement> switches)
    {
        var flips = switches.ConvertAll(one => (
            To: SlotNameExtensions.TryParse(one.GetProperty("to").GetString(), out var to) ? to : default,
            Began: one.Phase(SwitchPhase.Flip).StartedAt() - Rounding,
            Ended: one.Phase(SwitchPhase.Flip).StartedAt() + one.Phase(SwitchPhase.Flip).Duration() + Rounding));
        var first = flips[0].To.Other();
        foreach (var shot in shots)
        {
            // The slots that were active at some moment between the shot's start and end.
            var possible = flips
                .Select((flip, i) => (flip.To, From: flip.Began, Until: i + 1 < flips.Count ? flips[i + 1].Ended : DateTimeOffset.MaxValue))
                .Prepend((To: first, From: DateTimeOffset.MinValue, Until: flips[0].Ended))
                .Where(period => period.From <= shot.Ended && shot.Started <= period.Until)
                .Select(period => period.To);
            Assert.Contains(shot.Slot!.Value, possible);
        }
    }

    private static void Report(string what, IReadOnlyList<Shot> shots, List<JsonElement> switches)
    {
        var times = switches.ConvertAll(SwitchTimes.Of);
        Figures.Report(
            $"{what}: {switches.Count} switches, {shots.Count} requests, 0 failed. A switch took {Median(time => time.Total)}: the unit's boot " +
                $"{Median(time => time.Boot)}, "
            + $"its probes {Median(time => time.Probes)}, the drain {Median(time => time.Drain)}, the old unit's stop {Median(time => time.Stop)}; "
            + $"EdgeProxy added {Median(time => time.Added)}, at worst {times.Max(time => time.Added).TotalMilliseconds:F0} ms.");

        string Median(Func<SwitchTimes, TimeSpan> part) => $"{times.Select(part).Order().ElementAt(times.Count / 2).TotalMilliseconds:F0} ms";
    }

    /// <summary>Where the time of a switch went.</summary>
    /// <param name="Boot">Until the candidate's first good response.</param>
    /// <param name="Probes">From then until it had given as many as it must.</param>
    private sealed record SwitchTimes(TimeSpan Total, TimeSpan Boot, TimeSpan Probes, TimeSpan Drain, TimeSpan Stop)
    {
        /// <summary>The rest is EdgeProxy's own.</summary>
        public TimeSpan Added => Total - Boot - Probes - Drain - Stop;

        public static SwitchTimes Of(JsonElement one)
        {
            // "first good response 1.247 s after the switch began, ..."
            var probe = one.Phase(SwitchPhase.Probe);
            var boot = TimeSpan.FromSeconds(double.Parse(probe.GetProperty("detail").GetString()!.Split(' ')[3], CultureInfo.InvariantCulture));
            var probed = probe.StartedAt() + probe.Duration() - one.StartedAt();
            return new SwitchTimes(one.Duration(), boot, probed - boot, one.Phase(SwitchPhase.Drain).Duration(), one.Phase(SwitchPhase.StopOld).Duration());
        }
    }
}
