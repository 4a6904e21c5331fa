using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using EdgeProxy.Slots;

namespace EdgeProxy.Units;

/// <summary><c>Units</c>, and what the slots say of them.</summary>
internal static partial class UnitsRules
{
    /// <summary>What a command must have one of, to differ from slot to slot.</summary>
    private static readonly string[] _places = ["{port}", "{address}", "{slot}"];

    /// <param name="at">The section <c>Units</c> of the app.</param>
    /// <param name="manager">What runs the slots of all apps.</param>
    /// <param name="options">What <c>Units:Process</c> says.</param>
    /// <param name="atSlots">The section <c>Slots</c>.</param>
    /// <param name="slots">What it says.</param>
    public static void Check(SettingsScope at, UnitManagerKind manager, ProcessUnitsOptions options, SettingsScope atSlots, SlotsOptions slots)
    {
        if (manager == UnitManagerKind.Systemd)
        {
            CheckServices(atSlots, slots);
        }

        var process = at.In(nameof(UnitsOptions.Process));
        process.Range(nameof(options.StopTimeout), options.StopTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        if (manager == UnitManagerKind.Process)
        {
            CheckCommand(process, options, slots);
        }
    }

    /// <summary>The full name of a systemd service.</summary>
    public static bool IsService(string unit) => ServiceName().IsMatch(unit);

    private static void CheckServices(SettingsScope at, SlotsOptions slots)
    {
        foreach (var name in SlotNameExtensions.All)
        {
            if (slots.Find(name) is { } slot)
            {
                CheckService(at.In(name.ToString()), slot);
            }
        }

        if (slots is { Blue.Unit: { Length: > 0 } blue, Green.Unit: { } green } && blue == green)
        {
            at.In(nameof(slots.Green)).Error(nameof(slots.Green.Unit), "is the unit of blue too; each slot needs its own");
        }
    }

    private static void CheckService(SettingsScope at, SlotOptions slot)
    {
        if (at.Required(nameof(slot.Unit), slot.Unit, "the systemd service that runs the slot (or set EdgeProxy:Units:Manager to Process)")
            && !IsService(slot.Unit!))
        {
            at.Error(nameof(slot.Unit), "must be the full name of a systemd service, such as app-server-blue.service");
        }
    }

    private static void CheckCommand(SettingsScope at, ProcessUnitsOptions process, SlotsOptions slots)
    {
        if (!at.Required(nameof(process.Command), process.Command, "the command that runs a slot, such as \"gunicorn --bind {address} app.wsgi\""))
        {
            return;
        }

        if (process.Command!.Contains("{port}", StringComparison.Ordinal)
            && SlotNameExtensions.All.Any(name => SlotAddress.TryParse(slots.Find(name)?.Address, out var address) && address.Port is null))
        {
            at.Error(nameof(process.Command), "has {port}, but a slot listens on a Unix socket; write {address}");
        }
        else if (!_places.Any(place => process.Command.Contains(place, StringComparison.Ordinal)))
        {
            at.Error(nameof(process.Command), "is the same for both slots; it must contain {address}, {port} or {slot}");
        }
    }

    /// <summary>The letters of systemd.unit(5).</summary>
    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]{1,240}\.service\z")]
    private static partial Regex ServiceName();
}
