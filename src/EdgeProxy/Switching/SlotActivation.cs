using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching;

/// <summary>Moves all new requests to a slot, once it is stored that it is the active one.</summary>
internal sealed class SlotActivation(SlotPair slots, SlotTraffic traffic, HealthMonitor health, EventHub events)
{
    /// <param name="slot">The slot.</param>
    /// <param name="revision">See <see cref="TrafficPlan.Revision"/>.</param>
    /// <param name="switchId">The switch of this process that does it; null: none.</param>
    public void MoveTo(SlotName slot, string? revision, string? switchId = null)
    {
        traffic.Begin(slot);
        slots.Activate(slot, revision);
        CrashPoint.Pass("traffic", "moved");
        foreach (var each in SlotNameExtensions.All)
        {
            events.Publish(EventNames.Slot, SlotEvent.Of(slots, each, health[each].State), SwitchingJson.Relaxed.SlotEvent, switchId);
        }
    }
}
