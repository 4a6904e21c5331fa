using EdgeProxy.Fleet;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Explores every interleaving of the fleet's protocol for two nodes, with crashes, cuts and lost leases, and checks what it promises.</summary>
/// <remarks>
/// etcd is one atomic document (strict serializability is its promise) and keys with leases. Whoever drives is not modelled: each transition that it may ask
/// for is possible whenever etcd's compares allow it, which covers drivers that died, two at a time, and transactions that arrive late. Timers are
/// nondeterministic. It is a model of the protocol, not of the code.
/// </remarks>
internal sealed class FleetModel(int switches, int faults, bool isHeld, string? without)
{
    private const int First = 1; // the version that runs at the beginning; that of the n-th switch is 1 + n

    /// <summary>States that were looked at.</summary>
    public int Count { get; private set; }

    /// <returns>What was violated; null: nothing, in all states that can be reached.</returns>
    public string? Explore()
    {
        var document = new Document(1, 0, First, 0, 0, default, false);
        var node = new Node
        {
            Epoch = 1,
            V0 = First,
            R0 = First,
            IsUp = true,
            IsLinked = true,
            IsSettled = true,
            HasJoined = true,
            View = document,
            HasView = true,
            IsAlive = true,
            IsMember = true,
        };
        var start = new State(document, node, node, 0, 0, History: First << 1);
        HashSet<State> seen = [start];
        var next = new Queue<State>(seen);
        while (next.TryDequeue(out var state))
        {
            if (WhatIsViolated(state) is { } violation)
            {
                Count = seen.Count;
                return violation;
            }

            foreach (var step in Steps(state))
            {
                if (step.Violation is { } found)
                {
                    Count = seen.Count;
                    return found;
                }

                var after = step.State.A.GetHashCode() <= step.State.B.GetHashCode() ? step.State : step.State with { A = step.State.B, B = step.State.A };
                if (seen.Add(after))
                {
                    next.Enqueue(after);
                }
            }
        }

        Count = seen.Count;
        return null;
    }

    private static Step To(State state) => new(state, null);

    /// <summary>What the ready path says. Clients are served all the same.</summary>
    private bool IsReady(Node node) => node is { IsUp: true, HasJoined: true }
        && (!node.HasView || (node.View.Epoch <= node.Epoch && (node.View.Switch == 0 || !node.IsMine || !node.IsSilent || without == "doubt")));

    private string? WhatIsViolated(State state)
    {
        foreach (var node in (ReadOnlySpan<Node>)[state.A, state.B])
        {
            if (((state.History >> (8 * (node.Epoch - 1))) & 0xff) != ((node.Version(node.Slot) << 1) | node.Slot))
            {
                return "agreement: what a node serves is not what was committed for its epoch";
            }

            if (IsReady(node) && node.Runs(node.Slot) != node.Version(node.Slot))
            {
                return "served: a node is ready, and another version runs";
            }

            if (node is { Must: true, IsSilent: true } && node.Epoch < state.Document.Epoch && IsReady(node))
            {
                return "doubt: a node has voted, hears nothing, and is ready behind the others";
            }

            if (state.Document is { Switch: > 0, IsBack: false, Phase: FleetPhase.Observe or FleetPhase.Back or FleetPhase.Drain } document
                && node is { IsInSwitch: true, IsAlive: true, IsSpoiled: false } && node.Epoch == document.Epoch
                && node.Runs(1 - node.Slot) != document.Idle)
            {
                return "way back: a node does not run the old version any more";
            }
        }

        return isHeld && state.Document is { Switch: > 0, IsBack: false } && Admits(state.A) && Admits(state.B) && state.A.Epoch != state.B.Epoch
            && Math.Min(state.A.Epoch, state.B.Epoch) >= state.Document.Epoch - 1
            ? "held flip: one node admits to the new version and one to the old"
            : null;

        static bool Admits(Node node) => node is { IsUp: true, IsHolding: false, IsLinked: true, IsSettled: true, GaveUp: false, Must: true };
    }

    private IEnumerable<Step> Steps(State state) =>
        Driven(state).Concat(OfNode(state, state.A, node => state with { A = node })).Concat(OfNode(state, state.B, node => state with { B = node }));

