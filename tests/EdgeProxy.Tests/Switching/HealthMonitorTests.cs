using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Switching;

public sealed class HealthMonitorTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ControlPlane _plane;

    public HealthMonitorTests() => _plane = new(_time);

    private HealthMonitor Monitor => _plane.Get<HealthMonitor>();

    [Fact]
    public async Task The_running_slot_is_probed_every_interval_and_the_stopped_one_is_not()
    {
        await StartedAsync();
        for (var round = 3; round <= 5; round++)
        {
            _time.Advance(_plane.Options.Health.MonitorInterval);
            await Eventually.TrueAsync(() => Monitor[SlotName.Blue].Probes.Count >= round, $"probe {round}");
        }

        Assert.Equal(HealthState.Healthy, Monitor[SlotName.Blue].State);
        Assert.Equal(HealthState.Stopped, Monitor[SlotName.Green].State);
        Assert.Empty(Monitor[SlotName.Green].Probes);
        Assert.Equal(0, _plane.Green.Requests);
    }

    [Theory]
    [InlineData(HealthState.Stopped)]
    [InlineData(HealthState.Unhealthy)]
    public async Task While_the_active_slot_is_not_healthy_it_is_looked_at_every_second(HealthState state)
    {
        if (state == HealthState.Unhealthy)
        {
            _plane.Units[SlotName.Blue].Runs();
        }

        // The unit that is started at the beginning takes its time, so the first look finds it stopped, or running and deaf.
        var boot = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _plane.Units[SlotName.Blue].OnStart = async (unit, _) =>
        {
            await boot.Task;
            return unit.Runs();
        };
        var starting = _plane.StartAsync();
        await Eventually.TrueAsync(() => _plane.IsRunning && Monitor[SlotName.Blue].State == state, "the first look");
        Assert.Equal(TimeSpan.FromSeconds(1), Monitor.Interval);

        await _plane.Blue.ListenAsync();
        boot.SetResult();
        await starting;
        Assert.Equal(state, Monitor[SlotName.Blue].State);
        _time.Advance(TimeSpan.FromSeconds(1));

        await Eventually.TrueAsync(() => Monitor[SlotName.Blue].State == HealthState.Healthy, "the next look");
        Assert.Equal(_plane.Options.Health.MonitorInterval, Monitor.Interval);
    }

    [Fact]
    public void A_slot_that_nobody_has_looked_at_is_unknown()
    {
        using var meter = new System.Diagnostics.Metrics.Meter("test");
        var slots = new SlotPair(_plane.Options.Slots, SlotName.Blue);
        var monitor = new HealthMonitor(
            new HealthOptions(),
            slots,
            _plane.Units,
            new HealthProbe(new HealthOptions { Path = "/healthz" }, "localhost", _time, NullLogger<HealthProbe>.Instance),
            new EventHub(),
            new SwitchingMetrics(new SwitchingInstruments(meter), slots),
            _time,
            NullLogger<HealthMonitor>.Instance);

        Assert.All(SlotNameExtensions.All, slot => Assert.Equal(HealthState.Unknown, monitor[slot].State));
    }

    [Fact]
    public async Task A_slot_that_responds_badly_is_unhealthy_and_nothing_is_done_about_it()
    {
        await StartedAsync();
        _plane.Blue.Handler = SlotApp.Responds(500);

        await Monitor.CheckAsync(TestContext.Current.CancellationToken);

        var health = Monitor[SlotName.Blue];
        Assert.Equal(HealthState.Unhealthy, health.State);
        Assert.Equal((500, _time.GetUtcNow()), (health.Probes[0].Status, health.Probes[0].At));
        Assert.Contains("responds with 500", health.Probes[0].Error, StringComparison.Ordinal);
        Assert.Empty(_plane.Units.Calls);
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
    }

    /// <summary>The probe has no place, and the app no worker for it: what tells the one from the other is whether others are served meanwhile.</summary>
    [Theory]
    [InlineData(1, false, HealthState.Busy)]
    [InlineData(1, true, HealthState.Unhealthy)]
    [InlineData(0, false, HealthState.Unhealthy)]
    public async Task A_slot_that_is_full_and_serves_is_busy_and_one_that_hangs_is_not(int ended, bool badly, HealthState expected)
    {
        _plane.Options.Upstream.MaxConcurrent = 1;
        await StartedAsync();
        var slot = _plane.Slots.Active;
        Assert.True(slot.Places!.TryTake());
        _plane.Blue.Handler = SlotApp.Hangs;
        var before = _plane.Blue.Requests;

        var check = Monitor.CheckAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _plane.Blue.Requests > before, "it is probed");
        for (var request = 0; request < ended; request++)
        {
            slot.Record(isError: badly);
        }

        _time.Advance(_plane.Options.Health.Timeout);
        await check.Within();

        Assert.Equal(expected, Monitor[SlotName.Blue].State);
        Assert.Equal(expected == HealthState.Busy ? _plane.Options.Health.MonitorInterval : TimeSpan.FromSeconds(1), Monitor.Interval);
        Assert.Equal(expected == HealthState.Busy, _plane.Get<SwitchingMetrics>().IsHealthy(SlotName.Blue));
    }

    [Fact]
    public async Task The_last_thirty_are_kept_newest_first()
    {
        await StartedAsync();
        for (var i = 1; i <= HealthMonitor.Kept + 5; i++)
        {
            Monitor.Record(SlotName.Blue, new ProbeSummary(200 + i, TimeSpan.Zero, null, null));
        }

        Assert.Equal(Enumerable.Range(206, 30).Reverse(), Monitor[SlotName.Blue].Probes.Select(probe => probe.Status!.Value));
    }

    [Fact]
    public async Task Without_a_manager_a_slot_that_responds_is_healthy_and_one_that_does_not_is_unknown()
    {
        await StartedAsync();
        _plane.Units[SlotName.Blue].Failure = _plane.Units[SlotName.Green].Failure = new UnitManagerUnavailableException("no bus");

        await Monitor.CheckAsync(TestContext.Current.CancellationToken);

        Assert.Equal(HealthState.Healthy, Monitor[SlotName.Blue].State);
        Assert.Equal(HealthState.Unknown, Monitor[SlotName.Green].State);
    }

    [Fact]
    public async Task Probes_and_changes_are_published()
    {
        await StartedAsync();
        using var listener = _plane.Get<EventHub>().Subscribe();
        _plane.Blue.Handler = SlotApp.Responds(500);

        await Monitor.CheckAsync(TestContext.Current.CancellationToken);

        var slot = await listener.Events.ReadAsync(TestContext.Current.CancellationToken);
        var probe = await listener.Events.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal(("slot", """{"slot":"blue","active":true,"health":"Unhealthy","share":100}"""), (slot.Name, slot.Data));
        Assert.Equal("probe", probe.Name);
        Assert.Contains("\"slot\":\"blue\"", probe.Data, StringComparison.Ordinal);
        Assert.False(listener.Events.TryRead(out _));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task StartedAsync()
    {
        await _plane.Blue.ListenAsync();
        _plane.Units[SlotName.Blue].Runs();
        await _plane.StartAsync();
        await Monitor.CheckAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => Monitor[SlotName.Blue].Probes.Count == 2, "this round and the service's own first one");
    }
}
