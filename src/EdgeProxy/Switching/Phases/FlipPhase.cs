using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching.Phases;

/// <summary>Moves all new requests: durable first, then one reference write. A rollback is the same in the other direction.</summary>
internal sealed class FlipPhase(
    SlotPair slots, ActiveSlotRecord active, SlotActivation activation, HealthProbe probe, HealthMonitor health, TimeProvider time)
{
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var lastWord = run.Watch!.Verdict;
        await run.DisposeAsync();
        if (lastWord is not null && run.Agreement is null) // what is agreed is done: the others have flipped, and Observe says what is wrong here
        {
            return PhaseResult.Failed(lastWord);
        }

        await MoveAsync(run, run.From, run.To, run.Current.Label);
        return new($"new requests go to {run.To.ToKey()}");
    }

    /// <summary>Moves them back to the old slot, which has been running all the time, if it responds.</summary>
    public async Task<PhaseResult> BackAsync(SwitchRun run, CancellationToken stopping)
    {
        var plan = slots.Plan;
        var old = plan.Previous.Name;
        var response = await probe.ProbeAsync(plan.Previous.Address, stopping);
        health.Record(old, response, run.Id);
        var problem = response.IsGood ? null : $"{old.ToKey()} cannot take the traffic back: {response.Error}";
        problem = run.Agreement is { } all ? await all.WhyNotBackAsync(run, problem, stopping) : problem;
        if (problem is not null)
        {
            return PhaseResult.Failed(problem);
        }

        await MoveAsync(run, plan.Active.Name, old, active.Current?.LabelOf(old));
        return new($"new requests go back to {old.ToKey()}");
    }

    /// <exception cref="StateException">The store and traffic are as they were.</exception>
    private async Task MoveAsync(SwitchRun run, SlotName from, SlotName to, string? label)
    {
        var now = active.Current;
        if (now is not null && now.Slot != from)
        {
            throw ActiveSlotRecord.ChangedElsewhere(new(now, Revision: null, Problem: null));
        }

        var next = new ActiveSlot
        {
            Version = ActiveSlot.CurrentVersion,
            Slot = to,
            Since = time.GetUtcNow(),
            Switch = run.Id,
            ByRescue = run.RescueOf is not null,
            Label = label,
            IdleLabel = now?.LabelOf(from),
        };
        var revision = await active.WriteAsync(now, run.Agreement?.Stamp(next) ?? next);
        activation.MoveTo(to, revision, run.Id);
        run.Agreement?.Moved();
    }
}
