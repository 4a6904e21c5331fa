using System.Net;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using Process = System.Diagnostics.Process;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The proxy ends in the middle of a switch, killed or stopped: its next process serves what <c>active.json</c> names, and finishes or undoes the rest.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ProxyCrashTests
{
    private const string StateInside = "/var/lib/edgeproxy";

    /// <summary>Long enough to be met, and four at a time for three workers.</summary>
    private const string LongWarmUp = """ "Switch": { "WarmUp": ["/slow?ms=1500"], "Observe": "00:00:00" }, """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The flip itself is too short for this: <see cref="Killed_within_the_flip_the_file_tells_which_side_it_is_on"/>.</summary>
    public static TheoryData<SwitchPhase> LongPhases =>
        [SwitchPhase.StartIdle, SwitchPhase.Probe, SwitchPhase.WarmUp, SwitchPhase.Drain, SwitchPhase.StopOld];

    [Theory]
    [MemberData(nameof(LongPhases))]
    public async Task Killed_in_a_phase_the_next_process_finishes_or_undoes_the_switch(SwitchPhase phase)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: LongWarmUp);
        using var visitor = new Visitor(vps.Public);
        await using var running = await RunningSwitch.BeginAsync(vps, phase, visitor);

        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.Proxy);
        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed", "the proxy is dead");
        var left = ReadJournal(vps);
        Assert.Equal(phase, left.Phase);
        var meanwhile = visitor.AskAsync("/"); // nobody accepts it: it waits in the socket that systemd holds
        await vps.SystemctlAsync("start", Vps.Proxy);

        await AssertRecoveredAsync(vps, left.Id, phase, visitor, await meanwhile);
    }

    [Theory]
    [MemberData(nameof(LongPhases))]
    public async Task Stopped_in_a_phase_it_leaves_the_switch_to_the_next_process(SwitchPhase phase)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: LongWarmUp);
        using var visitor = new Visitor(vps.Public);
        await using var running = await RunningSwitch.BeginAsync(vps, phase, visitor);

        await vps.SystemctlAsync("stop", Vps.Proxy);
        var left = ReadJournal(vps);
        Assert.Equal(phase, left.Phase);
        var (status, told) = await running.Answer;
        Assert.Equal(503, status);
        Assert.Equal((left.Id, null), (told.GetProperty("id").GetString(), told.Outcome()));
        if (running.InFlight is { } inFlight)
        {
            Assert.Equal((HttpStatusCode.OK, left.From), await inFlight); // the stop waits for it, and the unit that serves it is let alone
        }

        var meanwhile = visitor.AskAsync("/");
        await vps.SystemctlAsync("start", Vps.Proxy);

        await AssertRecoveredAsync(vps, left.Id, phase, visitor, await meanwhile);
    }

    /// <summary>A flip takes a few milliseconds; the kill comes with its first sign in the state directory, or right after the rename.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_within_the_flip_the_file_tells_which_side_it_is_on(bool isRenamed)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        using var visitor = new Visitor(vps.Public);
        using var proxy = await FindProxyAsync(vps);
        await using (await RunningSwitch.BeginAsync(vps, SwitchPhase.Probe, visitor, makeLong: false))
        {
            Func<bool> hasBegun = () => ReadJournal(vps).Phase >= SwitchPhase.Flip;
            Func<bool> hasMoved = () => File.ReadAllText(ActiveOf(vps)).Contains("green", StringComparison.Ordinal);
            KillAsSoonAs(isRenamed ? hasMoved : hasBegun, proxy);
        }

        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed", "the proxy is dead");
        var left = ReadJournal(vps);
        var active = await vps.ActiveSlotAsync();
        Figures.Report($"killed {(isRenamed ? "after the rename" : "as the flip began")}: in {left.Phase}, active.json names {active.ToKey()}");
        Assert.InRange(left.Phase, SwitchPhase.Flip, SwitchPhase.StopOld);
        var meanwhile = visitor.AskAsync("/");
        await vps.SystemctlAsync("start", Vps.Proxy);

        await AssertRecoveredAsync(vps, left.Id, active == left.From ? SwitchPhase.Flip : left.Phase, visitor, await meanwhile, active);
    }

    /// <summary>Everything is as after a switch that ended by itself, and the history says how this one did.</summary>
    private static async Task AssertRecoveredAsync(
        Vps vps, string id, SwitchPhase phase, Visitor visitor, (HttpStatusCode Status, SlotName? Slot) meanwhile, SlotName? decided = null)
    {
        var expected = decided ?? (phase > SwitchPhase.Flip ? SlotName.Green : SlotName.Blue);
        Assert.Equal(expected, await vps.ActiveSlotAsync());
        Assert.Equal((HttpStatusCode.OK, expected), meanwhile);
        Assert.Equal((HttpStatusCode.OK, expected), await visitor.AskAsync("/"));

        await Eventually.TrueAsync(() => !File.Exists(JournalOf(vps)), "the switch is concluded");
        Assert.Equal("active", await vps.ActiveStateAsync(Vps.UnitOf(expected)));
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(expected.Other())));
        var ended = await vps.GetAsync($"/switches/{id}");
        Assert.Equal((expected == SlotName.Blue ? SwitchOutcome.Aborted : SwitchOutcome.CompletedWithWarnings).ToString(), ended.Outcome());
        Assert.Contains($"Traffic is on {expected.ToKey()}; {Vps.UnitOf(expected.Other())} was stopped", ended.Reason(), StringComparison.Ordinal);

        await vps.SetEnvironmentAsync(SlotName.Green); // whatever made the phase long
        var (status, again) = await vps.SwitchAsync();
        Assert.True(status == 200 && again.Outcome() == nameof(SwitchOutcome.Completed), again.ToString());
        Assert.Equal((HttpStatusCode.OK, expected.Other()), await visitor.AskAsync("/"));
        Assert.False(File.Exists(JournalOf(vps)));
    }

    private static string ActiveOf(Vps vps) => $"{vps.Lab.Root}{StateInside}/{ActiveSlotFile.FileName}";

    private static string JournalOf(Vps vps) => $"{vps.Lab.Root}{StateInside}/{SwitchJournal.FileName}";

    private static Switch ReadJournal(Vps vps) =>
        JsonSerializer.Deserialize(File.ReadAllText(JournalOf(vps)), Json.EdgeProxyJson.Default.JournalEntry)!.Switch;

    /// <summary>Looks all the time, for a moment: what waits for an event of the file system comes too late.</summary>
    private static void KillAsSoonAs(Func<bool> sign, Process proxy)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!sign())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Eventually.Patience, "the sign did not come");
        }

        proxy.Kill();
    }

    /// <summary>The proxy's process, as this side of the namespace numbers it: a signal by systemctl would come too late.</summary>
    private static async Task<Process> FindProxyAsync(Vps vps)
    {
        var pidInside = (await vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.Proxy)).Text;
        var space = File.ResolveLinkTarget($"/proc/{vps.Lab.Pid}/ns/pid", returnFinalTarget: false)!.Name;
        return Process.GetProcesses().Single(process => NumbersOf(process) is [_, .., var inner] && inner == pidInside && SpaceOf(process) == space);

        static string[] NumbersOf(Process process)
        {
            try
            {
                return File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith("NSpid:", StringComparison.Ordinal)).Split('\t')[1..];
            }
            catch (IOException)
            {
                return []; // it has ended meanwhile
            }
        }

        static string? SpaceOf(Process process) => File.ResolveLinkTarget($"/proc/{process.Id}/ns/pid", returnFinalTarget: false)?.Name;
    }

    /// <summary>A switch that stays in a phase until the test has done something to it.</summary>
    private sealed class RunningSwitch(Task<(int Status, JsonElement Switch)> answer, Task<(HttpStatusCode Status, SlotName? Slot)>? inFlight) : IAsyncDisposable
    {
        /// <summary>What its caller, who waits for its end, is told.</summary>
        public Task<(int Status, JsonElement Switch)> Answer => answer;

        /// <summary>A request in the old slot; null: none.</summary>
        public Task<(HttpStatusCode Status, SlotName? Slot)>? InFlight => inFlight;

        public static async Task<RunningSwitch> BeginAsync(Vps vps, SwitchPhase phase, Visitor visitor, bool makeLong = true)
        {
            if (makeLong)
            {
                await MakeLongAsync(vps, phase);
            }

            using var follower = await SwitchFollower.FollowAsync(vps);
            var answer = vps.SwitchAsync();
            Task<(HttpStatusCode, SlotName?)>? inFlight = null;
            if (phase == SwitchPhase.Drain)
            {
                await follower.BeginsAsync(SwitchPhase.WarmUp);
                inFlight = visitor.PostAsync("/slow?ms=8000");
            }

            await follower.BeginsAsync(phase);
            if (phase == SwitchPhase.StartIdle)
            {
                // The phase begins with a look around; only then is something there to undo.
                await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)) == "activating", "the candidate is being started");
            }

            return new RunningSwitch(answer, inFlight);
        }

        private static Task MakeLongAsync(Vps vps, SwitchPhase phase) => phase switch
        {
            SwitchPhase.StartIdle => vps.SetEnvironmentAsync(SlotName.Green, "SAMPLE_BOOT_SECONDS=30"),
            SwitchPhase.Probe => vps.SetEnvironmentAsync(SlotName.Green, "SAMPLE_FAULT=health-500"),
            SwitchPhase.StopOld => vps.ChangeUnitAsync(SlotName.Blue, "[Service]\nExecStop=/bin/sleep 5\n"),
            _ => Task.CompletedTask,
        };

        /// <summary>The proxy's end cut what was in flight.</summary>
        public async ValueTask DisposeAsync()
        {
            await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await (inFlight ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Asks over a new connection each time.</summary>
    private sealed class Visitor(Uri target) : IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = target,
            Timeout = TimeSpan.FromSeconds(60),
        };

        public Task<(HttpStatusCode Status, SlotName? Slot)> AskAsync(string path) => ReadAsync(_client.GetAsync(path, Cancellation));

        /// <summary>With a body, so that the client does not send it again by itself.</summary>
        public Task<(HttpStatusCode Status, SlotName? Slot)> PostAsync(string path) => ReadAsync(_client.PostAsync(path, new StringContent("once"), Cancellation));

        public void Dispose() => _client.Dispose();

        private static async Task<(HttpStatusCode Status, SlotName? Slot)> ReadAsync(Task<HttpResponseMessage> request)
        {
            using var response = await request;
            SlotName? slot = response.Headers.TryGetValues("X-Slot", out var said) && SlotNameExtensions.TryParse(said.Single(), out var name) ? name : null;
            return (response.StatusCode, slot);
        }
    }
}
