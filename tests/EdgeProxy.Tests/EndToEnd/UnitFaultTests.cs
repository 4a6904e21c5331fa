using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The bus, systemd, polkit and the units themselves misbehave while a switch runs. Each test leaves one slot active and the other stopped.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class UnitFaultTests(UnitFaultTests.Machine machine) : IClassFixture<UnitFaultTests.Machine>
{
    /// <summary>One machine for all; whoever breaks it mends it.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private Vps? _vps;

        public Vps Vps => _vps ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

        public async ValueTask InitializeAsync() => _vps = SystemdLab.SkipReason is null
            ? await Vps.StartAsync(settings: """ "Health": { "Attempts": 10, "Interval": "00:00:01" }, "Switch": { "Observe": "00:00:03" }, """)
            : null;

        public ValueTask DisposeAsync() => _vps?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private const string Rule = "/etc/polkit-1/rules.d/49-edgeproxy.rules";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Vps Vps => machine.Vps;

    /// <summary>The job of the candidate's start runs while its witnesses are replaced.</summary>
    [Theory]
    [InlineData("the bus is killed", "systemctl kill --signal=KILL dbus.service")]
    [InlineData("the bus is restarted", "systemctl restart dbus.service")]
    [InlineData("systemd starts over", "systemctl daemon-reexec")]
    [InlineData("systemd reads its files anew", "systemctl daemon-reload")]
    public async Task A_switch_outlives_it(string what, string command)
    {
        var (from, to) = await PrepareAsync();
        await Vps.SetEnvironmentAsync(to, "SAMPLE_BOOT_SECONDS=2");
        using var follower = await SwitchFollower.FollowAsync(Vps);
        var load = MixedLoad.Start(Vps.Public);
        var running = Vps.SwitchAsync();
        await follower.BeginsAsync(SwitchPhase.StartIdle);
        await Eventually.TrueAsync(async () => await Vps.ActiveStateAsync(Vps.UnitOf(to)) == "activating", "the candidate boots");

        _ = (await Vps.Lab.RunAsync(command.Split(' '))).Text;
        var (status, ended) = await running;

        var shots = await load.StopAsync();
        Assert.True(status == 200 && ended.Outcome() == nameof(SwitchOutcome.Completed), $"{what}: {ended}");
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Assert.Equal("inactive", await Vps.ActiveStateAsync(Vps.UnitOf(from)));
        Assert.Equal(to, await Vps.ActiveSlotAsync());
        await Vps.SetEnvironmentAsync(to);
    }

    [Fact]
    public async Task Without_the_polkit_rule_a_switch_says_what_to_install()
    {
        var (from, to) = await PrepareAsync();
        _ = (await Vps.Lab.RunAsync("mv", Rule, "/root/")).Text;
        await Vps.SystemctlAsync("restart", "polkit.service");

        var (status, ended) = await Vps.SwitchAsync();

        _ = (await Vps.Lab.RunAsync("mv", "/root/49-edgeproxy.rules", Rule)).Text;
        await Vps.SystemctlAsync("restart", "polkit.service");
        Assert.Equal((502, nameof(SwitchOutcome.Aborted)), (status, ended.Outcome()));
        Assert.Contains($"may not start or stop {Vps.UnitOf(to)}", ended.Reason(), StringComparison.Ordinal);
        Assert.Contains(Rule, ended.Reason(), StringComparison.Ordinal);
        Assert.Contains($"Traffic stays on {from.ToKey()}", ended.Reason(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "rm {file}", "there is no unit")]
    [InlineData("masked", "ln -sf /dev/null {file}", "is masked")]
    [InlineData("broken", "sed -i /^ExecStart/,/wsgi$/d {file}", "has an error")]
    public async Task A_unit_that_cannot_be_started_is_not_tried(string what, string change, string reason)
    {
        var (from, to) = await PrepareAsync();
        var file = $"/etc/systemd/system/{Vps.UnitOf(to)}";
        var content = await File.ReadAllTextAsync(Vps.Lab.Root + file, Cancellation);
        _ = (await Vps.Lab.RunAsync(change.Replace("{file}", file, StringComparison.Ordinal).Split(' '))).Text;
        await Vps.SystemctlAsync("daemon-reload");

        var (status, ended) = await Vps.SwitchAsync();

        _ = (await Vps.Lab.RunAsync("rm", "-f", file)).Text; // a link, perhaps
        await Vps.Lab.WriteUnitAsync(Vps.UnitOf(to), content);
        Assert.Equal((502, nameof(SwitchOutcome.Aborted)), (status, ended.Outcome()));
        Assert.True(ended.Reason().Contains(reason, StringComparison.Ordinal), $"{what}: {ended.Reason()}");
        Assert.Contains($"Traffic stays on {from.ToKey()}", ended.Reason(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_that_never_ends_is_given_up_and_undone()
    {
        var (from, to) = await PrepareAsync();
        await Vps.ChangeUnitAsync(to, "[Service]\nExecStart=\nExecStart=/usr/bin/sleep infinity\nTimeoutStartSec=infinity\n");

        var (status, ended) = await Vps.SwitchAsync();

        var left = await Vps.ActiveStateAsync(Vps.UnitOf(to));
        await Vps.ChangeUnitAsync(to, "");
        Assert.Equal((502, nameof(SwitchOutcome.Aborted)), (status, ended.Outcome()));
        Assert.Contains("did not end within 10 s (Health:Attempts 10 x Health:Interval 1 s)", ended.Reason(), StringComparison.Ordinal);
        Assert.Contains($"Traffic stays on {from.ToKey()}", ended.Reason(), StringComparison.Ordinal);
        Assert.Contains(left, new[] { "inactive", "failed" });
    }

    /// <summary>Enabled, so that systemd keeps what it has read; a unit that nothing refers to is read anew by itself.</summary>
    [Fact]
    public async Task A_unit_file_that_systemd_has_not_read_is_warned_of()
    {
        var (_, to) = await PrepareAsync();
        await Vps.SystemctlAsync("add-wants", "multi-user.target", Vps.UnitOf(to));
        await Vps.Lab.RunAsync("touch", "--date=+1 minute", $"/etc/systemd/system/{Vps.UnitOf(to)}"); // times of files are compared
        Assert.Equal("yes", (await Vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "NeedDaemonReload", Vps.UnitOf(to))).Text);

        var (status, ended) = await Vps.SwitchAsync();

        _ = (await Vps.Lab.RunAsync("rm", $"/etc/systemd/system/multi-user.target.wants/{Vps.UnitOf(to)}")).Text;
        await Vps.SystemctlAsync("daemon-reload");
        Assert.Equal(200, status);
        Assert.Contains("systemctl daemon-reload", ended.Phase(SwitchPhase.StartIdle).GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains(
            $"The file of {Vps.UnitOf(to)} has changed since systemd read it",
            (await Vps.Lab.RunAsync("journalctl", "--no-pager", "-u", Vps.Proxy)).Text,
            StringComparison.Ordinal);
    }

    /// <summary>Nothing is left to roll back to: the new slot stays, and serves.</summary>
    [Fact]
    public async Task The_old_unit_may_die_while_the_new_one_is_observed()
    {
        var (from, to) = await PrepareAsync();
        using var follower = await SwitchFollower.FollowAsync(Vps);
        var running = Vps.SwitchAsync();
        await follower.BeginsAsync(SwitchPhase.Observe);

        await Vps.SystemctlAsync("kill", "--signal=KILL", Vps.UnitOf(from));
        using var client = new HttpClient { BaseAddress = Vps.Public };
        using var response = await client.GetAsync("/", Cancellation);
        var (status, ended) = await running;

        Assert.Equal(to.ToKey(), response.Headers.GetValues("X-Slot").Single());
        Assert.Equal(200, status);
        Assert.Contains(ended.Outcome(), new[] { nameof(SwitchOutcome.Completed), nameof(SwitchOutcome.CompletedWithWarnings) });
        Assert.Equal(to, await Vps.ActiveSlotAsync());
        await Eventually.TrueAsync(async () => await Vps.ActiveStateAsync(Vps.UnitOf(from)) is "inactive" or "failed", "the old unit is not started again");
    }

    private async Task<(SlotName From, SlotName To)> PrepareAsync()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var from = await Vps.ActiveSlotAsync();
        Assert.Equal("active", await Vps.ActiveStateAsync(Vps.UnitOf(from)));
        return (from, from.Other());
    }
}
