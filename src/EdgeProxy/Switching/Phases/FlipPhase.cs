using EdgeProxy.Diagnostics;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Phases;

/// <summary>Moves all new requests: durable first, then one reference write. A rollback is the same in the other direction.</summary>
internal sealed class FlipPhase(SlotPair slots, ActiveSlotFile file, SlotTraffic traffic, HealthProbe probe, HealthMonitor health, EventHub events, TimeProvider time)
{
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var lastWord = run.Watch!.Verdict;
        await run.DisposeAsync();
        if (lastWord is not null)
        {
            return PhaseResult.Failed(lastWord);
        }

        Move(run, run.Current.Label);
        return new($"new requests go to {run.To.ToKey()}");
    }

    /// <summary>Moves them back to the old slot, which has been running all the time, if it answers.</summary>
    public async Task<PhaseResult> BackAsync(SwitchRun run, CancellationToken stopping)
    {
        var answer = await probe.ProbeAsync(slots[run.To].Address, stopping);
        health.Record(run.To, answer, run.Id);
        if (!answer.IsGood)
        {
            return PhaseResult.Failed($"{run.To.ToKey()} cannot take the traffic back: {answer.Error}");
        }

        Move(run, file.Current?.LabelOf(run.To));
        return new($"new requests go back to {run.To.ToKey()}");
    }

    /// <exception cref="StateException">File and traffic are as they were.</exception>
    private void Move(SwitchRun run, string? label)
    {
        file.Write(new ActiveSlot
        {
            Version = ActiveSlot.CurrentVersion,
            Slot = run.To,
            Since = time.GetUtcNow(),
            Switch = run.Id,
            ByRescue = run.RescueOf is not null,
            Label = label,
            IdleLabel = file.Current?.LabelOf(run.From),
        });
        traffic.Begin(run.To);
        slots.Activate(run.To);
        CrashPoint.Pass("traffic", "moved");
        foreach (var slot in SlotNameExtensions.All)
        {
            events.Publish("slot", new SlotEvent(slot, slot == run.To, health[slot].State), ApiJson.Default.SlotEvent, run.Id);
        }
    }
}
