using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Switching.Progressive;

/// <summary>The candidate waits to be looked at. Its traffic is nobody's but that of whoever is invited.</summary>
public sealed class PreviewPhaseTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Promoted_it_goes_on()
    {
        await _plane.StartAsync();
        Assert.Null(_plane.Switches.Invite());
        var running = await BeginAsync(TimeSpan.FromMinutes(15), new CanaryStep { Share = 5, For = TimeSpan.FromMilliseconds(1) });
        Assert.Equal((0, 100), (_plane.Slots.Plan.PercentOf(SlotName.Green), _plane.Slots.Plan.PercentOf(SlotName.Blue)));
        var (token, until) = _plane.Switches.Invite()!.Value;
        Assert.NotNull(PreviewToken.Read(_plane.Slots.Plan.Candidate!.Key, token, until - TimeSpan.FromSeconds(1)));
        Assert.Null(PreviewToken.Read(_plane.Slots.Plan.Candidate!.Key, token, until));

        Assert.IsType<SwitchStart.Joined>(_plane.Switches.Promote());

        var ended = await running.Within();
        Assert.Equal((SwitchOutcome.Completed, SlotName.Green), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Equal(
            [SwitchPhase.WarmUp, SwitchPhase.Preview, SwitchPhase.Canary, SwitchPhase.Flip], ended.Phases.Select(phase => phase.Phase).Skip(2).Take(4));
        Assert.EndsWith("; promoted", ended.Phases.Single(phase => phase.Phase == SwitchPhase.Preview).Detail, StringComparison.Ordinal);
        Assert.Null(_plane.Switches.Invite());
    }

    [Fact]
    public async Task Nobody_promotes_it_in_time()
    {
        await _plane.StartAsync();

        var ended = await (await BeginAsync(TimeSpan.FromMilliseconds(300))).Within();

        await AssertAbortedAsync(ended, "Preview: nobody has promoted it within 0.3 s (--preview). Traffic stays on blue.");
    }

    [Fact]
    public async Task It_is_aborted()
    {
        await _plane.StartAsync();
        var running = await BeginAsync(TimeSpan.FromMinutes(15));

        Assert.IsType<SwitchStart.Joined>(_plane.Switches.Abort());

        await AssertAbortedAsync(await running.Within(), "Preview: an abort was asked for. Traffic stays on blue.");
    }

    [Fact]
    public async Task Its_unit_ends()
    {
        await _plane.StartAsync();
        var running = await BeginAsync(TimeSpan.FromMinutes(15));

        _plane.Units[SlotName.Green].Ends(UnitState.Failed, "exit-code", 3);

        await AssertAbortedAsync(await running.Within(), "in the preview. Traffic stays on blue.");
    }

    [Fact]
    public async Task The_next_process_ends_it()
    {
        await _plane.StartAsync();
        var running = await BeginAsync(TimeSpan.FromMinutes(15));
        var id = _plane.Switches.Running!.Id;
        await _plane.StopAsync();
        Assert.Null((await running).Outcome);

        await _plane.StartAsync();

        await AssertAbortedAsync(_plane.Get<SwitchHistory>().Find(id)!, "EdgeProxy ended in Preview, before traffic moved. Traffic is on blue");
    }

    [Theory]
    [InlineData(null, "https://shop.example.com/?edgeproxy-preview=1.a")]
    [InlineData("https://shop.example.com:8443/cart/?a=b#top", "https://shop.example.com:8443/cart/?a=b&edgeproxy-preview=1.a")]
    [InlineData("ftp://shop.example.com/", null)]
    [InlineData("/cart/", null)]
    public void The_link_is_for_the_real_host(string? page, string? link) =>
        Assert.Equal(link, new PreviewSite(new Uri("https://shop.example.com/")).LinkOf(page, "1.a"));

    [Fact]
    public void Where_nothing_names_the_site_the_page_has_to_be_said() => Assert.Null(new PreviewSite(null).LinkOf(null, "1.a"));

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task<Task<Switch>> BeginAsync(TimeSpan preview, params CanaryStep[] canary)
    {
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(Canary: canary, Preview: preview), Cancellation));
        await Eventually.TrueAsync(() => _plane.Slots.Plan.Candidate is { Share: 0 } || start.Completion.IsCompleted, "it waits");
        return start.Completion;
    }

    private async Task AssertAbortedAsync(Switch ended, string reason)
    {
        Assert.Equal((SwitchOutcome.Aborted, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        Assert.Contains(reason, ended.Reason, StringComparison.Ordinal);
        Assert.Null(_plane.Slots.Plan.Candidate);
        await Eventually.TrueAsync(() => _plane.Units.Calls.Last() == "stop green", "the candidate is stopped");
    }
}
