namespace EdgeProxy.Api;

/// <summary>Where the admin API is found: for its server, and for the client of the command line.</summary>
internal static class AdminApi
{
    /// <summary>The Unix socket, unless the settings name another.</summary>
    public const string DefaultSocket = "/run/edgeproxy/admin.sock";

    public const string Dashboard = "/";
    public const string Switch = "/switch";
    public const string Rollback = "/rollback";
    public const string Preview = "/preview";
    public const string Promote = "/promote";
    public const string Abort = "/abort";
    public const string Switches = "/switches";
    public const string Status = "/status";
    public const string Health = "/health";
    public const string Traffic = "/traffic";
    public const string Events = "/events";
    public const string Metrics = "/metrics";
    public const string Pause = "/pause";
    public const string Resume = "/resume";
    public const string Maintenance = "/maintenance";
    public const string Handover = "/handover";
    public const string RenewCertificates = "/certificates/renew";
    public const string RootCertificate = "/certificates/root";
    public const string Apps = "/apps";
    public const string Alive = "/livez";
    public const string Ready = "/readyz";

    /// <summary>Query parameter of <see cref="Switch"/> and <see cref="Rollback"/>: false responds as soon as it has begun.</summary>
    public const string Wait = "wait";

    /// <summary>Query parameter of <see cref="Traffic"/>: only the samples that ended after this time, RFC 3339.</summary>
    public const string After = "after";

    /// <summary>Query parameter of <see cref="Events"/>: only what belongs to this switch, until it has ended.</summary>
    public const string EventsOfSwitch = "switch";

    /// <summary>A call about one of several apps: <c>/apps/NAME/switch</c>.</summary>
    public static string Of(string app, string path) => $"{Apps}/{app}{path}";

    /// <summary>One switch of <see cref="Switches"/>.</summary>
    public static string SwitchOf(string id) => $"{Switches}/{id}";
}
