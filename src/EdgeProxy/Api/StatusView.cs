using EdgeProxy.Fleet;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Api;

/// <summary><c>GET /status</c>. What belongs to a feature that is not there is null or empty, so that the shape does not change when it lands.</summary>
/// <remarks>What one app has stands at the top for the app that is alone, or that was asked for; of several it is null there, and <see cref="Apps"/> has
/// each.</remarks>
internal sealed record StatusView
{
    public required string Version { get; init; }

    public required int Pid { get; init; }

    public required TimeSpan Uptime { get; init; }

    public required SlotName? Active { get; init; }

    public required IReadOnlyDictionary<SlotName, SlotView>? Slots { get; init; }

    /// <summary>The switch that runs; null: none does.</summary>
    public required Switch? Switch { get; init; }

    public required Switch? LastSwitch { get; init; }

    /// <summary>The pause that is on; null: the app is not paused.</summary>
    public required PauseView? Pause { get; init; }

    /// <summary>The maintenance that is on; null: clients are served.</summary>
    public required MaintenanceView? Maintenance { get; init; }

    /// <summary>The number of requests that wait for the active slot, or for the end of a pause, now.</summary>
    public required int? Held { get; init; }

    /// <summary>The places of the active slot; null: any number of requests may be with it (<c>Upstream:MaxConcurrent</c>).</summary>
    public required PlacesView? Places { get; init; }

    /// <summary>The units beside the app; null: there are several apps; empty: none is set.</summary>
    public required IReadOnlyList<CompanionView>? Companions { get; init; }

    public IReadOnlyList<CertificateStatus> Certificates { get; init; } = [];

    /// <summary>What is known and done about an active unit that has failed for good; null: it has not.</summary>
    public required FailedActive? Rescue { get; init; }

    /// <summary>The processes that this one has replaced and that still have requests, the oldest first.</summary>
    public IReadOnlyList<FormerProcessView> Former { get; init; } = [];

    /// <summary>The fleet of the app; null: it is in none, or there are several apps.</summary>
    public FleetView? Fleet { get; init; }

    /// <summary>The sites as they are set, with their routes; empty: none is set.</summary>
    public IReadOnlyList<SiteView> Sites { get; init; } = [];

    /// <summary>All apps, or the one that was asked for, by name; in the order of their names.</summary>
    public required IReadOnlyDictionary<string, AppStatusView> Apps { get; init; }
}

/// <summary>The state of one app in <see cref="StatusView"/>.</summary>
internal sealed record AppStatusView
{
    public required SlotName Active { get; init; }

    public required IReadOnlyDictionary<SlotName, SlotView> Slots { get; init; }

    /// <summary>The switch that runs; null: none does.</summary>
    public required Switch? Switch { get; init; }

    public required Switch? LastSwitch { get; init; }

    /// <summary>The pause that is on; null: the app is not paused.</summary>
    public required PauseView? Pause { get; init; }

    /// <summary>The maintenance that is on; null: clients are served.</summary>
    public required MaintenanceView? Maintenance { get; init; }

    /// <summary>The number of requests that wait for the active slot, or for the end of a pause, now.</summary>
    public required int Held { get; init; }

    /// <summary>The places of the active slot; null: any number of requests may be with it (<c>Upstream:MaxConcurrent</c>).</summary>
    public required PlacesView? Places { get; init; }

    /// <summary>What is known and done about an active unit that has failed for good; null: it has not.</summary>
    public required FailedActive? Rescue { get; init; }

    /// <summary>The units beside the app; empty: none is set.</summary>
    public required IReadOnlyList<CompanionView> Companions { get; init; }

    /// <summary>The fleet of the app, without its nodes; null: it is in none.</summary>
    public FleetView? Fleet { get; init; }

    /// <summary>The hosts of the app, as set; empty: it is alone and gets every request.</summary>
    public required IReadOnlyList<string> Hosts { get; init; }
}

/// <summary>The state of one slot in <see cref="StatusView"/>.</summary>
internal sealed record SlotView
{
    public required string Address { get; init; }

    public required string Unit { get; init; }

    /// <summary>The state of the unit; null: the unit manager does not respond.</summary>
    public required UnitState? UnitState { get; init; }

    /// <summary>The number of the main process; null: the unit has none, or the unit manager does not respond.</summary>
    public required int? MainPid { get; init; }

    /// <summary>The memory of the unit in bytes; null: it is not known.</summary>
    public required long? Memory { get; init; }

    public required HealthState Health { get; init; }

    /// <summary>The label of the switch that deployed to it last; null: it is not known.</summary>
    public required string? Label { get; init; }

    /// <summary>The time until which it is kept running for an instant rollback; null: it is not.</summary>
    public DateTimeOffset? WarmUntil { get; init; }

    public required InFlightView InFlight { get; init; }

    /// <summary>The number of open connections to it, idle ones included.</summary>
    public required int Connections { get; init; }

    /// <summary>The number of requests that have ended since the proxy started.</summary>
    public required long Requests { get; init; }

    /// <summary>The number of those that ended with a 5xx.</summary>
    public required long Errors { get; init; }

    /// <summary>The number of clients in a hundred that get it, 0 to 100; only while a candidate has a share it is neither 0 nor 100.</summary>
    public double Share { get; init; }
}

/// <summary>The state of one unit of a companion.</summary>
/// <param name="Name">The companion.</param>
/// <param name="Slot">Whose it is; null: both slots share it.</param>
/// <param name="Unit">Its systemd service, or the name of the child process.</param>
/// <param name="UnitState">Null: the unit manager does not respond.</param>
/// <param name="MainPid">Null: it has none, or the unit manager does not respond.</param>
internal sealed record CompanionView(string Name, SlotName? Slot, string Unit, UnitState? UnitState, int? MainPid);

/// <summary>A pause of the app: its requests wait in the proxy.</summary>
/// <param name="Since">When it was asked for.</param>
/// <param name="MaxWait">How long a request waits.</param>
internal sealed record PauseView(DateTimeOffset Since, TimeSpan MaxWait);

/// <summary>A maintenance of the app: its clients get 503.</summary>
/// <param name="Since">When it was turned on.</param>
/// <param name="Message">For clients; empty: the proxy's own words.</param>
/// <param name="Until">When it ends by itself; null: somebody ends it.</param>
internal sealed record MaintenanceView(DateTimeOffset Since, string Message, DateTimeOffset? Until);

/// <summary>The places of the active slot, and the requests that wait for one.</summary>
/// <param name="Limit">How many ordinary requests may be with the slot; null: any number.</param>
/// <param name="PerClient">How many of one client; null: any number.</param>
/// <param name="Used">How many are.</param>
/// <param name="Queued">How many wait for their turn.</param>
/// <param name="OldestWait">How long the one that came first has waited; null: none waits.</param>
internal sealed record PlacesView(int? Limit, int? PerClient, int Used, int Queued, TimeSpan? OldestWait);

/// <summary>The numbers of requests in flight with a slot, by class.</summary>
internal sealed record InFlightView(int Http, int Stream, int WebSocket);

/// <summary>A process that this one has replaced, and what it still has.</summary>
/// <param name="Pid">The number of the process.</param>
/// <param name="Since">When it was replaced.</param>
/// <param name="Connections">The number of its open connections of clients.</param>
/// <param name="InFlight">Its requests with any slot of any app.</param>
/// <param name="Responds">False: it does not, and the figures are its last ones.</param>
internal sealed record FormerProcessView(int Pid, DateTimeOffset Since, int Connections, InFlightView InFlight, bool Responds);
