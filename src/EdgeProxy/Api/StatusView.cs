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

    /// <summary>The switch that runs; null: none.</summary>
    public required Switch? Switch { get; init; }

    public required Switch? LastSwitch { get; init; }

    /// <summary>Null: the app is not paused.</summary>
    public required PauseView? Pause { get; init; }

    /// <summary>Null: clients are served.</summary>
    public required MaintenanceView? Maintenance { get; init; }

    /// <summary>Requests that wait for the active slot, or for the end of a pause, now.</summary>
    public required int? Held { get; init; }

    /// <summary>Null: any number of requests may be with a slot (<c>Upstream:MaxConcurrent</c>).</summary>
    public required PlacesView? Places { get; init; }

    /// <summary>The units beside the app; null: there are several apps; empty: none is set.</summary>
    public required IReadOnlyList<CompanionView>? Companions { get; init; }

    public IReadOnlyList<CertificateStatus> Certificates { get; init; } = [];

    /// <summary>The active unit has failed for good; null: it has not.</summary>
    public required FailedActive? Rescue { get; init; }

    /// <summary>Processes that this one has replaced and that still have requests, the oldest first.</summary>
    public IReadOnlyList<FormerProcessView> Former { get; init; } = [];

    /// <summary>The fleet of the app; null: it is in none, or there are several apps.</summary>
    public FleetView? Fleet { get; init; }

    /// <summary>As set, with their routes; empty: none is.</summary>
    public IReadOnlyList<SiteView> Sites { get; init; } = [];

    /// <summary>By name, in the order of their names.</summary>
    public required IReadOnlyDictionary<string, AppStatusView> Apps { get; init; }
}

/// <summary>One app in <see cref="StatusView"/>.</summary>
internal sealed record AppStatusView
{
    public required SlotName Active { get; init; }

    public required IReadOnlyDictionary<SlotName, SlotView> Slots { get; init; }

    /// <summary>The switch that runs; null: none.</summary>
    public required Switch? Switch { get; init; }

    public required Switch? LastSwitch { get; init; }

    /// <summary>Null: the app is not paused.</summary>
    public required PauseView? Pause { get; init; }

    /// <summary>Null: clients are served.</summary>
    public required MaintenanceView? Maintenance { get; init; }

    /// <summary>Requests that wait for the active slot, or for the end of a pause, now.</summary>
    public required int Held { get; init; }

    /// <summary>Null: any number of requests may be with a slot (<c>Upstream:MaxConcurrent</c>).</summary>
    public required PlacesView? Places { get; init; }

    /// <summary>The active unit has failed for good; null: it has not.</summary>
    public required FailedActive? Rescue { get; init; }

    /// <summary>The units beside the app; empty: none is set.</summary>
    public required IReadOnlyList<CompanionView> Companions { get; init; }

    /// <summary>Null: it is in no fleet.</summary>
    public FleetView? Fleet { get; init; }

    /// <summary>Its hosts, as set; empty: it is alone and gets every request.</summary>
    public required IReadOnlyList<string> Hosts { get; init; }
}

/// <summary>One slot in <see cref="StatusView"/>.</summary>
internal sealed record SlotView
{
    public required string Address { get; init; }

    public required string Unit { get; init; }

    /// <summary>Null: the unit manager does not respond.</summary>
    public required UnitState? UnitState { get; init; }

    /// <summary>Null: it has none, or the unit manager does not respond.</summary>
    public required int? MainPid { get; init; }

    /// <summary>Bytes; null: not known.</summary>
    public required long? Memory { get; init; }

    public required HealthState Health { get; init; }

    /// <summary>What was deployed to it last; null: not known.</summary>
    public required string? Label { get; init; }

    /// <summary>Until when it is kept running for an instant rollback; null: it is not.</summary>
    public DateTimeOffset? WarmUntil { get; init; }

    public required InFlightView InFlight { get; init; }

    /// <summary>Open connections to it, idle ones included.</summary>
    public required int Connections { get; init; }

    /// <summary>Requests ended since the proxy started.</summary>
    public required long Requests { get; init; }

    /// <summary>Those that ended with a 5xx.</summary>
    public required long Errors { get; init; }

    /// <summary>How many of a hundred clients get it: 0 or 100, but while a candidate has a share.</summary>
    public double Share { get; init; }
}

/// <summary>One unit of a companion.</summary>
/// <param name="Name">The companion.</param>
/// <param name="Slot">Whose it is; null: both slots share it.</param>
/// <param name="Unit">Its systemd service, or the name of the child process.</param>
/// <param name="UnitState">Null: the unit manager does not respond.</param>
/// <param name="MainPid">Null: it has none, or the unit manager does not respond.</param>
internal sealed record CompanionView(string Name, SlotName? Slot, string Unit, UnitState? UnitState, int? MainPid);

/// <summary>The pause that is on.</summary>
/// <param name="Since">When it was asked for.</param>
/// <param name="MaxWait">How long a request waits.</param>
internal sealed record PauseView(DateTimeOffset Since, TimeSpan MaxWait);

/// <summary>The maintenance that is on.</summary>
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

/// <summary>Requests in flight by class.</summary>
internal sealed record InFlightView(int Http, int Stream, int WebSocket);

/// <summary>A process that was replaced.</summary>
/// <param name="Pid">It.</param>
/// <param name="Since">When.</param>
/// <param name="Connections">Of clients, that are open.</param>
/// <param name="InFlight">With any slot of any app.</param>
/// <param name="Responds">False: it does not, and the figures are its last ones.</param>
internal sealed record FormerProcessView(int Pid, DateTimeOffset Since, int Connections, InFlightView InFlight, bool Responds);
