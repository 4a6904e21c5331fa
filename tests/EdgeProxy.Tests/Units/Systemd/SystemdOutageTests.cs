using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;

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
        await using var units = Lab.Manage("dbus.service");
        await units.GetStatusAsync(SlotName.Blue, Cancellation);
        _ = (await Lab.RunAsync("systemctl", "stop", "dbus.socket", "dbus.service")).Text;

        var error = await Assert.ThrowsAsync<UnitManagerUnavailableException>(() => units.GetStatusAsync(SlotName.Blue, Cancellation));
        Assert.Contains("Is dbus.service running?", error.Message, StringComparison.Ordinal);

        // Later calls do not each wait for it, and the first one after its return is answered.
        var start = TimeProvider.System.GetTimestamp();
        await Assert.ThrowsAsync<UnitManagerUnavailableException>(() => units.StopAsync(SlotName.Blue, Cancellation));
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(2));
        _ = (await Lab.RunAsync("systemctl", "start", "dbus.socket", "dbus.service")).Text;
        await WaitForAsync(units, UnitState.Active);
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
