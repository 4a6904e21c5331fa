using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>An operator restarts the active unit under load: what refuses or breaks off meanwhile is held, and sent again where that is safe.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class RestartByHandTests
{
    private const int Restarts = 5;

    [Theory]
    [InlineData("sync workers", 3, null, "SIGTERM")]
    [InlineData("threaded workers", 2, 4, "SIGTERM")]
    [InlineData("sync workers with SIGQUIT", 3, null, "SIGQUIT")]
    public async Task Requests_without_a_body_all_succeed(string what, int workers, int? threads, string killSignal)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(new AppUnits(workers, threads, killSignal));
        var load = MixedLoad.Start(vps.Public, withBodies: false);

        for (var i = 0; i < Restarts; i++)
        {
            var seen = load.Shots.Count;
            await vps.SystemctlAsync("restart", Vps.UnitOf(SlotName.Blue));
            await Eventually.TrueAsync(() => load.Shots.Count > seen + 50, "the load goes on");
        }

        var shots = await load.StopAsync();
        await AssertNoneFailedAsync(vps, shots);
        var longest = shots.Where(shot => shot.Kind.StartsWith("fast", StringComparison.Ordinal)).Max(shot => shot.Ended - shot.Started);
        Figures.Report($"{what}: {Restarts} restarts, {shots.Count} requests, 0 failed; the longest fast GET took {longest.TotalMilliseconds:F0} ms");
    }

    /// <summary>What an operator has stopped is his to start again; until then clients are told, and not kept waiting.</summary>
    [Fact]
    public async Task A_unit_that_was_stopped_by_hand_gets_503_and_is_not_started()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await vps.SystemctlAsync("stop", Vps.UnitOf(SlotName.Blue));
        using var client = new HttpClient { BaseAddress = vps.Public };

        using var response = await client.GetAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        // Anybody reads the response; the unit is for who runs the server.
        Assert.Contains(
            "does not accept connections, and is not about to", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Contains(
            Vps.UnitOf(SlotName.Blue), (await vps.Lab.RunAsync("journalctl", "--unit", Vps.Proxy, "--output", "cat", "--no-pager", "-n", "20")).Text,
            StringComparison.Ordinal);
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Blue)));

        await vps.SystemctlAsync("start", Vps.UnitOf(SlotName.Blue));
        Assert.True((await client.GetAsync("/", TestContext.Current.CancellationToken)).IsSuccessStatusCode);
    }

    /// <summary>The recipe has RestartSec=10; clients do not wait for it.</summary>
    [Fact]
    public async Task A_unit_that_crashed_is_started_at_once()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        await vps.ChangeUnitAsync(SlotName.Blue, "[Service]\nRestartSec=1h\n");
        var load = MixedLoad.Start(vps.Public, withBodies: false);
        await Eventually.TrueAsync(() => load.Shots.Count > 20, "the load runs");

        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.UnitOf(SlotName.Blue));
        var seen = load.Shots.Count;
        await Eventually.TrueAsync(() => load.Shots.Count > seen + 100, "the unit is back");

        await AssertNoneFailedAsync(vps, await load.StopAsync());
    }

    private static async Task AssertNoneFailedAsync(Vps vps, IReadOnlyList<Shot> shots)
    {
        var failed = shots.Where(shot => shot.Failure is not null).ToList();
        Assert.True(
            failed.Count == 0,
            $"{failed.Count} of {shots.Count} failed: {string.Join('\n', failed.Take(5))}\n{(failed.Count > 0 ? await vps.JournalAsync() : "")}");
    }
}
