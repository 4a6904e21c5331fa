using System.Runtime.CompilerServices;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Units;

/// <summary>What <see cref="IUnitManager"/> promises, whoever runs the units. Each manager runs these; what only one of them has is in its own tests.</summary>
public abstract class UnitManagerTests
{
    private const string Forever = "exec sleep 600";

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A manager whose blue slot runs a shell script, and runs it again after a moment when it fails.</summary>
    /// <param name="script">Its <c>$0</c> is a path of its own.</param>
    /// <param name="stopTimeout">How long it may take to stop.</param>
    /// <param name="restartsLate">The moment is an hour, where the manager can be told so.</param>
    /// <param name="test">Names the unit.</param>
    protected abstract Task<IUnitManager> ManageAsync(
        string script, TimeSpan? stopTimeout = null, bool restartsLate = false, [CallerMemberName] string test = "");

    /// <summary>Creates <c>$0.repaired</c>.</summary>
    protected abstract Task RepairAsync([CallerMemberName] string test = "");

    [Fact]
    public async Task A_unit_that_is_started_runs()
    {
        await using var units = await ManageAsync(Forever);
        var before = await StatusAsync(units);
        Assert.Equal(
            (UnitState.Inactive, "dead", UnitLoadState.Loaded, 0, null, false),
            (before.State, before.SubState, before.LoadState, before.MainPid, before.InvocationId, before.IsRunning));

        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));

        var status = await StatusAsync(units);
        Assert.Equal((UnitState.Active, "running", "success", 15), (status.State, status.SubState, status.Result, status.KillSignal));
        Assert.True(status is { MainPid: > 0, InvocationId.Length: 32, ExitStatus: null, Restarts: 0, IsRunning: true }, $"{status}");
        Assert.Equal(units.UnitOf(SlotName.Blue), status.Unit);
        Assert.Equal(UnitState.Inactive, (await units.GetStatusAsync(SlotName.Green, Cancellation)).State);
    }

    [Fact]
    public async Task What_runs_already_is_left_alone()
    {
        await using var units = await ManageAsync(Forever);
        await units.StartAsync(SlotName.Blue, Cancellation);
        var before = await StatusAsync(units);

        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));

        var after = await StatusAsync(units);
        Assert.Equal((before.MainPid, before.InvocationId), (after.MainPid, after.InvocationId));
    }

    [Fact]
    public async Task A_unit_that_is_stopped_does_not_run_and_may_be_stopped_again()
    {
        await using var units = await ManageAsync(Forever);
        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));
        await units.StartAsync(SlotName.Blue, Cancellation);

        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));

        var status = await StatusAsync(units);
        Assert.Equal((UnitState.Inactive, "dead", "success", 0, false), (status.State, status.SubState, status.Result, status.MainPid, status.IsRunning));
        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));
    }

    [Fact]
    public async Task A_restart_is_a_new_process_and_a_new_invocation()
    {
        await using var units = await ManageAsync(Forever);
        Assert.Equal(UnitJobResult.Done, await units.RestartAsync(SlotName.Blue, Cancellation)); // what does not run is started
        var before = await StatusAsync(units);
        Assert.Equal(UnitState.Active, before.State);

        Assert.Equal(UnitJobResult.Done, await units.RestartAsync(SlotName.Blue, Cancellation));

        var after = await StatusAsync(units);
        Assert.Equal((UnitState.Active, 0), (after.State, after.Restarts));
        Assert.NotEqual(before.MainPid, after.MainPid);
        Assert.NotEqual(before.InvocationId, after.InvocationId);
    }

    [Theory]
    [InlineData("exit 3", "exit-code", 3)]
    [InlineData("kill -KILL $$", "signal", 9)]
    public async Task What_crashes_again_and_again_is_in_auto_restart_until_it_is_stopped(string crash, string result, int exitStatus)
    {
        await using var units = await ManageAsync($"echo before the crash; {crash}", test: $"Crash_{result}");
        await units.StartAsync(SlotName.Blue, Cancellation);
        UnitStatus status = null!;
        await Eventually.TrueAsync(
            async () => (status = await StatusAsync(units)) is { State: UnitState.AutoRestart, Restarts: >= 2 }, "the second restart is due");
        Assert.Equal(("auto-restart", result, exitStatus, 0, true), (status.SubState, status.Result, status.ExitStatus, status.MainPid, status.IsRunning));
        Assert.Contains("before the crash", await units.ReadLogAsync(SlotName.Blue, 20, Cancellation));

        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));

        status = await StatusAsync(units);
        Assert.Equal((false, 0), (status.IsRunning, status.MainPid));
    }

    [Fact]
    public async Task A_start_does_not_wait_for_the_restart_that_is_due()
    {
        await using var units = await ManageAsync($"[ -e $0.repaired ] || exit 1; {Forever}", restartsLate: true);
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await StatusAsync(units)).State == UnitState.AutoRestart, "a restart is due");

        await RepairAsync();
        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));

        await Eventually.TrueAsync(async () => (await StatusAsync(units)).State == UnitState.Active, "it runs");
    }

    [Fact]
    public async Task What_ends_well_is_not_restarted()
    {
        await using var units = await ManageAsync("echo done");
        await units.StartAsync(SlotName.Blue, Cancellation);

        await Eventually.TrueAsync(async () => (await StatusAsync(units)).State == UnitState.Inactive, "it has ended");

        var status = await StatusAsync(units);
        Assert.Equal(("success", 0, 0), (status.Result, status.Restarts, status.MainPid));
        Assert.True(status.ExitStatus is 0 or null, "systemd forgets a unit that rests");
    }

    [Fact]
    public async Task What_ignores_SIGTERM_is_killed_and_has_failed()
    {
        await using var units = await ManageAsync("trap '' TERM; echo ready; while :; do sleep 0.1; done", TimeSpan.FromSeconds(1));
        await units.StartAsync(SlotName.Blue, Cancellation);
        await LoggedAsync(units, "ready");

        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));

        var status = await StatusAsync(units);
        Assert.Equal(
            (UnitState.Failed, "failed", "timeout", 9, 0, false),
            (status.State, status.SubState, status.Result, status.ExitStatus, status.MainPid, status.IsRunning));
        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation)); // as if nothing had been
        Assert.Equal((UnitState.Active, "success"), ((await StatusAsync(units)).State, (await StatusAsync(units)).Result));
    }

    [Fact]
    public async Task The_log_is_that_of_the_last_run()
    {
        await using var units = await ManageAsync($"echo out of $$; echo err of $$ >&2; {Forever}");
        await units.StartAsync(SlotName.Blue, Cancellation);
        var first = (await StatusAsync(units)).MainPid;
        await LoggedAsync(units, $"err of {first}");
        Assert.Contains($"out of {first}", await LogAsync(units));

        await units.RestartAsync(SlotName.Blue, Cancellation);

        var second = (await StatusAsync(units)).MainPid;
        await LoggedAsync(units, $"err of {second}");
        Assert.DoesNotContain(await LogAsync(units), line => line.EndsWith($"of {first}", StringComparison.Ordinal));
        Assert.Single(await units.ReadLogAsync(SlotName.Blue, 1, Cancellation));

        await units.StopAsync(SlotName.Blue, Cancellation);
        Assert.Contains($"out of {second}", await LogAsync(units));
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_does_not_stop_the_job()
    {
        await using var units = await ManageAsync(
            "trap 'while [ ! -e $0.repaired ]; do sleep 0.05; done; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
        await units.StartAsync(SlotName.Blue, Cancellation);
        await LoggedAsync(units, "ready");

        using var impatient = new CancellationTokenSource();
        var stop = units.StopAsync(SlotName.Blue, impatient.Token);
        await Eventually.TrueAsync(async () => (await StatusAsync(units)).State == UnitState.Deactivating, "it is being stopped");
        await impatient.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stop);
        await RepairAsync();
        await Eventually.TrueAsync(async () => (await StatusAsync(units)).State == UnitState.Inactive, "it has stopped");
    }

    private static Task<UnitStatus> StatusAsync(IUnitManager units) => units.GetStatusAsync(SlotName.Blue, Cancellation);

    private static Task<IReadOnlyList<string>> LogAsync(IUnitManager units) => units.ReadLogAsync(SlotName.Blue, 20, Cancellation);

    private static Task LoggedAsync(IUnitManager units, string line) =>
        Eventually.TrueAsync(async () => (await LogAsync(units)).Contains(line), $"the log has '{line}'");
}
