using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>The bus or systemd itself goes away. These tests break their lab and have it alone.</summary>
[Collection(SystemdCollection.Name)]
public sealed class SystemdOutageTests : IAsyncLifetime
{
    private SystemdLab? _lab;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private SystemdLab Lab => _lab ?? throw new InvalidOperationException("skipped tests have no lab");

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        _lab = await SystemdLab.BootAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_killed_bus_is_found_again_and_a_job_that_ran_meanwhile_is_followed_to_its_end()
    {
        var (units, ready) = await StartingAsync();
        await using var manager = units;
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        _ = (await Lab.RunAsync("systemctl", "kill", "--signal=KILL", "dbus.service")).Text;
        await WaitForAsync(units, UnitState.Activating);
        Assert.False(start.IsCompleted);
        await ready();

        Assert.Equal(UnitJobResult.Done, await start);
    }

    [Fact]
    public async Task A_job_that_ended_while_the_bus_was_away_is_judged_by_what_the_unit_is_now()
    {
        var (units, ready) = await StartingAsync();
        await using var manager = units;
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        // systemctl reaches systemd without the bus, over a socket of its own that only root may use.
        _ = (await Lab.RunAsync("systemctl", "stop", "dbus.socket", "dbus.service")).Text;
        await ready();
        await Eventually.TrueAsync(
            async () => (await Lab.RunAsync("systemctl", "is-active", units.UnitOf(SlotName.Blue))).Output == "active\n", "the unit is up");
        Assert.False(start.IsCompleted);
        _ = (await Lab.RunAsync("systemctl", "start", "dbus.socket", "dbus.service")).Text;

        Assert.Equal(UnitJobResult.Done, await start);
    }

    [Fact]
    public async Task A_bus_that_stays_away_is_given_up_and_the_error_says_what_to_look_at()
    {
        var time = new FakeTimeProvider();
        await using var units = Lab.Manage("dbus.service", time: time);
        await units.GetStatusAsync(SlotName.Blue, Cancellation);
        _ = (await Lab.RunAsync("systemctl", "stop", "dbus.socket", "dbus.service")).Text;

        var asked = time.GetUtcNow();
        var error = await Assert.ThrowsAsync<UnitManagerUnavailableException>(() => PassTimeAsync(time, units.GetStatusAsync(SlotName.Blue, Cancellation)));
        Assert.Contains("Is dbus.service running?", error.Message, StringComparison.Ordinal);
        Assert.InRange(time.GetUtcNow() - asked, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60));

        // Later calls do not each wait for it (the clock stands still), and the first one after its return gets its reply.
        await Assert.ThrowsAsync<UnitManagerUnavailableException>(
            () => units.StopAsync(SlotName.Blue, Cancellation).Within());
        _ = (await Lab.RunAsync("systemctl", "start", "dbus.socket", "dbus.service")).Text;
        await WaitForAsync(units, UnitState.Active);
    }

    [Fact]
    public async Task A_systemd_that_hangs_is_noticed_after_25_seconds_also_when_no_caller_waits_so_long()
    {
        var (time, log) = (new FakeTimeProvider(), new LogLines<SystemdUnits>());
        await using var units = Lab.Manage("dbus.service", time: time, logger: log);
        await units.GetStatusAsync(SlotName.Blue, Cancellation);
        await SignalAsync("STOP", Lab.Pid);
        try
        {
            var began = time.GetUtcNow();
            using var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var asked = units.GetStatusAsync(SlotName.Blue, impatient.Token);
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);

            // Asked again on the same connection, until it is given up and another one is tried.
            var again = units.GetStatusAsync(SlotName.Blue, Cancellation);
            await PassTimeAsync(time, () => log.All.Any(line => line.Id == 601));
            Assert.InRange(time.GetUtcNow() - began, TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(30));
            await SignalAsync("CONT", Lab.Pid);
            await PassTimeAsync(time, again);
            Assert.Equal(UnitState.Active, (await again).State);
        }
        finally
        {
            await SignalAsync("CONT", Lab.Pid);
        }
    }

    [Fact]
    public async Task A_bus_that_hangs_while_it_is_connected_to_is_given_up_after_25_seconds()
    {
        var time = new FakeTimeProvider();
        await using var units = Lab.Manage("dbus.service", time: time);
        _ = (await Lab.RunAsync("systemctl", "kill", "--signal=STOP", "dbus.service")).Text;

        var began = time.GetUtcNow();
        var error = await Assert.ThrowsAsync<UnitManagerUnavailableException>(() => PassTimeAsync(time, units.GetStatusAsync(SlotName.Blue, Cancellation)));

        Assert.Contains("no response in 25 s", error.Message, StringComparison.Ordinal);
        Assert.InRange(time.GetUtcNow() - began, TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(30));
        _ = (await Lab.RunAsync("systemctl", "kill", "--signal=CONT", "dbus.service")).Text;
        await WaitForAsync(units, UnitState.Active);
    }

    [Fact]
    public async Task A_bus_that_hangs_does_not_hold_up_the_disposal()
    {
        var units = Lab.Manage("dbus.service", time: new FakeTimeProvider()); // its clock stands still
        _ = (await Lab.RunAsync("systemctl", "kill", "--signal=STOP", "dbus.service")).Text;
        var asked = units.GetStatusAsync(SlotName.Blue, Cancellation);

        await units.DisposeAsync().Within();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => asked.Within());
    }

    [Theory]
    [InlineData("daemon-reexec")]
    [InlineData("daemon-reload")]
    public async Task A_job_outlives_a_systemd_that_starts_over(string verb)
    {
        var (units, ready) = await StartingAsync();
        await using var manager = units;
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        _ = (await Lab.RunAsync("systemctl", verb)).Text;
        await WaitForAsync(units, UnitState.Activating);
        Assert.False(start.IsCompleted);
        await ready();

        Assert.Equal(UnitJobResult.Done, await start);
    }

    [Fact]
    public async Task Disposing_fails_what_waits_and_ends()
    {
        var (units, _) = await StartingAsync();
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        await units.DisposeAsync();
        await units.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => start);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => units.GetStatusAsync(SlotName.Blue, Cancellation));
    }

    /// <summary>Lets the clock run, a second at a time, until the task has ended.</summary>
    private static async Task PassTimeAsync(FakeTimeProvider time, Task task)
    {
        await PassTimeAsync(time, () => task.IsCompleted);
        await task;
    }

    private static Task PassTimeAsync(FakeTimeProvider time, Func<bool> condition) => Eventually.TrueAsync(
        () =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return condition();
        },
        "it has come with the time");

    private static async Task SignalAsync(string signal, int pid)
    {
        using var kill = System.Diagnostics.Process.Start("kill", ["-s", signal, $"{pid}"]);
        Assert.Equal(0, await kill.EndWithin());
    }

    /// <summary>A unit whose start ends when the second value is called.</summary>
    private async Task<(SystemdUnits Units, Func<Task> Ready)> StartingAsync()
    {
        var unit = await Lab.AddServiceAsync(
            "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'until [ -e /tmp/ready ]; do sleep 0.05; done; systemd-notify --ready; exec sleep infinity'");
        return (Lab.Manage(unit), () => Lab.WriteFileAsync("/tmp/ready", ""));
    }

    private static Task WaitForAsync(SystemdUnits units, UnitState state) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                return (await units.GetStatusAsync(SlotName.Blue, Cancellation)).State == state;
            }
            catch (UnitManagerUnavailableException)
            {
                return false; // the test took the bus away
            }
        },
        $"the unit is {state}");
}
