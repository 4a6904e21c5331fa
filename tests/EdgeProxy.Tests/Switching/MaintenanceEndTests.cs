using System.Text.Json;
using EdgeProxy.Proxying;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching;

/// <summary>Maintenance that was turned on for a time ends by itself, also after a restart.</summary>
public sealed class MaintenanceEndTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private MaintenanceGate Gate => _plane.Get<MaintenanceGate>();

    private MaintenanceControl Control => _plane.Get<MaintenanceControl>();

    private string StateFile => _plane.StateFile(MaintenanceRecord.FileName);

    [Fact]
    public async Task It_ends_when_its_time_is_over()
    {
        await _plane.StartAsync();

        Assert.Null(Control.TurnOn("", TimeSpan.FromMilliseconds(300)));

        Assert.NotNull(Gate.Maintenance);
        await Eventually.TrueAsync(() => Gate.Maintenance is null && !File.Exists(StateFile), "it ends");
    }

    [Fact]
    public async Task Turned_on_again_without_a_time_it_stays()
    {
        await _plane.StartAsync();

        Control.TurnOn("", TimeSpan.FromMilliseconds(300));
        Control.TurnOn("longer");

        Assert.Null(Control.EndIfOver());
        Assert.Equal(("longer", (DateTimeOffset?)null), (Gate.Maintenance!.Message, Gate.Maintenance.Until));
        Assert.True(File.Exists(StateFile));
    }

    [Fact]
    public async Task The_next_process_knows_the_end()
    {
        await _plane.StartAsync();
        Control.TurnOn("Back soon", TimeSpan.FromSeconds(2));
        var until = Gate.Maintenance!.Until!.Value;

        await _plane.StopAsync();
        await _plane.StartAsync();

        await Eventually.TrueAsync(() => Gate.Maintenance is null, "it ends");
        // Timers count by another clock than the wall's, which may be a tick behind.
        Assert.InRange(TimeProvider.System.GetUtcNow(), until - TimeSpan.FromMilliseconds(50), DateTimeOffset.MaxValue);
        Assert.False(File.Exists(StateFile));
    }

    [Fact]
    public async Task One_that_was_over_while_no_process_ran_is_not_taken_up()
    {
        var over = new MaintenanceRecord { Version = VersionedRecord.CurrentVersion, Since = default, Message = "", Until = DateTimeOffset.UnixEpoch };
        await File.WriteAllBytesAsync(
            StateFile, JsonSerializer.SerializeToUtf8Bytes(over, SwitchingJson.Default.MaintenanceRecord), TestContext.Current.CancellationToken);

        await _plane.StartAsync();

        Assert.Null(Gate.Maintenance);
        Assert.False(File.Exists(StateFile));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();
}
