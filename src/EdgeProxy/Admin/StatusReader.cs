using EdgeProxy.AdminCalls;
using EdgeProxy.Api;
using EdgeProxy.Apps;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Units;

namespace EdgeProxy.Admin;

/// <summary>Puts <see cref="StatusView"/> together from its sources.</summary>
/// <param name="apps">Those to be shown.</param>
/// <param name="parts">What features add.</param>
/// <param name="time">For the uptime, and the patience with the unit manager.</param>
internal sealed class StatusReader(AppRegistry apps, IEnumerable<IStatusPart> parts, TimeProvider time)
{
    /// <summary>A status without units beats none: it is asked for when something is wrong.</summary>
    private static readonly TimeSpan UnitPatience = TimeSpan.FromSeconds(2);

    private readonly long _started = time.GetTimestamp();

    /// <param name="one">The app that was asked for; null: all.</param>
    public async Task<StatusView> ReadAsync(App? one, AdminCaller caller, CancellationToken cancellationToken)
    {
        var views = await ReadAppsAsync(one, caller, cancellationToken);
        var top = views.Count == 1 ? views.Values.First() : null;
        var status = new StatusView
        {
            Version = ProductVersion.Text,
            Pid = Environment.ProcessId,
            Uptime = time.GetElapsedTime(_started),
            Active = top?.Active,
            Slots = top?.Slots,
            Switch = top?.Switch,
            LastSwitch = top?.LastSwitch,
            Rescue = top?.Rescue,
            Pause = top?.Pause,
            Maintenance = top?.Maintenance,
            Held = top?.Held,
            Places = top?.Places,
            Companions = top?.Companions,
            Fleet = top?.Fleet,
            Apps = views,
        };
        foreach (var part in parts)
        {
            status = await part.AddAsync(status, cancellationToken);
        }

        return status;
    }

    /// <param name="one">The app that was asked for; null: all.</param>
    public async Task<IReadOnlyDictionary<string, AppStatusView>> ReadAppsAsync(App? one, AdminCaller caller, CancellationToken cancellationToken)
    {
        IReadOnlyList<App> asked = one is null ? apps.All : [one];
        var views = await Task.WhenAll(asked.Select(app => ReadAppAsync(app, caller, cancellationToken)));
        return new OrderedDictionary<string, AppStatusView>(asked.Zip(views, (app, view) => KeyValuePair.Create(app.Name, view)));
    }

    private static SlotView ViewOf(App app, Slot slot, UnitStatus? unit)
    {
        var inFlight = slot.InFlight;
        return new SlotView
        {
            Address = slot.Address.ToString(),
            Unit = app.Units.UnitOf(slot.Name),
            UnitState = unit?.State,
            MainPid = unit is { MainPid: > 0 } ? unit.MainPid : null,
            Memory = unit?.Memory,
            Health = app.Health[slot.Name].State,
            Share = app.Slots.Plan.PercentOf(slot.Name),
            Label = app.Active.Current?.LabelOf(slot.Name),
            WarmUntil = app.Warm.Until(slot.Name),
            InFlight = new InFlightView(inFlight.Http, inFlight.Stream, inFlight.WebSocket),
            Connections = app.Proxied.Connections.Open(slot.Name),
            Requests = slot.Requests,
            Errors = slot.Errors,
        };
    }

    private async Task<AppStatusView> ReadAppAsync(App app, AdminCaller caller, CancellationToken cancellationToken)
    {
        var readingCompanions = ReadCompanionsAsync(app, cancellationToken); // beside the slots: a silent manager is waited for once
        var units = await Task.WhenAll(SlotNameExtensions.All.Select(name => ReadUnitAsync(app, name, cancellationToken)));
        var companions = await readingCompanions;
        var gate = app.Proxied.Gate;
        var status = new AppStatusView
        {
            Active = app.Slots.Active.Name,
            Slots = SlotNameExtensions.All.Zip(units).ToDictionary(pair => pair.First, pair => ViewOf(app, app.Slots[pair.First], pair.Second)),
            Switch = app.Switches.Running is { } running ? caller.View(running) : null,
            LastSwitch = app.Switches.Last is { } last ? caller.View(last) : null,
            Rescue = app.Rescue.Current,
            Pause = gate.Pause is { } pause ? new PauseView(pause.Since, pause.MaxWait) : null,
            Maintenance = gate.Maintenance is { } maintenance ? new MaintenanceView(maintenance.Since, maintenance.Message, maintenance.Until) : null,
            Held = app.Proxied.Outage.Held + gate.Held,
            Places = PlacesOf(app),
            Companions = companions,
            Hosts = app.Proxied.Options.Hosts,
        };
        return parts.Aggregate(status, (before, part) => part.Add(before, app.Services));
    }

    private static PlacesView? PlacesOf(App app) => app is { Proxied.Places: { } queue, Slots.Active.Places: { } places }
        ? new PlacesView(places.Limit < int.MaxValue ? places.Limit : null, queue.MaxPerClient, places.Used, queue.Waiting, queue.OldestWait)
        : null;

    private async Task<CompanionView[]> ReadCompanionsAsync(App app, CancellationToken cancellationToken)
    {
        var units = app.Companions.All.SelectMany(
            companion => companion.IsShared ? [null] : SlotNameExtensions.All.Select(slot => (SlotName?)slot), (companion, slot) => (companion, slot));
        return await Task.WhenAll(units.Select(async unit =>
        {
            var (companion, slot) = unit;
            var of = slot ?? app.Slots.Active.Name;
            var status = await ReadUnitAsync(patience => companion.GetStatusAsync(of, patience), cancellationToken);
            return new CompanionView(companion.Name, slot, companion.UnitOf(of), status?.State, status is { MainPid: > 0 } ? status.MainPid : null);
        }));
    }

    /// <returns>Null: the unit manager does not respond.</returns>
    public Task<UnitStatus?> ReadUnitAsync(App app, SlotName slot, CancellationToken cancellationToken) =>
        ReadUnitAsync(patience => app.Units.GetStatusAsync(slot, patience), cancellationToken);

    private async Task<UnitStatus?> ReadUnitAsync(Func<CancellationToken, Task<UnitStatus>> read, CancellationToken cancellationToken)
    {
        using var patience = new Deadline(UnitPatience, time, cancellationToken);
        try
        {
            return await read(patience.Token);
        }
        catch (UnitException)
        {
            return null; // the health monitor says why, in the log
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
