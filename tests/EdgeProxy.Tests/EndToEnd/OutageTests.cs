using System.Globalization;
using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The active unit goes away: who comes meanwhile is held, or told soon where waiting is in vain. Real gunicorn, real systemd, <c>RestartSec</c> as in
/// the recipe or longer.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class OutageTests(OutageTests.Machine machine) : IClassFixture<OutageTests.Machine>
{
    private const int Held = 1_000;

    /// <summary>One machine for all: each test leaves it with blue active and green stopped.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private Vps? _vps;

        public Vps Vps => _vps ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

        public async ValueTask InitializeAsync() => _vps = SystemdLab.SkipReason is null ? await Vps.StartAsync() : null;

        public ValueTask DisposeAsync() => _vps?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private const string Patient = "[Service]\nRestartSec=1h\n";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Vps Vps => machine.Vps;

    private static string Blue => Vps.UnitOf(SlotName.Blue);

    /// <summary>The recipe's <c>RestartSec</c> is ten seconds, here it is an hour: only a start by the proxy can end this outage.</summary>
    [Fact]
    public async Task A_killed_master_is_started_at_once_and_a_thousand_requests_wait_for_it()
    {
        await PrepareAsync(Patient, "SAMPLE_BOOT_SECONDS=5");
        using var client = NewClient();
        await Vps.SystemctlAsync("kill", "--signal=KILL", "--kill-who=main", Blue);
        await Eventually.TrueAsync(async () => await Vps.ActiveStateAsync(Blue) == "activating", "blue is started again");
        var start = TimeProvider.System.GetTimestamp();

        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var leaving = Enumerable.Range(0, 100).Select(_ => client.GetAsync("/", leave.Token)).ToList();
        var staying = Enumerable.Range(0, Held - leaving.Count).Select(i => i % 2 == 0 ? client.GetAsync("/", Cancellation) : PostAsync(client)).ToList();
        await Eventually.TrueAsync(async () => await HeldAsync() == Held, $"{Held} requests are held");
        using (var refused = await client.GetAsync("/", Cancellation))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("Upstream:MaxHeldRequests", await refused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        await leave.CancelAsync();
        await Eventually.TrueAsync(async () => await HeldAsync() == staying.Count, "who has left is forgotten");
        await Task.WhenAll(leaving).ContinueWith(static _ => { }, Cancellation, TaskContinuationOptions.None, TaskScheduler.Default);

        Assert.All(await Task.WhenAll(staying), response => Assert.Equal(HttpStatusCode.OK, response.StatusCode));
        Figures.Report(
            $"{staying.Count} of {Held} held requests, half of them with bodies, were served when the killed unit was back, " +
                $"{TimeProvider.System.GetElapsedTime(start).TotalSeconds:F1} s "
            + $"after the first (its boot takes 5 s); {leaving.Count} had left and were forgotten");
        Assert.Equal(0, await HeldAsync());
    }

    /// <summary>What fails again waits for systemd, or for an operator: the proxy does not start it in a loop. A held request gets its response when it is
    /// mended.</summary>
    [Fact]
    public async Task A_unit_that_cannot_start_is_started_once_an_outage()
    {
        await PrepareAsync(Patient, "SAMPLE_FAULT=import");
        using var client = NewClient();
        var before = await StartsAsync();
        await Vps.SystemctlAsync("kill", "--signal=KILL", "--kill-who=main", Blue);
        await Eventually.TrueAsync(async () => await Vps.SubStateAsync(Blue) == "auto-restart", "its workers, which could respond still, have ended too");
        var waiting = client.GetAsync("/", Cancellation);
        await Eventually.TrueAsync(
            async () => await StartsAsync() == before + 1 && await Vps.SubStateAsync(Blue) == "auto-restart", "it was started, and has failed again");

        await Vps.SetEnvironmentAsync(SlotName.Blue);
        await Vps.SystemctlAsync("restart", Blue); // to systemd 252 a start has to wait for RestartSec

        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
        Assert.Equal(before + 1, await StartsAsync());

        async Task<int> StartsAsync() =>
            (await Vps.Lab.RunAsync("journalctl", "--no-pager", "-u", Vps.Proxy)).Text.Split(
                $"{Blue} of the active slot Blue has ended and waits for its restart").Length - 1;
    }

    /// <summary>Nobody but an operator brings it back: waiting is in vain.</summary>
    [Fact]
    public async Task A_unit_that_has_failed_for_good_gets_503_soon()
    {
        await PrepareAsync("[Service]\nRestart=no\n");
        await Vps.SystemctlAsync("kill", "--signal=KILL", "--kill-who=main", Blue);
        await Eventually.TrueAsync(async () => await Vps.ActiveStateAsync(Blue) == "failed", "blue has failed");
        using var client = NewClient();

        var start = TimeProvider.System.GetTimestamp();
        using var response = await client.GetAsync("/", Cancellation);
        Figures.Report($"a unit that has failed for good: 503 after {TimeProvider.System.GetElapsedTime(start).TotalSeconds:F1} s");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.DoesNotContain(Blue, await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal); // anybody reads it
        var log = (await Vps.Lab.RunAsync("journalctl", "--unit", Vps.Proxy, "--output", "cat", "--no-pager", "-n", "20")).Text;
        Assert.Contains($"{Blue} failed (killed by signal 9)", log, StringComparison.Ordinal);
        Assert.Equal("failed", await Vps.ActiveStateAsync(Blue)); // and it is not started
    }

    [Fact]
    public async Task A_flip_frees_held_requests()
    {
        await PrepareAsync(Patient, "SAMPLE_BOOT_SECONDS=25");
        using var client = NewClient();
        await Vps.SystemctlAsync("kill", "--signal=KILL", "--kill-who=main", Blue);
        await Eventually.TrueAsync(async () => await Vps.ActiveStateAsync(Blue) == "activating", "blue is started again");
        var waiting = Enumerable.Range(0, 100).Select(i => i % 2 == 0 ? client.GetAsync("/", Cancellation) : PostAsync(client)).ToList();
        await Eventually.TrueAsync(async () => await HeldAsync() == waiting.Count, "the requests are held");

        var (_, ended) = await Vps.SwitchAsync();

        Assert.Equal("Flip", ended.Phase(SwitchPhase.Flip).GetProperty("phase").GetString());
        Assert.All(
            await Task.WhenAll(waiting),
            response => Assert.Equal(("green", HttpStatusCode.OK), (response.Headers.GetValues("X-Slot").Single(), response.StatusCode)));
        Assert.Equal(SlotName.Green, await Vps.ActiveSlotAsync());

        await Vps.SetEnvironmentAsync(SlotName.Blue);
        Assert.Equal(200, (await Vps.SwitchAsync("""{ "to": "blue", "force": true }""")).Status);
    }

    /// <summary>systemd starts services with 1024, which would be the end of the 1025th client.</summary>
    [Fact]
    public async Task The_proxy_may_open_as_many_descriptors_as_its_unit_allows()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var pid = (await Vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.Proxy)).Text;

        var limits = (await Vps.Lab.RunAsync("awk", "/^Max open files/ { print $4, $5 }", $"/proc/{pid}/limits")).Text.Split(' ');

        Assert.Equal(limits[1], limits[0]);
        Assert.True(int.Parse(limits[0], CultureInfo.InvariantCulture) > 1024, limits[0]);
    }

    /// <summary>Blue runs, with another unit for its next start.</summary>
    private async Task PrepareAsync(string dropIn, params string[] environment)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await Vps.SetEnvironmentAsync(SlotName.Blue);
        await Vps.ChangeUnitAsync(SlotName.Blue, dropIn);
        await Vps.SystemctlAsync("restart", Blue);
        using var client = NewClient();
        using var response = await client.GetAsync("/", Cancellation);
        Assert.Equal("blue", response.Headers.GetValues("X-Slot").Single());
        await Vps.SetEnvironmentAsync(SlotName.Blue, environment);
    }

    private HttpClient NewClient() => new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Vps.Public };

    private static Task<HttpResponseMessage> PostAsync(HttpClient client) => client.PostAsync("/hash", new ByteArrayContent(new byte[1024]), Cancellation);

    private async Task<int> HeldAsync() => (await Vps.GetAsync("/status")).GetProperty("held").GetInt32();
}
