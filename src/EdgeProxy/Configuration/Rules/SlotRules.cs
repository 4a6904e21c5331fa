using System.Text.RegularExpressions;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Slots</c> and <c>Units</c>: two slots that differ, and something that runs them.</summary>
internal static partial class SlotRules
{
    /// <summary>What a command must have one of, to differ from slot to slot.</summary>
    private static readonly string[] _places = ["{port}", "{address}", "{slot}"];

    public static void Check(SettingsScope root, EdgeProxyOptions options)
    {
        var slots = root.In(nameof(options.Slots));
        foreach (var name in SlotNameExtensions.All)
        {
            if (options.Slots.Find(name) is { } slot)
            {
                CheckSlot(slots.In(name.ToString()), slot, options.Units.Manager);
            }
            else
            {
                slots.Error(name.ToString(), "is missing: { \"Address\": \"http://127.0.0.1:8000\", \"Unit\": \"app.service\" }; both slots are needed");
            }
        }

        if (options.Slots is { Blue: { } blue, Green: { } green })
        {
            CheckPair(slots.In(nameof(options.Slots.Green)), blue, green, options.Units);
        }

        var process = root.In(nameof(options.Units)).In(nameof(options.Units.Process));
        process.Range(nameof(options.Units.Process.StopTimeout), options.Units.Process.StopTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        if (options.Units.Manager == UnitManagerKind.Process)
        {
            CheckCommand(process, options);
        }
    }

    private static void CheckSlot(SettingsScope at, SlotOptions slot, UnitManagerKind manager)
    {
        if (at.Required(nameof(slot.Address), slot.Address, $"where the slot listens, {SlotAddress.Allowed}") && !SlotAddress.TryParse(slot.Address, out _))
        {
            at.Error(nameof(slot.Address), $"must be {SlotAddress.Allowed}");
        }

        if (manager == UnitManagerKind.Systemd
            && at.Required(nameof(slot.Unit), slot.Unit, "the systemd service that runs the slot (or set EdgeProxy:Units:Manager to Process)")
            && !ServiceName().IsMatch(slot.Unit!))
        {
            at.Error(nameof(slot.Unit), "must be the full name of a systemd service, such as app-server-blue.service");
        }
    }

    private static void CheckPair(SettingsScope atGreen, SlotOptions blue, SlotOptions green, UnitsOptions units)
    {
        if (SlotAddress.TryParse(blue.Address, out var first) && SlotAddress.TryParse(green.Address, out var second) && first.EndPoint.Equals(second.EndPoint))
        {
            atGreen.Error(nameof(green.Address), "is the address of blue too; each slot needs its own");
        }

        if (units.Manager == UnitManagerKind.Systemd && !string.IsNullOrEmpty(blue.Unit) && blue.Unit == green.Unit)
        {
            atGreen.Error(nameof(green.Unit), "is the unit of blue too; each slot needs its own");
        }
    }

    private static void CheckCommand(SettingsScope at, EdgeProxyOptions options)
    {
        var process = options.Units.Process;
        if (!at.Required(nameof(process.Command), process.Command, "the command that runs a slot, such as \"gunicorn --bind {address} app.wsgi\""))
        {
            return;
        }

        if (process.Command!.Contains("{port}", StringComparison.Ordinal)
            && SlotNameExtensions.All.Any(name => SlotAddress.TryParse(options.Slots.Find(name)?.Address, out var address) && address.Port is null))
        {
            at.Error(nameof(process.Command), "has {port}, but a slot listens on a Unix socket; write {address}");
        }
        else if (!_places.Any(place => process.Command.Contains(place, StringComparison.Ordinal)))
        {
            at.Error(nameof(process.Command), "is the same for both slots; it must contain {address}, {port} or {slot}");
        }
    }

    /// <summary>The letters of systemd.unit(5).</summary>
    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]{1,240}\.service$")]
    private static partial Regex ServiceName();
}
