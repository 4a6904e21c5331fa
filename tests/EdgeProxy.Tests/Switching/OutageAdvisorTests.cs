using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Switching;

public sealed class OutageAdvisorTests : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _outageEnded = new();
    private readonly ControlPlane _plane;
    private Task<string> _advice = Task.FromResult("");

    public OutageAdvisorTests()
    {
        _plane = new(_time);
        _plane.Options.Health.MonitorInterval = TimeSpan.FromHours(1); // it looks, too
    }

    private FakeUnit Active => _plane.Units[SlotName.Blue];

    [Theory]
    [InlineData(UnitState.Failed, "app-server-blue.service failed (exit code 3)")]
    [InlineData(UnitState.Inactive, "app-server-blue.service exited by itself")]
    public async Task A_unit_that_is_down_for_good_is_given_up_after_two_seconds_and_never_started(UnitState state, string reason)
    {
        await AskAsync(() => Active.Ends(state, state == UnitState.Failed ? "exit-code" : "success", 3));

        await PassAsync(TimeSpan.FromSeconds(1.9));
        Assert.False(_advice.IsCompleted);
        await PassAsync(TimeSpan.FromSeconds(0.2));

        var words = await _advice;
        Assert.StartsWith(reason, words, StringComparison.Ordinal);
        Assert.Contains("systemctl start app-server-blue.service", words, StringComparison.Ordinal);
        Assert.Equal(["start blue"], _plane.Units.Calls); // the proxy's own start
    }

    [Fact]
    public async Task A_unit_in_auto_restart_is_started_at_once_and_once_only()
    {
        await AskAsync(() =>
        {
            Active.OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.AutoRestart, "exit-code", 3));
            Active.Ends(UnitState.AutoRestart, "exit-code", 3);
        });

        await PassAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(["start blue", "start blue"], _plane.Units.Calls); // the proxy's own start, and the advisor's
        Assert.False(_advice.IsCompleted);
    }

    [Fact]
    public async Task A_unit_that_runs_on_is_not_being_restarted()
    {
        await _plane.StartAsync();
        Active.Runs();

        Assert.False(await OutlastAsync());
    }

    [Theory]
    [InlineData(UnitState.Deactivating)]
    [InlineData(UnitState.Activating)]
    public async Task A_unit_that_is_being_restarted_is_waited_for(UnitState state)
    {
        await _plane.StartAsync();
        Active.Ends(state);

        var outlasted = OutlastAsync();
        await Eventually.TrueAsync(() => _plane.Units.Looks > 5, "the advisor looks again and again");
        Assert.False(outlasted.IsCompleted);
        Active.Runs();

        Assert.True(await outlasted);
    }

    /// <summary>The crash is seen by the client first: systemd still says Active.</summary>
    [Fact]
    public async Task A_unit_whose_end_is_not_noticed_yet_is_looked_at_twice()
    {
        await _plane.StartAsync();
        Active.Runs();

        var advisor = _plane.Get<IOutageAdvisor>().OutlastRestartAsync(_plane.Slots.Active, TestContext.Current.CancellationToken);
        var looks = _plane.Units.Looks;
        await Eventually.TrueAsync(() => _plane.Units.Looks >= looks, "the advisor has looked");
        Active.Ends(UnitState.AutoRestart, "exit-code", 3);
        await Eventually.TrueAsync(() => Advance(advisor), "the advisor has looked again");

        Assert.True(await advisor);
    }

    [Theory]
    [InlineData(UnitState.Activating)]
    [InlineData(UnitState.Active)]
    [InlineData(UnitState.Reloading)]
    [InlineData(UnitState.Deactivating)]
    public async Task A_unit_on_its_way_is_waited_for(UnitState state)
    {
        await AskAsync(() => Active.Ends(state));

        await PassAsync(TimeSpan.FromSeconds(20));

        Assert.False(_advice.IsCompleted);
        Assert.Single(_plane.Units.Calls);
    }

    [Fact]
    public async Task A_moment_between_stop_and_start_by_hand_is_no_reason_to_give_up()
    {
        await AskAsync(() => Active.Ends());
        await PassAsync(TimeSpan.FromSeconds(1.5));
        Active.Runs();
        await PassAsync(TimeSpan.FromSeconds(1));
        Active.Ends();
        await PassAsync(TimeSpan.FromSeconds(1.5));

        Assert.False(_advice.IsCompleted);
    }

    [Fact]
    public async Task A_manager_that_is_away_is_waited_for()
    {
        await AskAsync(() => Active.Failure = new UnitManagerUnavailableException("no bus"));

        await PassAsync(TimeSpan.FromSeconds(20));

        Assert.False(_advice.IsCompleted);
    }

    public async ValueTask DisposeAsync()
    {
        await _outageEnded.CancelAsync();
        await _plane.DisposeAsync();
        _outageEnded.Dispose();
    }

    private async Task AskAsync(Action outage)
    {
        await _plane.StartAsync();
        outage();
        _advice = _plane.Get<IOutageAdvisor>().WhenHopelessAsync(_plane.Slots.Active, _outageEnded.Token);
    }

    private async Task<bool> OutlastAsync()
    {
        var advice = _plane.Get<IOutageAdvisor>().OutlastRestartAsync(_plane.Slots.Active, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => Advance(advice), "the advisor has made up its mind");
        return await advice;
    }

    private bool Advance(Task until)
    {
        _time.Advance(Step);
        return until.IsCompleted;
    }

    /// <summary>Lets time pass in the advisor's own steps, each only after it has looked.</summary>
    private async Task PassAsync(TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span && !_advice.IsCompleted; passed += Step)
        {
            var looks = _plane.Units.Looks;
            _time.Advance(Step);
            await Eventually.TrueAsync(() => _plane.Units.Looks > looks || _advice.IsCompleted, "the advisor looks again");
        }
    }
}
