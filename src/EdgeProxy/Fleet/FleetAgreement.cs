using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Fleet;

/// <summary>A fleet's word on the switch of this node: each step is told to the others as a vote, and the fleet's phase says how it goes on.</summary>
internal sealed class FleetAgreement(
    FleetLoop loop, FleetParticipation participation, FleetHold hold, StagedVersionFile staged, FleetSwitch first) : ISwitchAgreement
{
    private SwitchRun? _run;
    private FleetState? _decided;

    public SwitchFleet Fleet { get; } = new(first.Members, first.Without);

    private string Id => first.Id;

    /// <summary>Calls back a run whose traffic has moved, when the fleet goes back. The loop calls it whenever something may have changed.</summary>
    public void Look(FleetSnapshot seen)
    {
        if (Volatile.Read(ref _run) is { } run && _decided is not null && HasGoneBack(seen.State))
        {
            run.RollbackSignal.TryAsk(seen.State?.Switch?.Reason ?? seen.State?.Last?.Reason ?? RollbackSignal.Words);
        }
    }

    public async Task<PhaseResult> PreparedAsync(SwitchRun run, CancellationToken cancellationToken)
    {
        if (run.RollbackSignal.Suspend())
        {
            return PhaseResult.Failed(run.RollbackSignal.Why);
        }

        CrashPoint.Pass("candidate", "ready");
        var watch = run.Watch!;
        participation.Want(new(Id, FleetPhase.Prepare, null));
        using var died = watch.Ended.Register(() =>
        {
            participation.Want(new(Id, FleetPhase.Prepare, watch.Verdict));
            participation.Want(new(Id, IsHolding() ? FleetPhase.Hold : FleetPhase.Prepare, watch.Verdict));
        });
        try
        {
            await loop.WhenAsync(now => IsOf(now, FleetPhase.Hold) || IsDecided(now), cancellationToken);
            if (IsOf(loop.Now, FleetPhase.Hold))
            {
                hold.Begin(() => participation.Want(new(Id, FleetPhase.Hold, $"requests were held for {FleetHold.Limit.TotalSeconds} s")));
                participation.Want(new(Id, FleetPhase.Hold, watch.Verdict));
            }

            var state = (await loop.WhenAsync(IsDecided, cancellationToken)).Seen.State!;
            if (state.Release != Id)
            {
                hold.End();
                return PhaseResult.Failed(state.Last is { } last && last.Id == Id && last.Reason is { } why ? why : "the fleet has gone on without this node");
            }

            _decided = state;
            Volatile.Write(ref _run, run);
            CrashPoint.Pass("commit", "seen");
            return new($"{Coordination.Are(first.Members, "is", "are")} ready; epoch {state.Epoch}");
        }
        catch
        {
            hold.End();
            throw;
        }

        bool IsHolding() => IsOf(loop.Now, FleetPhase.Hold);
    }

    public ActiveSlot Stamp(ActiveSlot next)
    {
        var state = _decided!;
        return next with { Epoch = state.Epoch, Release = state.Release, IdleRelease = state.IdleRelease };
    }

    public void Moved()
    {
        hold.End();
        staged.Clear(first.To);
    }

    public async Task<PhaseResult> ObservedAsync(SwitchRun run, string? problem, CancellationToken cancellationToken)
    {
        participation.Want(new(Id, FleetPhase.Observe, problem));
        await loop.WhenAsync(now => Stays(now, FleetPhase.Drain, FleetPhase.Stop), cancellationToken);
        return new("all others have observed it");
    }

    public async Task<string?> WhyNotBackAsync(SwitchRun run, string? problem, CancellationToken cancellationToken)
    {
        participation.Want(new(Id, FleetPhase.Back, problem));
        var state = (await loop.WhenAsync(
            now => now.Seen.State is { } state && (state.Switch?.Id != Id || state.Switch is { IsGoingBack: true } || IsOf(now, FleetPhase.Stop)
                || (IsOf(now, FleetPhase.Drain) && !state.Switch.IsGoingBack)),
            cancellationToken)).Seen.State!;
        if (state.Release == Id || state.Slot != run.From || state.Release != _decided!.IdleRelease)
        {
            return problem ?? state.Switch?.Reason ?? "the fleet stays where it is";
        }

        if (problem is null)
        {
            _decided = state;
        }

        return problem;
    }

    public async Task<PhaseResult> DrainedAsync(SwitchRun run, CancellationToken cancellationToken)
    {
        participation.Want(new(Id, FleetPhase.Drain, null));
        await loop.WhenAsync(now => run.IsGoingBack ? !IsOf(now, FleetPhase.Drain) : Stays(now, FleetPhase.Stop), cancellationToken);
        return new("all others have drained");
    }

    public async Task<PhaseResult> StoppedAsync(SwitchRun run, CancellationToken cancellationToken)
    {
        participation.Want(new(Id, FleetPhase.Stop, null));
        var state = (await loop.WhenAsync(now => now.Seen.State is { } state && state.Switch?.Id != Id, cancellationToken)).Seen.State!;
        return state.Last is { Outcome: SwitchOutcome.CompletedWithWarnings, Reason: { } reason } last && last.Id == Id && !run.Problems.Contains(reason)
            ? PhaseResult.Failed(reason)
            : new("the fleet's switch has ended");
    }

    private bool IsOf(FleetLoop.Known now, FleetPhase phase) => now.Seen.State?.Switch is { } @switch && @switch.Id == Id && @switch.Phase == phase;

    /// <summary>The switch is committed, or will not be any more.</summary>
    private bool IsDecided(FleetLoop.Known now) =>
        now.Seen.State is { } state && (state.Release == Id || state.Switch?.Id != Id || state.Switch.IsGoingBack);

    /// <summary>The version of the switch stays, and the switch is at one of these phases or has ended.</summary>
    private bool Stays(FleetLoop.Known now, params ReadOnlySpan<FleetPhase> phases) =>
        now.Seen.State is { } state && state.Release == Id && (state.Switch?.Id != Id || phases.Contains(state.Switch.Phase));

    /// <summary>The fleet goes back, or has left the version in another way while this node was away.</summary>
    private bool HasGoneBack(FleetState? state) =>
        state is not null && state.Epoch >= _decided!.Epoch
        && (state.Release != Id || (state.Switch is { Phase: FleetPhase.Back } @switch && @switch.Id == Id));
}
