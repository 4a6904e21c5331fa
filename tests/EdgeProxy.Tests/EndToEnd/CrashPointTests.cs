using System.Globalization;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>
/// SIGKILL at every step that outlives the process, under load: the next process serves what <c>active.json</c> names, the units are as they should be, and
/// only what was in flight at that moment has failed. The steps are counted until a switch survives, so that none is left out.
/// </summary>
[Collection(EndToEndCollection.Name)]
public sealed class CrashPointTests
{
    /// <summary>More points than any stage has: whoever gets there counts wrong.</summary>
    private const int Limit = 60;

    private const string Moved = "active.json renamed";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_at_each_step_of_a_switch()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var run = await CrashRun.StartAsync(CrashPoint.Switch, """
            "Switch": {
              "Observe": "00:00:00",
              "Hooks": { "BeforeFlip": [{ "Command": ["/bin/true"] }], "AfterEnd": [{ "Command": ["/bin/sh", "-c", "test -n $EDGEPROXY_OUTCOME"] }] }
            },
            """);

        await run.AtEachPointAsync(async (vps, from, point) =>
        {
            var status = await run.SurvivesAsync(vps.SwitchAsync(), point);
            if (status is null)
            {
                var moved = run.Steps.Contains(Moved);
                await run.AssertRecoveredAsync(moved ? from.Other() : from, isIdleStopped: true, point == 1 ? null : run.Steps[^1] switch
                {
                    "history.jsonl appended to" or "history.jsonl durable" or "switch.json removed" => SwitchOutcome.Completed,
                    // It is written for the claim, for the first hook, and with the outcome for the last one, whose phase has noted it before.
                    _ when run.Steps.Count(step => step == "switch.json written beside") == 3 => SwitchOutcome.Completed,
                    _ => moved ? SwitchOutcome.CompletedWithWarnings : SwitchOutcome.Aborted,
                });
            }

            return status == 200;
        });
    }

    [Fact]
    public async Task Killed_at_each_step_of_a_rollback()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var run = await CrashRun.StartAsync(CrashPoint.Rollback, """ "Switch": { "Observe": "00:10:00" }, """);

        await run.AtEachPointAsync(async (vps, from, point) =>
        {
            var running = StatusAsync(vps.SwitchAsync());
            await Eventually.TrueAsync(async () => PhaseOf(await vps.GetAsync("/status")) == nameof(SwitchPhase.Observe), "it is observed");
            var status = await run.SurvivesAsync(vps.PostAsync("/rollback"), point);
            if (status is null)
            {
                var movedBack = run.Steps.Contains(Moved);
                await run.AssertRecoveredAsync(
                    movedBack ? from : from.Other(), isIdleStopped: true, movedBack ? SwitchOutcome.RolledBack : SwitchOutcome.CompletedWithWarnings);
            }

            Assert.Equal(status is null ? null : 502, await running);
            return status == 200;
        });
    }

    [Fact]
    public async Task Killed_at_each_step_of_a_rollback_to_a_warm_slot()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var run = await CrashRun.StartAsync(CrashPoint.Reuse, """ "Switch": { "Observe": "00:00:00", "KeepWarm": "01:00:00" }, """);
        Assert.Equal(200, await StatusAsync(run.Vps.SwitchAsync()));

        await run.AtEachPointAsync(async (vps, from, point) =>
        {
            var status = await run.SurvivesAsync(vps.PostAsync("/rollback"), point);
            if (status is null)
            {
                var moved = run.Steps.Contains(Moved);
                await run.AssertRecoveredAsync(moved ? from.Other() : from, isIdleStopped: false, point == 1 ? null : run.Steps[^1] switch
                {
                    "history.jsonl appended to" or "history.jsonl durable" or "switch.json removed" => SwitchOutcome.Completed,
                    _ => moved ? SwitchOutcome.CompletedWithWarnings : SwitchOutcome.Aborted,
                });
            }

            return status == 200;
        });
    }

    [Fact]
    public async Task Killed_at_each_step_of_a_canary_and_its_flip()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var run = await CrashRun.StartAsync(
            CrashPoint.Canary,
            """ "Switch": { "Observe": "00:00:00", "Canary": [{ "Share": 20, "For": "00:00:01" }, { "Share": 50, "For": "00:00:01" }] }, """);

        await run.AtEachPointAsync(async (vps, from, point) =>
        {
            var status = await run.SurvivesAsync(vps.SwitchAsync(), point);
            if (status is null)
            {
                var moved = run.Steps.Contains(Moved);
                await run.AssertRecoveredAsync(moved ? from.Other() : from, isIdleStopped: true, run.Steps[^1] switch
                {
                    "history.jsonl appended to" or "history.jsonl durable" or "switch.json removed" => SwitchOutcome.Completed,
                    _ => moved ? SwitchOutcome.CompletedWithWarnings : SwitchOutcome.RolledBack,
                });
            }

            return status == 200;
        });
        Assert.Equal(2, run.Steps.Count(step => step == "traffic shared"));
    }

    [Fact]
    public async Task Killed_at_each_step_of_an_abort_of_a_canary()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var run = await CrashRun.StartAsync(CrashPoint.Canary, """ "Switch": { "Canary": [{ "Share": 20, "For": "00:10:00" }] }, """);

        await run.AtEachPointAsync(moves: false, async (vps, from, point) =>
        {
            int? status;
            if (point == 1) // the share itself
            {
                status = await run.SurvivesAsync(vps.SwitchAsync(), point);
            }
            else
            {
                var running = StatusAsync(vps.SwitchAsync());
                await Eventually.TrueAsync(async () => PhaseOf(await vps.GetAsync("/status")) == nameof(SwitchPhase.Canary), "clients get it");
                status = await run.SurvivesAsync(vps.PostAsync("/abort"), point);
                Assert.Equal(status is null ? null : 502, await running);
            }

            if (status is null)
            {
                await run.AssertRecoveredAsync(from, isIdleStopped: true, SwitchOutcome.RolledBack);
            }

            return status == 200;
        });
        Assert.Contains("traffic taken back", run.Steps);
    }

    /// <summary>The next process, while it finishes what the former one has left.</summary>
    [Fact]
    public async Task Killed_at_each_step_of_the_recovery()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var steps = 0;
        for (var point = 1; ; point++)
        {
            Assert.InRange(point, 1, Limit);
            await vps.SystemctlAsync("stop", Vps.Proxy);
            await LeaveAsync(vps, $"left-{point}");
            await vps.SetProxyEnvironmentAsync($"{CrashPoint.Variable}={CrashPoint.Start} {point}");
            await vps.Lab.RunAsync("systemctl", "start", Vps.Proxy); // fails where it is killed before it is ready
            await Eventually.TrueAsync(
                async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed" || await IsSettledAsync(vps, SlotName.Green, isIdleStopped: true),
                "it is killed, or done");
            var survived = await vps.ActiveStateAsync(Vps.Proxy) == "active";
            await vps.SetProxyEnvironmentAsync();
            await vps.SystemctlAsync("start", Vps.Proxy);

            await Eventually.TrueAsync(() => IsSettledAsync(vps, SlotName.Green, isIdleStopped: true), "the units are as they should be");
            Assert.Equal(nameof(SwitchOutcome.CompletedWithWarnings), (await vps.GetAsync($"/switches/left-{point}")).Outcome());
            if (survived)
            {
                break;
            }

            steps++;
        }

        Assert.InRange(steps, 4, Limit);
        Figures.Report($"killed at each of the {steps} steps of a recovery, and recovered");
    }

    /// <summary>Null: the proxy was killed before it responded.</summary>
    private static async Task<int?> StatusAsync(Task<(int Status, JsonElement Switch)> call)
    {
        try
        {
            return (await call).Status;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static string? PhaseOf(JsonElement status) =>
        status.GetProperty("switch") is { ValueKind: JsonValueKind.Object } running ? running.GetProperty("phase").GetString() : null;

    /// <summary>What a process leaves that was killed in its drain: traffic has moved to green, and blue still runs.</summary>
    private static async Task LeaveAsync(Vps vps, string id)
    {
        await vps.SystemctlAsync("start", Vps.UnitOf(SlotName.Blue), Vps.UnitOf(SlotName.Green));
        var left = new Switch { Id = id, From = SlotName.Blue, To = SlotName.Green, Phase = SwitchPhase.Drain, StartedAt = DateTimeOffset.UnixEpoch };
        await WriteAsync(ActiveSlotFile.FileName, JsonSerializer.Serialize(
            new ActiveSlot { Version = 1, Slot = SlotName.Green, Since = DateTimeOffset.UnixEpoch, Switch = id }, SwitchingJson.Default.ActiveSlot));
        await WriteAsync(SwitchCheckpointFile.FileName, JsonSerializer.Serialize(
            new SwitchCheckpoint { Version = 1, StartsCandidate = true, Switch = left }, SwitchingJson.Default.SwitchCheckpoint));

        // Into the files that are there: a new one would be root's.
        async Task WriteAsync(string name, string content)
        {
            await vps.Lab.WriteFileAsync($"/var/lib/edgeproxy/{name}", content);
            _ = (await vps.Lab.RunAsync("chown", "edgeproxy:edgeproxy", $"/var/lib/edgeproxy/{name}")).Text;
        }
    }

    private static async Task<bool> IsSettledAsync(Vps vps, SlotName active, bool isIdleStopped) =>
        !File.Exists($"{vps.Lab.Root}/var/lib/edgeproxy/{SwitchCheckpointFile.FileName}")
        && await vps.ActiveStateAsync(Vps.UnitOf(active)) == "active"
        && (!isIdleStopped || await vps.ActiveStateAsync(Vps.UnitOf(active.Other())) == "inactive");

    /// <summary>A machine under load whose proxy is killed at one point after the other.</summary>
    private sealed class CrashRun(Vps vps, string stage) : IAsyncDisposable
    {
        private readonly List<DateTimeOffset> _deaths = [];

        public Vps Vps => vps;

        /// <summary>The steps up to the last kill, each a kill of its own.</summary>
        public List<string> Steps { get; } = [];

        public static async Task<CrashRun> StartAsync(string stage, string settings)
        {
            var vps = await Vps.StartAsync(new AppUnits(Workers: 2), settings);
            await vps.SetProxyEnvironmentAsync($"{CrashPoint.Variable}={stage} 1");
            await vps.SystemctlAsync("restart", Vps.Proxy);
            return new CrashRun(vps, stage);
        }

        /// <summary>Waits for a response, or for the kill, and notes at which step that was.</summary>
        public async Task<int?> SurvivesAsync(Task<(int Status, JsonElement Switch)> call, int point)
        {
            if (await StatusAsync(call) is { } status)
            {
                return status;
            }

            _deaths.Add(TimeProvider.System.GetUtcNow());
            var mark = $"{CrashPoint.Variable} {stage} {point}: ";
            string? line = null;
            await Eventually.TrueAsync(async () => (line = await LastLineAsync(mark)) is not null, $"the journal has '{mark}'");
            Steps.Add(line![mark.Length..]);
            return null;
        }

        /// <param name="act">Does what the process is killed in, and checks what came of it. True: it survived, so there are no more points.</param>
        public Task AtEachPointAsync(Func<Vps, SlotName, int, Task<bool>> act) => AtEachPointAsync(moves: true, act);

        /// <param name="moves">It makes another slot active.</param>
        /// <param name="act">See above.</param>
        public async Task AtEachPointAsync(bool moves, Func<Vps, SlotName, int, Task<bool>> act)
        {
            var started = TimeProvider.System.GetTimestamp();
            var load = MixedLoad.Start(vps.Public, withSlow: false);
            for (var point = 1; ; point++)
            {
                Assert.InRange(point, 1, Limit);
                await vps.SetProxyEnvironmentAsync($"{CrashPoint.Variable}={stage} {point + 1}"); // for the process after this one
                if (await act(vps, await vps.ActiveSlotAsync(), point))
                {
                    break;
                }
            }

            var shots = await load.StopAsync();
            var failed = shots.Where(shot => shot.Failure is not null).ToArray();
            Assert.All(failed, shot => Assert.True(_deaths.Any(died => WasInFlight(shot, died)), $"{shot}; deaths {string.Join(", ", _deaths)}"));
            Assert.Equal(moves, Steps.Contains(Moved));
            Figures.Report(string.Create(
                CultureInfo.InvariantCulture,
                $"killed at each of the {Steps.Count} steps of a {stage}: {shots.Count} requests, {failed.Length} failed, all of them in flight at a kill; " +
                    $"{TimeProvider.System.GetElapsedTime(started).TotalSeconds:F0} s: {string.Join(", ", Steps)}"));
        }

        /// <summary>After a kill: waits for the next process and looks whether all is as it should be.</summary>
        /// <param name="active">The slot that must be active.</param>
        /// <param name="isIdleStopped">False: the other one is warm, or may be.</param>
        /// <param name="outcome">How the history must say that the switch ended; null: nothing of it was kept yet.</param>
        public async Task AssertRecoveredAsync(SlotName active, bool isIdleStopped, SwitchOutcome? outcome)
        {
            Assert.Equal(active, await vps.ActiveSlotAsync());
            await vps.SystemctlAsync("start", Vps.Proxy); // or its socket did that before
            await Eventually.TrueAsync(() => IsSettledAsync(vps, active, isIdleStopped), $"after a kill at '{Steps[^1]}' the units are as they should be");
            Assert.Equal(active, await vps.ActiveSlotAsync());
            using var client = new HttpClient { BaseAddress = vps.Public };
            using var response = await client.GetAsync("/", Cancellation);
            Assert.True(
                response.IsSuccessStatusCode && response.Headers.GetValues("X-Slot").Single() == active.ToKey(), $"after a kill at '{Steps[^1]}': {response}");
            if (outcome is not null)
            {
                var last = (await vps.GetAsync("/switches")).GetProperty("switches")[0];
                Assert.True(last.Outcome() == outcome.ToString(), $"after a kill at '{Steps[^1]}': {last}");
            }
        }

        public ValueTask DisposeAsync() => vps.DisposeAsync();

        private async Task<string?> LastLineAsync(string mark) =>
            (await vps.Lab.RunAsync("journalctl", "--no-pager", "-o", "cat", "-n", "100", "-u", Vps.Proxy)).Text.Split('\n')
                .LastOrDefault(line => line.StartsWith(mark, StringComparison.Ordinal));

        /// <summary>It began before the kill was noticed here, and had not ended before; a busy machine notices late.</summary>
        private static bool WasInFlight(Shot shot, DateTimeOffset died) =>
            shot.Started < died + TimeSpan.FromMilliseconds(250) && shot.Ended > died - TimeSpan.FromSeconds(1);
    }
}