    /// <summary>What somebody who drives may ask of etcd.</summary>
    private IEnumerable<Step> Driven(State state)
    {
        var (document, a, b) = (state.Document, state.A, state.B);
        if (document.Switch == 0)
        {
            var isComplete = (!a.IsMember || a.IsAlive) && (!b.IsMember || b.IsAlive);
            if (state.Began < switches && isComplete)
            {
                yield return To(Each(
                    state with
                    {
                        Document = document with { Switch = First + 1 + state.Began, Phase = FleetPhase.Prepare, IsBack = false },
                        Began = state.Began + 1,
                    },
                    node => node with { HasVoted = false, IsInSwitch = node is { IsMember: true, IsAlive: true } }));
            }

            yield break;
        }

        switch (document.Phase)
        {
            case FleetPhase.Prepare or FleetPhase.Hold:
                yield return To(End(state));
                if (without == "votes" || ((!a.IsInSwitch || a.HasVoted) && (!b.IsInSwitch || b.HasVoted) && (a.IsInSwitch || b.IsInSwitch)))
                {
                    yield return document.Phase == FleetPhase.Prepare && isHeld ? To(Move(state, FleetPhase.Hold)) : Commit(state);
                }

                break;
            case FleetPhase.Observe:
                yield return To(Move(state, FleetPhase.Drain));
                yield return To(Move(state, FleetPhase.Back));
                break;
            case FleetPhase.Back:
                if ((!Counts(a) || a.HasVoted) && (!Counts(b) || b.HasVoted) && (Counts(a) || Counts(b)))
                {
                    yield return To(Flip(state, document.Idle, FleetPhase.Drain, isBack: true));
                }

                yield return To(Move(state, FleetPhase.Stop));
                break;
            case FleetPhase.Drain:
                yield return To(Move(state, FleetPhase.Stop));
                if (!document.IsBack)
                {
                    yield return To(Move(state, FleetPhase.Back));
                }

                break;
            default:
                yield return To(End(state));
                break;
        }

        static bool Counts(Node node) => node is { IsInSwitch: true, IsAlive: true };
    }

    private static Step Commit(State state)
    {
        foreach (var node in (ReadOnlySpan<Node>)[state.A, state.B])
        {
            if (node.IsInSwitch && ((!node.IsSpoiled && node.Runs(1 - state.Document.Slot) != state.Document.Switch) || !node.IsAlive))
            {
                return new(state, "prepared: it was committed, and a node is not prepared, or gone");
            }
        }

        return To(Flip(state, state.Document.Switch, FleetPhase.Observe, isBack: false));
    }

    private static State Flip(State state, int version, FleetPhase phase, bool isBack)
    {
        var slot = 1 - state.Document.Slot;
        var document = new Document(state.Document.Epoch + 1, slot, version, state.Document.Version, state.Document.Switch, phase, isBack);
        var history = state.History | ((long)((version << 1) | slot) << (8 * (document.Epoch - 1)));
        return Each(state with { Document = document, History = history }, node => node with { HasVoted = false, Must = node.IsInSwitch });
    }

    private static State Move(State state, FleetPhase phase) =>
        Each(state with { Document = state.Document with { Phase = phase } }, node => node with { HasVoted = false });

    private static State End(State state) => Each(
        state with { Document = state.Document with { Switch = 0, Phase = default, IsBack = false } },
        node => node with { HasVoted = false, IsInSwitch = false });

    private static State Each(State state, Func<Node, Node> change) => state with { A = change(state.A), B = change(state.B) };

