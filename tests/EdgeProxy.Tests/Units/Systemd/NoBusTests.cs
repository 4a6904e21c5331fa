using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>A machine without systemd, or a bus without it; needs neither a lab nor root.</summary>
public sealed class NoBusTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_bus_a_call_fails_at_once_and_says_so()
    {
        var message = await FailAsync("unix:path=/nonexistent/bus");

        Assert.Contains("/nonexistent/bus: No such file or directory", message, StringComparison.Ordinal);
        Assert.Contains("EdgeProxy:Units:Manager", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/run/dbus/system_bus_socket")]
    [InlineData("unix:")]
    [InlineData("unix:path")]
    [InlineData("unix:path=%zz")]
    [InlineData("tcp:host=127.0.0.1,port=many")]
    [InlineData("tcp:host=127.0.0.1,port=70000")]
    [InlineData("telepathy:")]
    public async Task An_address_that_is_none_is_named(string address)
    {
        var message = await FailAsync(address);

        Assert.StartsWith($"systemd cannot be reached about app.service: connect to {address}: ", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_that_is_too_long_for_a_socket_is_named() =>
        Assert.Contains(new string('x', 200), await FailAsync($"unix:path=/{new string('x', 200)}"), StringComparison.Ordinal);

    [Fact]
    public async Task A_bus_without_systemd_is_told_from_no_bus()
    {
        using var bus = await PrivateBus.StartAsync();

        Assert.Contains("systemd is not on this bus", await FailAsync(bus.Address), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_addresses_the_first_that_responds_is_used()
    {
        using var bus = await PrivateBus.StartAsync();

        Assert.Contains("systemd is not on this bus", await FailAsync($"unix:path=/nonexistent/bus;{bus.Address}"), StringComparison.Ordinal);
    }

    /// <summary>The library reports the refusal by a missing name alone.</summary>
    [Fact]
    public async Task A_bus_that_accepts_no_more_connections_says_so()
    {
        using var bus = await PrivateBus.StartAsync(maxConnections: 1);
        using var other = new DBusConnection(bus.Address);
        await other.ConnectAsync().Within();

        Assert.Contains("the bus accepts no more connections", await FailAsync(bus.Address), StringComparison.Ordinal);
    }

    /// <returns>What is said of the failure. The clock stands still: it comes without a retry.</returns>
    private static async Task<string> FailAsync(string address)
    {
        await using var units = new SystemdUnits(
            new SlotsOptions { Blue = new SlotOptions { Unit = "app.service" } },
            new UnitsOptions { Bus = address },
            new FakeTimeProvider(),
            NullLogger<SystemdUnits>.Instance);
        return (await Assert.ThrowsAsync<UnitManagerUnavailableException>(
            () => units.GetStatusAsync(SlotName.Blue, Cancellation).Within())).Message;
    }
}
