using EdgeProxy.AdminCalls;

namespace EdgeProxy.Api;

/// <summary>Where the admin API is found: for its server, and for the client of the command line. Calls of a feature are in its folder
/// (<c>XApi.cs</c>).</summary>
internal static class AdminApi
{
    /// <summary>The path of the Unix socket, unless the settings name another.</summary>
    public const string DefaultSocket = "/run/edgeproxy/admin.sock";

    public const string Dashboard = "/";
    public const string Status = "/status";
    public const string Events = "/events";
    public const string Metrics = "/metrics";
    public const string Apps = AppPaths.Root;
    public const string Alive = "/livez";
    public const string Ready = "/readyz";

    /// <summary>The query parameter of <see cref="Events"/> that leaves only the events of the switch with this id, and ends the stream with it.</summary>
    public const string EventsOfSwitch = "switch";
}
