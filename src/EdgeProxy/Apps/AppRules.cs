using System.Text.RegularExpressions;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Units;

namespace EdgeProxy.Apps;

/// <summary>One app's sections, wherever they stand, and what several apps must not share.</summary>
internal static partial class AppRules
{
    /// <param name="at">Where the sections of the app stand: <c>EdgeProxy</c>, or <c>EdgeProxy:Apps:NAME</c>.</param>
    /// <param name="app">What they say.</param>
    /// <param name="manager">What runs the slots of all apps.</param>
    public static void Check(SettingsScope at, AppOptions app, UnitManagerKind manager)
    {
        var slots = at.In(nameof(app.Slots));
        SlotsRules.Check(slots, app.Slots);
        UnitsRules.Check(at.In(nameof(app.Units)), manager, app.Units.Process, slots, app.Slots);
        HealthRules.Check(at.In(nameof(app.Health)), app.Health);
        SwitchRules.Check(at.In(nameof(app.Switch)), app.Switch);
        CompanionRules.Check(at, nameof(app.Companions), app.Companions, manager, app.Slots);
        UpstreamRules.Check(at.In(nameof(app.Upstream)), app.Upstream);
        RateLimitRules.Check(at, nameof(app.RateLimits), app.RateLimits);
    }

    /// <param name="at">The section <c>Apps</c>.</param>
    /// <param name="apps">What it says.</param>
    /// <param name="manager">What runs the slots of all apps.</param>
    /// <param name="hasSites">Sites say which requests are an app's, and its hosts do not.</param>
    public static void CheckAll(SettingsScope at, IReadOnlyDictionary<string, AppOptions> apps, UnitManagerKind manager, bool hasSites)
    {
        var used = new UsedOnce();
        foreach (var (name, app) in apps)
        {
            var scope = at.In(name);
            CheckName(at, name, apps);
            Check(scope, app, manager);
            CheckHosts(scope, app, name, isOnly: apps.Count == 1, hasSites, used);
            CheckShared(scope.In(nameof(app.Slots)), app.Slots, name, manager, used);
            CheckCompanions(scope, app, name, used);
        }
    }

    private static void CheckName(SettingsScope at, string name, IReadOnlyDictionary<string, AppOptions> apps)
    {
        if (!AppName().IsMatch(name))
        {
            at.Error(name, "is not a valid app name: 1 to 32 of a-z, 0-9 and -, the first one a letter or digit");
        }
        else if (apps.Keys.FirstOrDefault(other => AppCluster.StreamsIdOf(other) == name) is { } other)
        {
            at.Error(name, $"is the name of what EdgeProxy makes for the streams of {other}; choose another");
        }
    }

    private static void CheckHosts(SettingsScope at, AppOptions app, string name, bool isOnly, bool hasSites, UsedOnce used)
    {
        if (hasSites)
        {
            if (app.Hosts is { Length: > 0 })
            {
                at.Error(nameof(app.Hosts), "says whose requests are the app's, and so does EdgeProxy:Sites: keep the Sites, and leave Hosts out");
            }
        }
        else if (app.Hosts is not { Length: > 0 } && !isOnly)
        {
            at.Error(nameof(app.Hosts), "is missing: there are several apps, and each request goes to the one that has its host, [\"shop.example.com\"]");
        }

        at.Each(nameof(app.Hosts), app.Hosts, (scope, key, host) =>
        {
            if (!AppHosts.IsValid(host))
            {
                scope.Error(key, $"must be {AppHosts.Allowed}");
            }
            else if (used.By($"host {host.ToLowerInvariant()}", name) is { } other && other != name)
            {
                scope.Error(key, $"is a host of {other} too; each belongs to one app");
            }
        });
    }

    /// <summary>Within one app the slots' own rules have looked.</summary>
    private static void CheckShared(SettingsScope at, SlotsOptions slots, string name, UnitManagerKind manager, UsedOnce used)
    {
        foreach (var slot in SlotNameExtensions.All)
        {
            var options = slots.Find(slot);
            if (SlotAddress.TryParse(options?.Address, out var address) && used.By($"address {address.EndPoint}", name) is { } atAddress && atAddress != name)
            {
                at.In(slot.ToString()).Error(nameof(options.Address), $"is an address of {atAddress} too; each slot needs its own");
            }

            if (manager == UnitManagerKind.Systemd && options?.Unit is { Length: > 0 } unit && used.By($"unit {unit}", name) is { } inUnit && inUnit != name)
            {
                at.In(slot.ToString()).Error(nameof(options.Unit), $"is a unit of {inUnit} too; each slot needs its own");
            }
        }
    }

    private static void CheckCompanions(SettingsScope at, AppOptions app, string name, UsedOnce used)
    {
        for (var i = 0; i < (app.Companions?.Length ?? 0); i++)
        {
            var companion = app.Companions![i];
            foreach (var (key, unit) in (ReadOnlySpan<(string, string?)>)[
                (nameof(companion.Unit), companion.Unit), (nameof(companion.BlueUnit), companion.BlueUnit), (nameof(companion.GreenUnit), companion.GreenUnit)])
            {
                if (unit is not null && used.By($"unit {unit}", name) is { } other && other != name)
                {
                    at.In(nameof(app.Companions), i).Error(key, $"is a unit of {other} too; each app needs its own");
                }
            }
        }
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,31}\z")]
    private static partial Regex AppName();

    /// <summary>Things that one app may have.</summary>
    private sealed class UsedOnce
    {
        private readonly Dictionary<string, string> _owners = [];

        /// <returns>The app that has it already; null: this one has it now.</returns>
        public string? By(string what, string app) => _owners.TryAdd(what, app) ? null : _owners[what];
    }
}
