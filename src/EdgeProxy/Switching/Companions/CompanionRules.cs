using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using EdgeProxy.Slots;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Switching.Companions;

/// <summary><c>Companions</c>.</summary>
internal static partial class CompanionRules
{
    private const int MostCompanions = 20;

    /// <param name="at">What the list belongs to: an app.</param>
    /// <param name="list">Its key.</param>
    /// <param name="companions">Its entries.</param>
    /// <param name="manager">What runs units.</param>
    /// <param name="slots">The app's own units.</param>
    public static void Check(SettingsScope at, string list, CompanionOptions[]? companions, UnitManagerKind manager, SlotsOptions slots)
    {
        if (companions?.Length > MostCompanions)
        {
            at.Error(list, $"has {companions.Length} companions; at most {MostCompanions} are allowed");
        }

        var names = new HashSet<string>();
        var units = new HashSet<string>(SlotNameExtensions.All.Select(slot => slots.Find(slot)?.Unit).OfType<string>());
        for (var i = 0; i < (companions?.Length ?? 0); i++)
        {
            Check(at.In(list, i), companions![i], manager, slots, names, units);
        }
    }

    private static void Check(
        SettingsScope at, CompanionOptions companion, UnitManagerKind manager, SlotsOptions slots, HashSet<string> names, HashSet<string> units)
    {
        if (companion.Name is null || !Name().IsMatch(companion.Name))
        {
            at.Error(nameof(companion.Name), "must be 1 to 32 of a-z, 0-9 and -, the first one a letter or digit");
        }
        else if (!names.Add(companion.Name))
        {
            at.Error(nameof(companion.Name), "is there twice");
        }

        at.Range(nameof(companion.Settle), companion.Settle, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        at.Range(nameof(companion.StopTimeout), companion.StopTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        if (manager == UnitManagerKind.Process)
        {
            CheckCommand(at, companion, slots);
            return;
        }

        if (companion.Unit is not null == (companion.BlueUnit is not null || companion.GreenUnit is not null))
        {
            at.Error(
                nameof(companion.Unit),
                companion.Unit is null
                    ? "is missing: one systemd service for both slots, or BlueUnit and GreenUnit: one for each"
                    : "and BlueUnit or GreenUnit are both there; a companion is shared, or each slot has its own");
            return;
        }

        (string Key, string? Unit)[] named = companion.Unit is not null
            ? [(nameof(companion.Unit), companion.Unit)]
            : [(nameof(companion.BlueUnit), companion.BlueUnit), (nameof(companion.GreenUnit), companion.GreenUnit)];
        foreach (var (key, unit) in named)
        {
            if (at.Required(key, unit, "the systemd service that runs it there"))
            {
                CheckUnit(at, key, unit!, units);
            }
        }
    }

    private static void CheckCommand(SettingsScope at, CompanionOptions companion, SlotsOptions slots)
    {
        if (!at.Required(nameof(companion.Command), companion.Command, "the command that runs it, such as \"celery -A app worker -n {slot}@%h\""))
        {
            return;
        }

        var template = CommandTemplate.Parse(companion.Command, out var problem);
        if (template is null)
        {
            at.Error(nameof(companion.Command), problem!);
        }
        else if (template.NeedsPort && SlotNameExtensions.All.Any(
            slot => SlotAddress.TryParse(slots.Find(slot)?.Address, out var address) && address.Port is null))
        {
            at.Error(nameof(companion.Command), "has {port}, but a slot listens on a Unix socket; write {address}");
        }
    }

    private static void CheckUnit(SettingsScope at, string key, string unit, HashSet<string> units)
    {
        if (!UnitsRules.IsService(unit))
        {
            at.Error(key, "must be the full name of a systemd service, such as worker-blue.service");
        }
        else if (!units.Add(unit))
        {
            at.Error(key, "is named twice; each companion and each slot needs a unit of its own");
        }
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,31}\z")]
    private static partial Regex Name();
}
