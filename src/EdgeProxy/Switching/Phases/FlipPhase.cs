using EdgeProxy.Diagnostics;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Phases;

/// <summary>Moves all new requests: durable first, then one reference write.</summary>
internal sealed class FlipPhase(SlotPair slots, ActiveSlotFile file, HealthMonitor health, EventHub events, TimeProvider time)
{
    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var lastWord = run.Watch!.Verdict;
        await run.DisposeAsync();
        if (lastWord is not null)
        {
            return PhaseResult.Failed(lastWord);
        }

        // A failure leaves file and traffic as they were.
        file.Write(new ActiveSlot
        {
            Version = ActiveSlot.CurrentVersion,
            Slot = run.To,
            Since = time.GetUtcNow(),
            Switch = run.Id,
            Label = run.Current.Label,
            IdleLabel = file.Current?.LabelOf(run.From),
        });
        slots.Activate(run.To);
        foreach (var slot in SlotNameExtensions.All)
        {
            events.Publish("slot", new SlotEvent(slot, slot == run.To, health[slot].State), ApiJson.Default.SlotEvent, run.Id);
        }

        return new($"new requests go to {run.To.ToKey()}");
    }
}
