using EdgeProxy.Configuration;

namespace EdgeProxy.Slots;

/// <summary><c>Slots</c>: two, with an address each. What runs them is checked with <c>Units</c>.</summary>
internal static class SlotsRules
{
    public static void Check(SettingsScope at, SlotsOptions slots)
    {
        foreach (var name in SlotNameExtensions.All)
        {
            if (slots.Find(name) is { } slot)
            {
                CheckAddress(at.In(name.ToString()), slot);
            }
            else
            {
                at.Error(name.ToString(), "is missing: { \"Address\": \"http://127.0.0.1:8000\", \"Unit\": \"app.service\" }; both slots are needed");
            }
        }

        if (SlotAddress.TryParse(slots.Blue?.Address, out var blue)
            && SlotAddress.TryParse(slots.Green?.Address, out var green)
            && blue.EndPoint.Equals(green.EndPoint))
        {
            at.In(nameof(slots.Green)).Error(nameof(slots.Green.Address), "is the address of blue too; each slot needs its own");
        }
    }

    private static void CheckAddress(SettingsScope at, SlotOptions slot)
    {
        if (at.Required(nameof(slot.Address), slot.Address, $"where the slot listens, {SlotAddress.Allowed}") && !SlotAddress.TryParse(slot.Address, out _))
        {
            at.Error(nameof(slot.Address), $"must be {SlotAddress.Allowed}");
        }
    }
}
