using System.Net;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>
/// The proxy ends in the middle of a phase, killed or stopped: its next process serves what <c>active.json</c> names, and finishes or undoes the rest.
/// Between two phases, see <see cref="CrashPointTests"/>.
/// </summary>
[Collection(EndToEndCollection.Name)]
public sealed class ProxyCrashTests(ProxyCrashTests.Machine machine) : IClassFixture<ProxyCrashTests.Machine>
{
    /// <summary>One machine for all: each test begins with blue active and green stopped.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private Vps? _vps;

        public async ValueTask InitializeAsync() => _vps = SystemdLab.SkipReason is null ? await Vps.StartAsync(settings: LongWarmUp) : null;

        public async Task<Vps> WithBlueActiveAsync()
        {
            var vps = _vps ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");
            await vps.ChangeUnitAsync(SlotName.Blue, "");
            if (await vps.ActiveSlotAsync() != SlotName.Blue)
            {
                Assert.Equal(200, (await vps.SwitchAsync()).Status);
            }

            return vps;
        }

        public ValueTask DisposeAsync() => _vps?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private const string StateInside = "/var/lib/edgeproxy";

    /// <summary>Long enough to be met, and four at a time for three workers.</summary>
    private const string LongWarmUp = """ "Switch": { "WarmUp": ["/slow?ms=700"], "Observe": "00:00:00" }, """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The flip itself is too short for this.</summary>
    public static TheoryData<SwitchPhase> LongPhases =>
        [SwitchPhase.StartIdle, SwitchPhase.Probe, SwitchPhase.WarmUp, SwitchPhase.Drain, SwitchPhase.StopOld];

    /// <summary>With a job of systemd's under way, or a request in the old slot; the other phases leave nothing that the steps between them do not
    /// leave.</summary>
    [Theory]
    [InlineData(SwitchPhase.StartIdle)]
    [InlineData(SwitchPhase.Drain)]
    [InlineData(SwitchPhase.StopOld)]
    public async Task Killed_in_a_phase_the_next_process_finishes_or_undoes_the_switch(SwitchPhase phase)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var vps = await machine.WithBlueActiveAsync();
        using var client = new Client(vps.Public);
        await using var running = await RunningSwitch.BeginAsync(vps, phase, client);

        await vps.SystemctlAsync("kill", "--signal=KILL", Vps.Proxy);
        await Eventually.TrueAsync(async () => await vps.ActiveStateAsync(Vps.Proxy) == "failed", "the proxy is dead");
        var left = ReadJournal(vps);
        Assert.Equal(phase, left.Phase);
        var meanwhile = client.AskAsync("/"); // nobody accepts it: it waits in the socket that systemd holds
        await vps.SystemctlAsync("start", Vps.Proxy);