    /// <summary>What a node does, and what happens to it.</summary>
    private IEnumerable<Step> OfNode(State state, Node node, Func<Node, State> with)
    {
        var document = state.Document;
        foreach (var after in Told(document, node).Concat(Acts(document, node)))
        {
            yield return To(with(after));
        }

        if (!node.IsUp)
        {
            // It does not admit before it serves what the fleet does, or its patience is over.
            var started = node with
            {
                IsUp = true,
                IsLinked = true,
                IsSettled = false,
                HasJoined = false,
                HasView = false,
                View = default,
                IsHolding = true,
                GaveUp = false,
                IsSilent = false,
            };
            started = started.Runs(started.Slot) == 0 ? started.WithRun(started.Slot, started.Version(started.Slot)) : started;
            yield return To(with(started));
            if (state.Faults < faults)
            {
                yield return To(with(started with { IsLinked = false }) with { Faults = state.Faults + 1 });
            }
        }

        if (state.Faults < faults && node.IsUp)
        {
            var dead = node with
            {
                IsUp = false,
                IsLinked = false,
                HasView = false,
                View = default,
                IsMine = false,
                IsHolding = false,
                IsSilent = false,
                IsSettled = false,
                HasJoined = false,
                GaveUp = false,
            };
            yield return Fault(dead);
            yield return Fault(dead with { R0 = 0, R1 = 0, IsSpoiled = true });
            if (node.IsLinked)
            {
                yield return Fault(node with { IsLinked = false });
            }

            if (node.Runs(1 - node.Slot) != 0)
            {
                yield return Fault(node.WithRun(1 - node.Slot, 0) with { IsSpoiled = true });
            }
        }

        Step Fault(Node after) => To(with(after) with { Faults = state.Faults + 1 });
    }

    /// <summary>What a node hears of etcd, and does not.</summary>
    private IEnumerable<Node> Told(Document document, Node node)
    {
        var isCurrent = node.HasView && node.View == document && node.IsMine == node.IsInSwitch;
        if (node is { IsUp: true, IsLinked: true, IsSettled: true } && !isCurrent)
        {
            yield return node with { View = document, HasView = true, IsMine = node.IsInSwitch, IsSilent = false };
        }

        if (node is { IsUp: true, IsLinked: true, IsSilent: true } && isCurrent)
        {
            yield return node with { IsSilent = false };
        }

        if (node is { IsUp: true, IsLinked: true, IsSettled: false })
        {
            // The lease of the former process is revoked, its votes with it; then etcd is read, and only then is anything done.
            yield return node with
            {
                IsSettled = true,
                IsAlive = false,
                HasVoted = false,
                View = document,
                HasView = true,
                IsMine = node.IsInSwitch,
                IsSilent = false,
            };
        }

        if (without == "settle" && node is { IsUp: true, IsSettled: false } && node.Runs(1 - node.Slot) != 0)
        {
            yield return node.WithRun(1 - node.Slot, 0);
        }

        if (node is { IsUp: true, HasJoined: false, HasView: false, IsLinked: false } && (node.Journal == 0 || without == "journal"))
        {
            yield return node with { HasJoined = true };
        }

        if (node is { IsUp: true, IsHolding: true, IsLinked: false, GaveUp: false })
        {
            yield return node with { IsHolding = false, GaveUp = true };
        }

        if (node is { IsUp: true, IsLinked: false, IsSilent: false })
        {
            yield return node with { IsSilent = true };
        }

        if (!node.IsLinked)
        {
            yield return node with { IsLinked = true };
        }

        if (node.IsAlive && (!node.IsUp || !node.IsLinked))
        {
            yield return node with { IsAlive = false, HasVoted = without == "lease" && node.HasVoted };
        }
    }

    /// <summary>What a node does of what it has heard.</summary>
    private IEnumerable<Node> Acts(Document document, Node node)
    {
        if (node is not { IsUp: true, IsSettled: true, HasView: true })
        {
            yield break;
        }

        var view = node.View;
        var isCurrent = view == document && node.IsMine == node.IsInSwitch; // its compare-and-swap would succeed
        var other = 1 - node.Slot;
        if (view.Epoch > node.Epoch)
        {
            yield return node.Runs(view.Slot) == view.Version || without == "adopt"
                ? node.WithVersion(view.Slot, view.Version) with { Epoch = view.Epoch, Slot = view.Slot, IsHolding = false }
                : node.WithRun(view.Slot, view.Version) with
                {
                    Journal = view.Version,
                    IsSpoiled = false,
                    IsHolding = node.IsHolding || view.Slot == node.Slot,
                };
            yield break;
        }

        if (view.Epoch < node.Epoch)
        {
            yield break;
        }

        if (node.IsLinked && isCurrent && !node.IsAlive && (document.Switch == 0 || node.IsInSwitch))
        {
            yield return node with { IsAlive = true, IsMember = true, HasJoined = true };
        }

        if (node.IsHolding && (view.Switch == 0 || !node.IsMine || view.Phase != FleetPhase.Hold))
        {
            yield return node with { IsHolding = false };
        }

        if (view.Switch == 0)
        {
            if (node.Runs(other) != 0)
            {
                yield return node.WithRun(other, 0);
            }

            if (node.Journal != 0 || node.GaveUp)
            {
                yield return node with { Journal = 0, GaveUp = false };
            }
        }
        else if (node.IsMine)
        {
            foreach (var after in TakesPart(view, node, other, isCurrent))
            {
                yield return after;
            }
        }
    }

