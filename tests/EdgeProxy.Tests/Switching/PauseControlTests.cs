using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching;

/// <summary>A caller that is told that the app is paused can rely on it: no request is in it, and no restart of the proxy ends it.</summary>
public sealed class PauseControlTests : IAsyncDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);

    private readonly ControlPlane _plane = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private PauseControl Control => _plane.Get<PauseControl>();

    private MaintenanceGate Gate => _plane.Get<MaintenanceGate>();

    [Theory]
    [InlineData(SlotName.Blue)]
    [InlineData(SlotName.Green)]
    public async Task It_is_paused_once_no_ordinary_request_is_in_the_active_slot_nor_in_one_that_drains(SlotName busy)
    {
        await _plane.StartAsync();
        _plane.Slots.Activate(busy);
        var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        using var stream = _plane.Slots.Acquire(LeaseClass.Stream);
        using var socket = _plane.Slots.Acquire(LeaseClass.WebSocket);
        _plane.Slots.Activate(SlotName.Blue);

        var pausing = Control.PauseAsync(Long, Cancellation);

        Assert.False(pausing.IsCompleted);
        Assert.NotNull(Gate.Pause);
        Assert.False(File.Exists(_plane.StateFile(PauseRecord.FileName)));
        inFlight.Dispose();
        Assert.IsType<PauseStart.Paused>(await pausing);
        Assert.True(File.Exists(_plane.StateFile(PauseRecord.FileName)));
    }

    [Fact]
    public async Task Where_a_request_does_not_end_in_time_it_is_resumed()
    {
        await _plane.StartAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);

        var start = await Control.PauseAsync(TimeSpan.FromMilliseconds(100), Cancellation);

        Assert.Equal(1, Assert.IsType<PauseStart.NotQuiet>(start).Left);
        AssertOpen();
    }

    [Fact]
    public async Task It_outlives_the_proxy_and_a_switch_until_it_is_resumed()
    {
        await _plane.StartAsync();
        await Control.PauseAsync(Long, Cancellation);
        var since = Gate.Pause!.Since;
        await _plane.StopAsync();

        await _plane.StartAsync();
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);

        Assert.Equal((since.ToUnixTimeMilliseconds(), Long), (Gate.Pause!.Since.ToUnixTimeMilliseconds(), Gate.Pause.MaxWait));
        var pause = Gate.Pause;
        Assert.Null(await Control.ResumeAsync(Cancellation));
        Assert.True(pause.Ended.IsCompleted);
        AssertOpen();
        Assert.Null(await Control.ResumeAsync(Cancellation)); // and once more is no error
    }

    [Fact]
    public async Task A_caller_who_leaves_before_it_knows_has_no_pause()
    {
        await _plane.StartAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        using var left = new CancellationTokenSource();
        var pausing = Control.PauseAsync(Long, left.Token);

        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pausing);
        AssertOpen();
    }

    [Fact]
    public async Task Resumed_meanwhile_it_is_not_paused()
    {
        await _plane.StartAsync();
        using var inFlight = _plane.Slots.Acquire(LeaseClass.Http);
        var pausing = Control.PauseAsync(Long, Cancellation);

        Assert.Null(await Control.ResumeAsync(Cancellation));

        Assert.IsType<PauseStart.Resumed>(await pausing);
        AssertOpen();
    }

    /// <summary>A migration would run on while the next process serves.</summary>
    [Fact]
    public async Task What_cannot_be_kept_is_no_pause()
    {
        await _plane.StartAsync();
        Directory.CreateDirectory(_plane.StateFile(PauseRecord.FileName)); // a rename onto a directory fails for root, too

        var start = await Control.PauseAsync(Long, Cancellation);

        Assert.Contains("cannot write", Assert.IsType<PauseStart.NotKept>(start).Problem, StringComparison.Ordinal);
        Assert.Null(Gate.Pause);
    }

    [Fact]
    public async Task Maintenance_outlives_the_proxy_until_it_is_turned_off()
    {
        await _plane.StartAsync();
        Assert.Null(_plane.Get<MaintenanceControl>().TurnOn("Back at noon"));
        await _plane.StopAsync();

        await _plane.StartAsync();

        Assert.Equal("Back at noon", Gate.Maintenance!.Message);
        Assert.Null(_plane.Get<MaintenanceControl>().TurnOff());
        Assert.Null(Gate.Maintenance);
        await _plane.StopAsync();
        await _plane.StartAsync();
        Assert.Null(Gate.Maintenance);
    }

    [Fact]
    public async Task Maintenance_that_cannot_be_kept_is_on_all_the_same_and_says_so()
    {
        await _plane.StartAsync();
        Directory.CreateDirectory(_plane.StateFile(MaintenanceRecord.FileName));

        Assert.Contains("cannot write", _plane.Get<MaintenanceControl>().TurnOn(""), StringComparison.Ordinal);
        Assert.NotNull(Gate.Maintenance);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"version\":1,\"sin")]
    [InlineData("null")]
    [InlineData("{\"version\":2,\"since\":\"2026-01-31T23:59:59Z\",\"maxWait\":\"00:00:30\",\"message\":\"\"}")]
    [InlineData("\0\0\0\0")]
    public async Task Files_that_cannot_be_read_pause_nothing_and_stop_nothing(string content)
    {
        await File.WriteAllTextAsync(_plane.StateFile(PauseRecord.FileName), content, Cancellation);
        await File.WriteAllTextAsync(_plane.StateFile(MaintenanceRecord.FileName), content, Cancellation);

        await _plane.StartAsync();

        Assert.Null(Gate.Pause);
        Assert.Null(Gate.Maintenance);
        Assert.IsType<PauseStart.Paused>(await Control.PauseAsync(Long, Cancellation));
        Assert.Null(_plane.Get<MaintenanceControl>().TurnOn(""));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private void AssertOpen()
    {
        Assert.Null(Gate.Pause);
        Assert.False(File.Exists(_plane.StateFile(PauseRecord.FileName)));
    }
}
