using System.Text.Json;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Slots;

namespace EdgeProxy.Tests.Fleet;

/// <summary>What whoever drives a fleet's switch does next, by what the nodes say: each row of the protocol, as values.</summary>
public sealed class CoordinationTests
{
    private static readonly FleetKey _key = new(new byte[FleetKey.Length]);
    private static readonly FleetKeys _keys = new("shop", "app");
    private static readonly FleetLimits _limits = new(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(2), FleetFlip.Watch);

    [Theory]
    [InlineData("Prepare", "ok ok ok", "Observe 8 Green")]
    [InlineData("Prepare", "ok ok -", null)]
    [InlineData("Prepare", "ok ok gone", "Aborted c is gone")]
    [InlineData("Prepare", "ok no -", "Aborted b: why")]
    [InlineData("Hold", "ok ok ok", "Observe 8 Green")]
    [InlineData("Hold", "ok ok gone", "Aborted c is gone")]
    [InlineData("Observe", "ok ok ok", "Drain 7 Blue")]
    [InlineData("Observe", "ok ok gone", "Drain 7 Blue")]
    [InlineData("Observe", "ok - gone", null)]
    [InlineData("Observe", "ok no -", "Back 7 Blue")]
    [InlineData("Back", "ok ok gone", "Drain 8 Blue going back")]
    [InlineData("Back", "ok no ok", "Drain 7 Blue")]
    [InlineData("Back", "ok - ok", null)]
    [InlineData("Drain", "ok ok gone", "Stop 7 Blue")]
    [InlineData("Drain", "ok - ok", null)]
    [InlineData("Stop", "ok ok ok", "Completed ")]
    [InlineData("Stop", "ok ok gone", "CompletedWithWarnings c was gone")]
    [InlineData("Stop", "ok - gone", null)]
    [InlineData("Stop", "gone gone gone", null)]
    public void The_votes_decide(string phase, string votes, string? expected) => Assert.Equal(expected, Decide(SwitchIn(phase), votes));

    [Fact]
    public void Whoever_takes_over_before_the_flip_aborts_and_after_it_goes_on()
    {
        Assert.Equal("Aborted the node that drove it is gone", Decide(SwitchIn("Prepare"), "ok ok ok", isTakenOver: true));
        Assert.Equal("Drain 7 Blue", Decide(SwitchIn("Observe"), "ok ok ok", isTakenOver: true));
    }

    [Fact]
    public void A_recall_aborts_before_the_flip_and_goes_back_until_the_old_unit_is_stopped()
    {
        Assert.Equal("Aborted an abort was asked for", Decide(SwitchIn("Prepare") with { IsRecalled = true }, "ok ok ok"));
        Assert.Equal("Back 7 Blue", Decide(SwitchIn("Observe") with { IsRecalled = true }, "- - -"));
        Assert.Equal("Back 7 Blue", Decide(SwitchIn("Drain") with { IsRecalled = true }, "- - -"));
        Assert.Null(Decide(SwitchIn("Drain") with { IsRecalled = true, Reason = "it could not go back" }, "- - -"));
        Assert.Null(Decide(SwitchIn("Drain") with { IsRecalled = true, IsGoingBack = true }, "- - -"));
        Assert.Equal("RolledBack why", Decide(SwitchIn("Stop") with { IsGoingBack = true, Reason = "why" }, "ok ok ok"));
    }

    [Fact]
    public void Who_is_not_ready_in_time_is_named()
    {
        Assert.Null(Decide(SwitchIn("Prepare"), "ok - -", inPhase: TimeSpan.FromSeconds(29)));
        Assert.Equal("Aborted b, c were not ready within 31 s", Decide(SwitchIn("Prepare"), "ok - -", inPhase: TimeSpan.FromSeconds(31)));
        Assert.Equal("Aborted c was not ready within 3 s", Decide(SwitchIn("Hold"), "ok ok -", inPhase: TimeSpan.FromSeconds(3)));
    }

    [Fact]
    public void A_held_flip_has_a_phase_in_between() =>
        Assert.Equal("Hold 7 Blue", Decide(SwitchIn("Prepare"), "ok ok ok", limits: _limits with { Flip = FleetFlip.Hold }));

    [Fact]
    public void A_vote_of_another_phase_says_nothing()
    {
        var seen = See(SwitchIn("Observe"), "- - -", Put("votes/a", new FleetVote("s1", FleetPhase.Prepare, null), FleetJson.Default.FleetVote));
        Assert.Null(seen.VoteOf("a", seen.State!.Switch!));
    }

    [Fact]
    public void A_commit_compares_the_document_and_each_vote_as_it_was_seen()
    {
        var seen = See(SwitchIn("Prepare"), "ok ok ok");
        var step = Coordination.Decide(seen, TimeSpan.Zero, isTakenOver: false, _limits)!;
        Assert.Equal(
            [(_keys.State, 10L), (_keys.Votes + "a", 11), (_keys.Votes + "b", 11), (_keys.Votes + "c", 11)],
            step.When.Select(compare => (compare.Key.ToStringUtf8(), compare.ModRevision)));
    }

    private static FleetSwitch SwitchIn(string phase) => new()
    {
        Id = "s1",
        From = SlotName.Blue,
        To = SlotName.Green,
        Phase = Enum.Parse<FleetPhase>(phase),
        Members = ["a", "b", "c"],
    };

    private static string? Decide(FleetSwitch @switch, string votes, TimeSpan inPhase = default, bool isTakenOver = false, FleetLimits? limits = null) =>
        Coordination.Decide(See(@switch, votes), inPhase, isTakenOver, limits ?? _limits)?.Next switch
        {
            null => null,
            { Switch: { } next } state => $"{next.Phase} {state.Epoch} {state.Slot}{(next.IsGoingBack ? " going back" : "")}",
            var state => $"{state.Last!.Outcome} {state.Last.Reason}",
        };

    private static FleetSnapshot See(FleetSwitch @switch, string votes, params IEnumerable<EtcdChange> more)
    {
        var state = new FleetState
        {
            Format = FleetState.CurrentFormat,
            Epoch = 7,
            Slot = SlotName.Blue,
            Release = "s0",
            Switch = @switch,
        };
        var nodes = @switch.Members.Zip(votes.Split(' ')).SelectMany(pair => (IEnumerable<EtcdChange>)[
            .. pair.Second == "gone" ? [] : new[] { Put($"alive/{pair.First}", new FleetPresence("p", 7, "1"), FleetJson.Default.FleetPresence) },
            .. pair.Second is "ok" or "no"
                ? new[] { Put($"votes/{pair.First}", new FleetVote("s1", @switch.Phase, pair.Second == "ok" ? null : "why"), FleetJson.Default.FleetVote) }
                : []]);
        var document = new EtcdChange(
            IsDeleted: false, new(_keys.State, _key.Sign(_keys.State, JsonSerializer.Serialize(state, FleetJson.Default.FleetState)), 10, 0));
        return new FleetSnapshot(_keys).With([document, .. nodes, .. more], 12, _key);
    }

    private static EtcdChange Put<T>(string name, T content, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => new(
        IsDeleted: false, new(_keys.Prefix + name, _key.Sign(_keys.Prefix + name, JsonSerializer.Serialize(content, type)), 11, 1));
}
