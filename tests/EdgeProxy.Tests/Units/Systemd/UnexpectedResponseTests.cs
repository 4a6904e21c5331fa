using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>A systemd that speaks otherwise than org.freedesktop.systemd1(5) says: nothing is read as what it is not.</summary>
public sealed class UnexpectedResponseTests : IAsyncLifetime
{
    private const int ConnectionLost = 601;

    private readonly LogLines<SystemdUnits> _log = new();
    private PrivateBus _bus = null!;
    private FakeSystemd _systemd = null!;
    private SystemdUnits _units = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _bus = await PrivateBus.StartAsync();
        _systemd = await FakeSystemd.StartAsync(_bus);
        _units = new SystemdUnits(
            new SlotsOptions { Blue = new SlotOptions { Unit = "fake.service" } }, new UnitsOptions { Bus = _bus.Address }, TimeProvider.System, _log);
    }

    public async ValueTask DisposeAsync()
    {
        if (_units is not null)
        {
            await _units.DisposeAsync();
            _systemd.Dispose();
            _bus.Dispose();
        }
    }

    [Fact]
    public async Task A_reply_of_other_types_is_an_error_that_names_them_and_the_next_one_is_read()
    {
        _systemd.RepliesWithOtherTypes = true;
        var error = await Assert.ThrowsAsync<UnitException>(() => _units.GetStatusAsync(SlotName.Blue, Cancellation));
        Assert.Contains("LoadUnit has values of the types \"s\" instead of \"o\"", error.Message, StringComparison.Ordinal);

        _systemd.RepliesWithOtherTypes = false;
        var status = await _units.GetStatusAsync(SlotName.Blue, Cancellation);
        Assert.Equal((UnitState.Active, "running", 0, null, null), (status.State, status.SubState, status.MainPid, status.InvocationId, status.Memory));
        Assert.DoesNotContain(_log.All, line => line.Id == ConnectionLost);
    }

    /// <summary>A signal that cannot be read ends the library's connection. The job is asked for on the next one.</summary>
    [Fact]
    public async Task A_JobRemoved_of_other_types_costs_the_connection_and_not_the_response()
    {
        Assert.Equal(UnitJobResult.Done, await _units.StartAsync(SlotName.Blue, Cancellation).Within());

        Assert.Single(_log.All, line => line.Id == ConnectionLost);
    }
}
