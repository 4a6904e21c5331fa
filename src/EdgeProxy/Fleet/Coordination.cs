using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Switching;

namespace EdgeProxy.Fleet;

/// <summary>How long the phases of a fleet's switch may take, and how it flips.</summary>
internal sealed record FleetLimits(TimeSpan Prepare, TimeSpan Hold, FleetFlip Flip);

/// <summary>
/// Decides what whoever drives a switch does next: a function of what is in etcd and of how long the phase has lasted. So anybody can take over at any step,
/// and two at a time do no harm, as each step is a compare-and-swap.
/// </summary>
internal static class Coordination
{
    /// <param name="Next">The document after the step.</param>
    /// <param name="When">The compares: the document is as it was seen, and the votes that count are there still.</param>
    public sealed record Step(FleetState Next, IReadOnlyList<Compare> When);

    /// <param name="seen">What is known; a switch runs.</param>
    /// <param name="inPhase">How long its phase has lasted.</param>
    /// <param name="isTakenOver">Another node began the switch, and this one goes on with it.</param>
    /// <param name="limits">Those of the settings.</param>
    /// <returns>The step; null: the switch waits for other nodes.</returns>
    public static Step? Decide(FleetSnapshot seen, TimeSpan inPhase, bool isTakenOver, FleetLimits limits)
    {
        var votes = new Votes(seen);
        return seen.State!.Switch!.Phase switch
        {
            FleetPhase.Prepare or FleetPhase.Hold => BeforeFlip(votes, inPhase, isTakenOver, limits),
            FleetPhase.Observe => Observe(votes),
            FleetPhase.Back => Back(votes),
            FleetPhase.Drain => votes.Switch is { IsRecalled: true, IsGoingBack: false, Reason: null } ? votes.To(FleetPhase.Back, RollbackSignal.Words)
                : votes.AllAliveAgree ? votes.To(FleetPhase.Stop)
                : null,
            _ => votes.AllAliveAgree ? Ended(votes) : null,
        };
    }

    private static Step? BeforeFlip(Votes votes, TimeSpan inPhase, bool isTakenOver, FleetLimits limits)
    {
        var @switch = votes.Switch;
        var isHold = @switch.Phase == FleetPhase.Hold;
        return isTakenOver ? votes.End(SwitchOutcome.Aborted, "the node that drove it is gone")
            : @switch.IsRecalled ? votes.End(SwitchOutcome.Aborted, "an abort was asked for")
            : votes.Lost.Count > 0 ? votes.End(SwitchOutcome.Aborted, $"{Are(votes.Lost, "is", "are")} gone")
            : votes.No is { } no ? votes.End(SwitchOutcome.Aborted, no)
            : votes.AllMembersAgree ? (limits.Flip == FleetFlip.Hold && !isHold ? votes.To(FleetPhase.Hold) : votes.Flip(isBack: false))
            : inPhase > (isHold ? limits.Hold : limits.Prepare)
                ? votes.End(SwitchOutcome.Aborted, $"{Are([.. votes.Silent], "was", "were")} not ready within {inPhase.TotalSeconds:0.#} s")
            : null;
    }

    private static Step? Observe(Votes votes) => votes.Switch.IsRecalled ? votes.To(FleetPhase.Back, RollbackSignal.Words)
        : votes.No is { } no ? votes.To(FleetPhase.Back, no)
        : votes.AllAliveAgree ? votes.To(FleetPhase.Drain)
        : null;

    private static Step? Back(Votes votes) => votes.No is { } no ? votes.To(FleetPhase.Drain, $"{votes.Switch.Reason}. Traffic stays, as {no}")
        : votes.AllAliveAgree ? votes.Flip(isBack: true)
        : null;

    private static Step Ended(Votes votes)
    {
        var lost = votes.Lost.Count > 0 ? $"{Are(votes.Lost, "was", "were")} gone" : null;
        return votes.End(
            votes.Switch.IsGoingBack ? SwitchOutcome.RolledBack
                : lost is not null || votes.Switch.Reason is not null ? SwitchOutcome.CompletedWithWarnings
                : SwitchOutcome.Completed,
            votes.Switch.Reason ?? lost);
    }

    /// <summary>Names, with the verb that fits.</summary>
    public static string Are(IReadOnlyList<string> names, string one, string several) => $"{string.Join(", ", names)} {(names.Count == 1 ? one : several)}";

    /// <summary>What the members say, and the steps that can be made of it.</summary>
    private sealed class Votes
    {
        private readonly FleetSnapshot _seen;
        private readonly (string Node, FleetVote? Vote)[] _alive;

        public Votes(FleetSnapshot seen)
        {
            _seen = seen;
            Lost = seen.Missing(Switch.Members);
            _alive = [.. Switch.Members.Except(Lost).Select(node => (node, seen.VoteOf(node, Switch)))];
        }

        public FleetSwitch Switch => _seen.State!.Switch!;

        /// <summary>Members that are not there.</summary>
        public IReadOnlyList<string> Lost { get; }

        /// <summary>Members that have said nothing yet.</summary>
        public IEnumerable<string> Silent => _alive.Where(one => one.Vote is null).Select(one => one.Node);

        /// <summary>Who is against it, and why; null: nobody so far.</summary>
        public string? No => _alive.Where(one => one.Vote?.Problem is not null).Select(one => $"{one.Node}: {one.Vote!.Problem}").FirstOrDefault();

        public bool AllAliveAgree => _alive.Length > 0 && _alive.All(one => one.Vote is { Problem: null });

        public bool AllMembersAgree => Lost.Count == 0 && AllAliveAgree;

        public Step To(FleetPhase phase, string? reason = null) =>
            new(_seen.State! with { Switch = Switch with { Phase = phase, Reason = reason ?? Switch.Reason } }, [SameState]);

        public Step End(SwitchOutcome outcome, string? reason) =>
            new(_seen.State! with { Switch = null, Last = new(Switch.Id, outcome, reason, _seen.State.Epoch) }, [SameState]);

        /// <summary>The flip, where each vote is as it was seen. For the way back, which needs no vote of a node that is gone, none may have come.</summary>
        public Step Flip(bool isBack)
        {
            var state = _seen.State!;
            var next = state with
            {
                Epoch = state.Epoch + 1,
                Slot = isBack ? Switch.From : Switch.To,
                Release = isBack ? state.IdleRelease ?? "" : Switch.Id,
                Label = isBack ? state.IdleLabel : Switch.Label,
                IdleRelease = state.Release,
                IdleLabel = state.Label,
                Switch = Switch with { Phase = isBack ? FleetPhase.Drain : FleetPhase.Observe, IsGoingBack = isBack },
            };
            var votes = _alive.Select(one => _seen.Keys.Votes + one.Node).Select(key => Transaction.IsAt(key, _seen.Find(key)!.Revision));
            return new(next, [SameState, .. votes, .. isBack ? new[] { Transaction.IsUnchanged(_seen.Keys.Presences, _seen.Revision) } : []]);
        }

        private Compare SameState => Transaction.IsAt(_seen.Keys.State, _seen.StateRevision);
    }
}