        await AssertRecoveredAsync(vps, left.Id, phase, client, await meanwhile);
    }

    [Theory]
    [MemberData(nameof(LongPhases))]
    public async Task Stopped_in_a_phase_it_leaves_the_switch_to_the_next_process(SwitchPhase phase)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var vps = await machine.WithBlueActiveAsync();
        using var client = new Client(vps.Public);
        await using var running = await RunningSwitch.BeginAsync(vps, phase, client);

        await vps.SystemctlAsync("stop", Vps.Proxy);
        var left = ReadJournal(vps);
        Assert.Equal(phase, left.Phase);
        var (status, told) = await running.Response;
        Assert.Equal(503, status);
        Assert.Equal((left.Id, null), (told.GetProperty("id").GetString(), told.Outcome()));
        if (running.InFlight is { } inFlight)
        {
            Assert.Equal((HttpStatusCode.OK, left.From), await inFlight); // the stop waits for it, and the unit that serves it is let alone
        }

        var meanwhile = client.AskAsync("/");
        await vps.SystemctlAsync("start", Vps.Proxy);

        await AssertRecoveredAsync(vps, left.Id, phase, client, await meanwhile);
    }

    /// <summary>Everything is as after a switch that ended by itself, and the history says how this one did.</summary>
    private static async Task AssertRecoveredAsync(
        Vps vps, string id, SwitchPhase phase, Client client, (HttpStatusCode Status, SlotName? Slot) meanwhile)
    {
        var expected = phase > SwitchPhase.Flip ? SlotName.Green : SlotName.Blue;
        Assert.Equal(expected, await vps.ActiveSlotAsync());
        Assert.Equal((HttpStatusCode.OK, expected), meanwhile);
        Assert.Equal((HttpStatusCode.OK, expected), await client.AskAsync("/"));

        await Eventually.TrueAsync(() => !File.Exists(JournalOf(vps)), "the switch is concluded");
        Assert.Equal("active", await vps.ActiveStateAsync(Vps.UnitOf(expected)));
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(expected.Other())));
        var ended = await vps.GetAsync($"/switches/{id}");
        Assert.Equal((expected == SlotName.Blue ? SwitchOutcome.Aborted : SwitchOutcome.CompletedWithWarnings).ToString(), ended.Outcome());
        Assert.Contains($"Traffic is on {expected.ToKey()}; {Vps.UnitOf(expected.Other())} was stopped", ended.Reason(), StringComparison.Ordinal);

        await vps.SetEnvironmentAsync(SlotName.Green); // whatever made the phase long
        var (status, again) = await vps.SwitchAsync();
        Assert.True(status == 200 && again.Outcome() == nameof(SwitchOutcome.Completed), again.ToString());
        Assert.Equal((HttpStatusCode.OK, expected.Other()), await client.AskAsync("/"));
        Assert.False(File.Exists(JournalOf(vps)));
    }

    private static string JournalOf(Vps vps) => $"{vps.Lab.Root}{StateInside}/{SwitchCheckpointFile.FileName}";

    private static Switch ReadJournal(Vps vps) =>
        JsonSerializer.Deserialize(File.ReadAllText(JournalOf(vps)), SwitchingJson.Default.SwitchCheckpoint)!.Switch;

    /// <summary>A switch that stays in a phase until the test has done something to it.</summary>
    private sealed class RunningSwitch(
        Task<(int Status, JsonElement Switch)> response, Task<(HttpStatusCode Status, SlotName? Slot)>? inFlight) : IAsyncDisposable
    {
        /// <summary>What its caller, who waits for its end, is told.</summary>
        public Task<(int Status, JsonElement Switch)> Response => response;

        /// <summary>A request in the old slot; null: none.</summary>
        public Task<(HttpStatusCode Status, SlotName? Slot)>? InFlight => inFlight;

        public static async Task<RunningSwitch> BeginAsync(Vps vps, SwitchPhase phase, Client client)
        {
            await MakeLongAsync(vps, phase);
            using var follower = await SwitchFollower.FollowAsync(vps);
            var response = vps.SwitchAsync();
            Task<(HttpStatusCode, SlotName?)>? inFlight = null;
            if (phase == SwitchPhase.Drain)
            {
                await follower.BeginsAsync(SwitchPhase.WarmUp);
                inFlight = client.PostAsync("/slow?ms=5000");
            }

            await follower.BeginsAsync(phase);
            if (phase == SwitchPhase.StartIdle)
            {
                // The phase begins with a look around; only then is something there to undo.
                await Eventually.TrueAsync(
                    async () => await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)) == "activating", "the candidate is being started");
            }

            return new RunningSwitch(response, inFlight);
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
            await ((Task)response).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await (inFlight ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Asks over a new connection each time.</summary>
    private sealed class Client(Uri target) : IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = target,
            Timeout = TimeSpan.FromSeconds(60),
        };

        public Task<(HttpStatusCode Status, SlotName? Slot)> AskAsync(string path) => ReadAsync(_client.GetAsync(path, Cancellation));

        /// <summary>With a body, so that the client does not send it again by itself.</summary>
        public Task<(HttpStatusCode Status, SlotName? Slot)> PostAsync(string path) =>
            ReadAsync(_client.PostAsync(path, new StringContent("once"), Cancellation));

        public void Dispose() => _client.Dispose();

        private static async Task<(HttpStatusCode Status, SlotName? Slot)> ReadAsync(Task<HttpResponseMessage> request)
        {
            using var response = await request;
            SlotName? slot = response.Headers.TryGetValues("X-Slot", out var said) && SlotNameExtensions.TryParse(said.Single(), out var name) ? name : null;
            return (response.StatusCode, slot);
        }
    }
}
