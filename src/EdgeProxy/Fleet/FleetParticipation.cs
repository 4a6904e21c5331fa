using System.Text.Json;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;

namespace EdgeProxy.Fleet;

/// <summary>This node's part of a switch of the fleet: it begins the switch here, votes in each phase, and drives the switch on where this node is the
/// coordinator.</summary>
/// <remarks>The loop calls <see cref="See"/> and <see cref="TakePart"/>; nothing here waits in it.</remarks>
internal sealed partial class FleetParticipation(
    FleetLoop loop,
    FleetNode node,
    HealthOptions health,
    SlotPair slots,
    SwitchCoordinator switches,
    HealthProbe probe,
    FleetHold hold,
    StagedVersionFile staged,
    TimeProvider time,
    ILogger<FleetParticipation> logger)
{
    private readonly FleetLimits _limits = new(
        node.Options.PrepareTimeout ?? health.StartBudget + TimeSpan.FromSeconds(30), FleetHold.Limit, node.Options.Flip);

    private Run? _last;
    private FleetVote? _wanted;
    private (string? Id, FleetPhase Phase, long Since) _phase;
    private string? _takenOver;
    private bool _isBeginning;
    private bool _isCoordinating;

    /// <summary>The last switch of this node that was its part of a fleet's; null: there was none in this process.</summary>
    public Run? Last => Volatile.Read(ref _last);

    /// <summary>Says how this node votes, from now on until it says otherwise.</summary>
    public void Want(FleetVote vote) => loop.Post(() => _wanted = vote);

    /// <summary>Takes note of what is agreed on now. By the loop.</summary>
    public void See(FleetState state)
    {
        if (_phase.Id != state.Switch?.Id || (state.Switch is { } now && now.Phase != _phase.Phase))
        {
            _phase = (state.Switch?.Id, state.Switch?.Phase ?? default, time.GetTimestamp());
        }

        _last?.Agreement.Look(loop.Seen);
    }

    /// <summary>Does what is to be done next of a switch that runs, where this node is registered. By the loop.</summary>
    /// <param name="switch">Is agreed on.</param>
    /// <param name="mayBegin">It was not running already when this process started.</param>
    public void TakePart(FleetSwitch @switch, bool mayBegin)
    {
        if (@switch.Members.Contains(node.Name))
        {
            BeginOrVote(@switch, mayBegin);
        }

        Drive(@switch);
    }

    private void BeginOrVote(FleetSwitch @switch, bool mayBegin)
    {
        var begun = _last?.Id == @switch.Id ? _last : null;
        if (begun is null && @switch.Phase == FleetPhase.Prepare && mayBegin && _wanted?.Id != @switch.Id)
        {
            if (!_isBeginning)
            {
                _isBeginning = true;
                _ = BeginAsync(@switch);
            }

            return;
        }

        if (begun is null or { Start.Completion.IsCompleted: true })
        {
            VoteWithoutRun(@switch, begun);
        }

        if (_wanted is { } vote && vote.Id == @switch.Id && vote.Phase == @switch.Phase && loop.Seen.VoteOf(node.Name, @switch) != vote)
        {
            Compare[] when = [Transaction.IsAt(loop.Keys.State, loop.Seen.StateRevision), Transaction.HasLease(loop.Keys.Presences + node.Name, loop.Lease)];
            var content = JsonSerializer.Serialize(vote, FleetJson.Default.FleetVote);
            loop.Do("vote", async token =>
            {
                CrashPoint.Pass("vote", "about to be put");
                await loop.CommitAsync(when, [loop.Put(loop.Keys.Votes + node.Name, content, isLeased: true)], token);
                CrashPoint.Pass("vote", "put");
            });
        }
    }

    /// <summary>Begins the switch of this node that is its part of the fleet's, or votes against it. Never throws.</summary>
    private async Task BeginAsync(FleetSwitch @switch)
    {
        string problem;
        try
        {
            if (staged.Read()?.WhyNot(@switch.To, @switch.Label) is { } other)
            {
                VoteNo(other);
                return;
            }

            var agreement = new FleetAgreement(loop, this, hold, staged, @switch);
            var request = new SwitchRequest(
                @switch.To, @switch.Label, @switch.Force, Canary: [], Id: @switch.Id, Agreement: agreement, WarmUse: @switch.WarmUse);
            var start = await switches.BeginAsync(request, loop.Stopping);
            if (start is SwitchStart.Started started)
            {
                loop.Post(() => Volatile.Write(ref _last, new(@switch.Id, agreement, started)));
                _ = started.Completion.ContinueWith(_ => loop.Post(() => { }), TaskScheduler.Default);
                loop.Post(() => _isBeginning = false);
                return;
            }

            if (start is SwitchStart.Busy)
            {
                loop.Post(() => _isBeginning = false); // the one before ends here just now
                return;
            }

            problem = start is SwitchStart.Refused refused ? refused.Reason : $"{start}";
        }
        catch (Exception e)
        {
            problem = e.Message;
        }

        VoteNo(problem);

        void VoteNo(string problem) => loop.Post(() => (_wanted, _isBeginning) = (new(@switch.Id, FleetPhase.Prepare, problem), false));
    }

    /// <summary>Says what a node votes that has no run of the switch any more: it has ended here, or its process is new.</summary>
    private void VoteWithoutRun(FleetSwitch @switch, Run? begun)
    {
        switch (@switch.Phase)
        {
            case FleetPhase.Prepare when begun is null && _wanted is { Problem: not null } said && said.Id == @switch.Id:
                break; // it could not be begun here
            case FleetPhase.Prepare or FleetPhase.Hold:
                var failed = begun?.Start.Completion.Result.Phases.LastOrDefault(phase => phase.Failed);
                var problem = failed is not null ? $"{failed.Phase}: {failed.Detail}" : "its proxy was restarted";
                _wanted = new(@switch.Id, @switch.Phase, problem);
                break;
            case FleetPhase.Back when _wanted?.Id != @switch.Id || _wanted.Phase != FleetPhase.Back:
                loop.Do("probe", async token =>
                {
                    var result = await probe.ProbeAsync(slots[@switch.From].Address, token);
                    Want(new(@switch.Id, FleetPhase.Back, result.Error));
                });
                break;
            case FleetPhase.Back:
                break;
            default:
                _wanted = new(@switch.Id, @switch.Phase, null);
                break;
        }
    }

    /// <summary>Drives the switch on, where this node is the one that does.</summary>
    private void Drive(FleetSwitch @switch)
    {
        var coordinator = loop.Seen.Find(loop.Keys.Coordinator);
        if (coordinator is null)
        {
            Compare[] free = [Transaction.IsAbsent(loop.Keys.Coordinator), Transaction.IsAt(loop.Keys.State, loop.Seen.StateRevision)];
            Coordinate("take over", async token =>
            {
                if (await loop.CommitAsync(free, [loop.Put(loop.Keys.Coordinator, node.Name, isLeased: true)], token))
                {
                    Log.TookOver(logger, @switch.Id, @switch.Phase);
                    loop.Post(() => (_takenOver, _phase.Since) = (@switch.Id, time.GetTimestamp()));
                }
            });
        }
        else if (coordinator.Value == node.Name && coordinator.Lease == loop.Lease
            && Coordination.Decide(loop.Seen, time.GetElapsedTime(_phase.Since), _takenOver == @switch.Id, _limits) is { } step)
        {
            Coordinate("decide", async token =>
            {
                await loop.CommitAsync(step.Next, step.When, step.Next.Switch is null ? [Transaction.Delete(loop.Keys.Coordinator)] : [], token);
                CrashPoint.Pass("decision", "put");
            });
        }
    }

    private void Coordinate(string what, Func<CancellationToken, Task> work)
    {
        if (!_isCoordinating)
        {
            _isCoordinating = true;
            _ = loop.RunBesideAsync(what, work, () => _isCoordinating = false);
        }
    }

    /// <summary>A switch of this node that is its part of the fleet's.</summary>
    public sealed record Run(string Id, FleetAgreement Agreement, SwitchStart.Started Start);

    private static partial class Log
    {
        [LoggerMessage(1402, LogLevel.Warning, "This node drives switch {SwitchId} of the fleet on, in {Phase}: the one that did is gone")]
        public static partial void TookOver(ILogger logger, string switchId, FleetPhase phase);
    }
}