    private IEnumerable<Node> TakesPart(Document view, Node node, int other, bool isCurrent)
    {
        if (view.Phase == FleetPhase.Prepare && node.Runs(other) != view.Switch)
        {
            yield return node.WithRun(other, view.Switch) with { Journal = view.Switch, IsSpoiled = false };
        }

        if (without == "early" && view.Phase == FleetPhase.Prepare && node.HasVoted)
        {
            yield return node.WithVersion(other, view.Switch) with { Epoch = node.Epoch + 1, Slot = other };
        }

        if (view.Phase == FleetPhase.Hold && node is { IsHolding: false, GaveUp: false })
        {
            yield return node with { IsHolding = true };
        }

        if ((view.Phase == FleetPhase.Stop || (without == "stop" && view.Phase == FleetPhase.Drain)) && node.Runs(other) != 0)
        {
            yield return node.WithRun(other, 0);
        }

        var agrees = view.Phase switch
        {
            FleetPhase.Prepare => node.Runs(other) == view.Switch,
            FleetPhase.Hold => node.IsHolding && node.Runs(other) == view.Switch,
            FleetPhase.Back => node.Runs(other) == view.Idle,
            _ => false,
        };
        if (agrees && isCurrent && node is { IsLinked: true, IsAlive: true, HasVoted: false })
        {
            yield return node with { HasVoted = true }; // a "no" only leads to what is always possible here
        }
    }

    private readonly record struct Step(State State, string? Violation);

    private readonly record struct Document(int Epoch, int Slot, int Version, int Idle, int Switch, FleetPhase Phase, bool IsBack);

    /// <param name="Document">In etcd.</param>
    /// <param name="A">One node.</param>
    /// <param name="B">The other.</param>
    /// <param name="Began">Switches so far.</param>
    /// <param name="Faults">So far.</param>
    /// <param name="History">What was committed for each epoch, a byte each.</param>
    private readonly record struct State(Document Document, Node A, Node B, int Began, int Faults, long History);

    /// <summary>What is durable and what runs on the machine, the process, and last what etcd has of it.</summary>
    private readonly record struct Node
    {
        public int Epoch { get; init; }

        public int Slot { get; init; }

        public int V0 { get; init; }

        public int V1 { get; init; }

        public int R0 { get; init; }

        public int R1 { get; init; }

        public int Journal { get; init; }

        public bool IsUp { get; init; }

        public bool IsLinked { get; init; }

        public bool IsSilent { get; init; }

        public bool IsSettled { get; init; }

        public bool HasJoined { get; init; }

        public Document View { get; init; }

        public bool HasView { get; init; }

        public bool IsMine { get; init; }

        public bool IsHolding { get; init; }

        public bool GaveUp { get; init; }

        public bool IsSpoiled { get; init; }

        public bool Must { get; init; }

        public bool IsAlive { get; init; }

        public bool HasVoted { get; init; }

        public bool IsMember { get; init; }

        public bool IsInSwitch { get; init; }

        public int Runs(int slot) => slot == 0 ? R0 : R1;

        public int Version(int slot) => slot == 0 ? V0 : V1;

        public Node WithRun(int slot, int version) => slot == 0 ? this with { R0 = version } : this with { R1 = version };

        public Node WithVersion(int slot, int version) => slot == 0 ? this with { V0 = version } : this with { V1 = version };
    }
}
