using EdgeProxy.Slots;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>A machine without systemd; needs neither a lab nor root.</summary>
public sealed class NoBusTests
{
    [Fact]
    public async Task Without_a_bus_a_call_fails_at_once_and_says_so()
    {
        await using var units = new SystemdUnits(
            new SlotsOptions { Blue = new SlotOptions { Unit = "app.service" } },
            new UnitsOptions { Bus = "unix:path=/nonexistent/bus" },
            TimeProvider.System,
            NullLogger<SystemdUnits>.Instance);
        var start = TimeProvider.System.GetTimestamp();

        var error = await Assert.ThrowsAsync<UnitManagerUnavailableException>(() => units.GetStatusAsync(SlotName.Blue, TestContext.Current.CancellationToken));

        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(2));
        Assert.Contains("/nonexistent/bus: No such file or directory", error.Message, StringComparison.Ordinal);
        Assert.Contains("EdgeProxy:Units:Manager", error.Message, StringComparison.Ordinal);
    }
}
