using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Admin;

/// <summary>Puts <see cref="StatusView"/> together from those who know.</summary>
internal sealed class StatusReader(
    SlotPair slots,
    IUnitManager units,
    ActiveSlotFile active,
    SwitchCoordinator switches,
    WarmSlot warm,
    Rescue rescue,
    HealthMonitor health,
    SlotConnections connections,
    OutageGate gate,
    AppGate app,
    CertificateBoard certificates,
    TimeProvider time)
{
    /// <summary>A status without units beats none: it is asked for when something is wrong.</summary>
    private static readonly TimeSpan UnitPatience = TimeSpan.FromSeconds(2);

    private readonly long _started = time.GetTimestamp();

    public async Task<StatusView> ReadAsync(AdminCaller caller, CancellationToken cancellationToken)
    {
        var views = await Task.WhenAll(SlotNameExtensions.All.Select(name => ReadSlotAsync(slots[name], cancellationToken)));
        return new StatusView
        {
            Version = ProductVersion.Text,
            Pid = Environment.ProcessId,
            Uptime = time.GetElapsedTime(_started),
            Active = slots.Active.Name,
            Slots = SlotNameExtensions.All.Zip(views).ToDictionary(pair => pair.First, pair => pair.Second),
            Switch = switches.Running is { } running ? caller.View(running) : null,
            LastSwitch = switches.Last is { } last ? caller.View(last) : null,
            Rescue = rescue.Current,
            Pause = app.Pause is { } pause ? new PauseView(pause.Since, pause.MaxWait) : null,
            Maintenance = app.Maintenance is { } maintenance ? new MaintenanceView(maintenance.Since, maintenance.Message) : null,
            Held = gate.Held + app.Held,
            Certificates = certificates.Read(),
        };
    }

    private async Task<SlotView> ReadSlotAsync(Slot slot, CancellationToken cancellationToken)
    {
        var unit = await ReadUnitAsync(slot.Name, cancellationToken);
        var inFlight = slot.InFlight;
        return new SlotView
        {
            Address = slot.Address.ToString(),
            Unit = units.UnitOf(slot.Name),
            UnitState = unit?.State,
            MainPid = unit is { MainPid: > 0 } ? unit.MainPid : null,
            Memory = unit?.Memory,
            Health = health[slot.Name].State,
            Label = active.Current?.LabelOf(slot.Name),
            WarmUntil = warm.Until(slot.Name),
            InFlight = new InFlightView(inFlight.Http, inFlight.Stream, inFlight.WebSocket),
            Connections = connections.Open(slot.Name),
            Requests = slot.Requests,
            Errors = slot.Errors,
        };
    }

    /// <returns>Null: the unit manager does not answer.</returns>
    public async Task<UnitStatus?> ReadUnitAsync(SlotName slot, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(UnitPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await units.GetStatusAsync(slot, either.Token);
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
