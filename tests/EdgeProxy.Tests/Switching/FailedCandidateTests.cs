using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Switching;

/// <summary>Whatever is wrong with a candidate: traffic never moves, nothing is left running, and the reason can be acted on.</summary>
public sealed class FailedCandidateTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private FakeUnit Candidate => _plane.Units[SlotName.Green];

    public static TheoryData<string, int, string?, string> BadResponses => new()
    {
        { "an error", 500, null, "the app fails" },
        { "a host that Django does not know", 400, null, "is it in Django's ALLOWED_HOSTS?" },
        { "a redirect to https", 301, "https://api.example.com/v1/config/feature-flags/", "SECURE_PROXY_SSL_HEADER" },
        { "a redirect elsewhere", 302, "/login/", "redirects to /login/" },
        { "a login", 403, null, "without a login" },
    };

    [Theory]
    [MemberData(nameof(BadResponses))]
    public async Task A_candidate_that_responds_badly(string what, int status, string? location, string hint)
    {
        ShortBudget();
        _plane.Green.Handler = SlotApp.Responds(status, location);
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.Contains(hint, ended.Reason, StringComparison.Ordinal);
        Assert.True(ended.LastProbe is { Status: { } seen, Error: not null } && seen == status, what);
        Assert.Contains("was not healthy within 0.5 s (Health:Attempts 5 x Health:Interval 0.1 s)", ended.Reason, StringComparison.Ordinal);
    }

    /// <summary>It has booted: there is nothing to wait for.</summary>
    [Fact]
    public async Task A_candidate_that_does_not_have_the_health_path()
    {
        _plane.Options.Health.Interval = TimeSpan.FromMilliseconds(100);
        _plane.Options.Health.Attempts = 1000;
        _plane.Green.Handler = SlotApp.Responds(404);
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.Contains(
            "green responds, but not at its health path: /healthz responds with 404, expected 200-299: is Health:Path right?",
            ended.Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_candidate_that_hangs()
    {
        ShortBudget();
        _plane.Options.Health.Timeout = TimeSpan.FromMilliseconds(200);
        _plane.Green.Handler = SlotApp.Hangs;
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.Contains("did not respond within 0.2 s", ended.Reason, StringComparison.Ordinal);
        Assert.Null(ended.LastProbe!.Status);
    }

    [Fact]
    public async Task A_candidate_that_does_not_listen()
    {
        ShortBudget();
        Candidate.OnStart = (unit, _) => Task.FromResult(unit.Runs());
        await _plane.StartAsync();

        Assert.Contains("nothing listens on unix:", (await AbortedAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_that_fails_to_start()
    {
        Candidate.OnStart = (unit, _) => Task.FromResult(unit.Ends(UnitState.Failed, "exit-code", 3));
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.StartsWith("StartIdle: app-server-green.service failed (exit code 3). Traffic stays on blue.", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(["log of green"], ended.UnitLog);
    }

    [Fact]
    public async Task A_unit_whose_start_never_ends()
    {
        ShortBudget();
        Candidate.OnStart = async (unit, cancellation) =>
        {
            unit.Status = unit.Status with { State = UnitState.Activating };
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return UnitJobResult.Done;
        };
        await _plane.StartAsync();

        Assert.Contains("did not end within 0.5 s", (await AbortedAsync()).Reason, StringComparison.Ordinal);
    }

    /// <summary>READY=1 comes before the app is imported: the start succeeds, then the unit ends while a probe hangs in its backlog.</summary>
    [Theory]
    [InlineData(UnitState.Failed, "exit-code", "failed (exit code 3)")]
    [InlineData(UnitState.AutoRestart, "exit-code", "is in auto-restart")]
    [InlineData(UnitState.Inactive, "success", "exited by itself")]
    public async Task A_crash_is_noticed_at_once_also_while_a_probe_hangs(UnitState state, string result, string words)
    {
        _plane.Green.Handler = async context =>
        {
            Candidate.Ends(state, result, 3);
            await SlotApp.Hangs(context);
        };
        (_plane.Options.Health.Timeout, _plane.Options.Health.Attempts) = (TimeSpan.FromHours(1), 100_000); // neither ends the probe
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.Contains(words, ended.Reason, StringComparison.Ordinal);
        Assert.Contains("before it was healthy", ended.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_crash_by_a_signal_is_not_mistaken_for_a_stop_that_took_too_long()
    {
        _plane.Green.Handler = async context =>
        {
            Candidate.Ends(UnitState.Failed, "signal", 11);
            await SlotApp.Hangs(context);
        };
        Candidate.OnStop = (unit, _) => Task.FromResult(UnitJobResult.Done); // nothing to stop
        await _plane.StartAsync();

        var ended = await AbortedAsync();

        Assert.Contains("failed (killed by signal 11)", ended.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("TimeoutStopSec", ended.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_that_flaps_too_fast_to_be_seen_down()
    {
        _plane.Green.Handler = context =>
        {
            Candidate.RestartsByItself();
            return context.Response.WriteAsync("ok");
        };
        _plane.Options.Health.Successes = 100;
        await _plane.StartAsync();

        Assert.Contains("it flaps", (await AbortedAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_address_in_use_by_another_process()
    {
        await _plane.StartAsync();
        await _plane.Green.ListenAsync();

        var ended = await AbortedAsync();

        Assert.Contains(" is already in use: ", ended.Reason, StringComparison.Ordinal);
        Assert.Contains("Nothing was started.", ended.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("start green", _plane.Units.Calls);
    }

    [Theory]
    [InlineData(UnitLoadState.NotFound, "daemon-reload")]
    [InlineData(UnitLoadState.Masked, "systemctl unmask")]
    [InlineData(UnitLoadState.Error, "has an error")]
    public async Task A_unit_that_is_not_loaded(UnitLoadState state, string hint)
    {
        Candidate.Status = Candidate.Status with { LoadState = state };
        await _plane.StartAsync();

        Assert.Contains(hint, (await AbortedAsync()).Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("start green", _plane.Units.Calls);
    }

    [Fact]
    public async Task A_manager_that_refuses()
    {
        await _plane.StartAsync();
        Candidate.Failure = new UnitAccessDeniedException("EdgeProxy may not start app-server-green.service: install the polkit rule");

        Assert.Contains("install the polkit rule. Traffic stays on blue", (await AbortedAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_little_memory_unless_forced()
    {
        await _plane.StartAsync();
        var active = _plane.Units[SlotName.Blue];
        active.Status = active.Status with { Memory = long.MaxValue / 2 };

        Assert.Contains("too little memory", (await AbortedAsync()).Reason, StringComparison.Ordinal);
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync(new(Force: true))).Outcome);
    }

    [Fact]
    public async Task Requests_that_still_end_in_it_unless_forced()
    {
        await _plane.StartAsync();
        _plane.Slots.Activate(SlotName.Green);
        using var late = _plane.Slots.Acquire(LeaseClass.Http); // as if it had outlasted an earlier drain
        _plane.Slots.Activate(SlotName.Blue);

        Assert.Contains("1 requests of an earlier switch still end in green", (await AbortedAsync()).Reason, StringComparison.Ordinal);
        Assert.False(late.Ended.IsCancellationRequested);

        await _plane.SwitchAsync(new(Force: true));
        Assert.True(late.Ended.IsCancellationRequested);
    }

    [Fact]
    public async Task A_page_that_cannot_be_warmed_up()
    {
        _plane.Options.Switch.WarmUp = ["/broken"];
        _plane.Green.Handler = context => SlotApp.Responds(context.Request.Path == "/broken" ? 500 : 200)(context);
        await _plane.StartAsync();

        Assert.Contains("warm-up: /broken responds with 500", (await AbortedAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_written_before_anything_is_started()
    {
        await _plane.StartAsync();
        Directory.CreateDirectory(_plane.StateFile(SwitchCheckpointFile.FileName)); // a rename onto a directory fails for root, too

        Assert.Contains("cannot write", (await AbortedAsync()).Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("start green", _plane.Units.Calls);
    }

    [Fact]
    public async Task An_active_slot_that_cannot_be_written()
    {
        await _plane.StartAsync();
        File.Delete(_plane.StateFile(ActiveSlotFile.FileName));
        Directory.CreateDirectory(_plane.StateFile(ActiveSlotFile.FileName));

        var ended = await AbortedAsync();

        Assert.StartsWith("Flip: cannot write", ended.Reason, StringComparison.Ordinal);
    }

    /// <summary>Runs a switch that must change nothing.</summary>
    private async Task<Switch> AbortedAsync()
    {
        var before = _plane.Get<ActiveSlotRecord>().Current;
        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.Contains("Traffic stays on blue", ended.Reason, StringComparison.Ordinal);
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.Equal(before, _plane.Get<ActiveSlotRecord>().Current);
        Assert.False(Candidate.Status.IsRunning);
        Assert.DoesNotContain("stop blue", _plane.Units.Calls);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        Assert.Equal(ended.Id, _plane.Switches.Last!.Id);
        return ended;
    }

    private void ShortBudget()
    {
        _plane.Options.Health.Attempts = 5;
        _plane.Options.Health.Interval = TimeSpan.FromMilliseconds(100);
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();
}
